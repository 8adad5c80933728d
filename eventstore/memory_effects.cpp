#include "tidemark/eventstore/memory_effects.hpp"

#include "tidemark/eventstore/refusals.hpp"

#include <algorithm>
#include <utility>

namespace tidemark {

bool memory_effects::is_held(const completion& held) const {
    const auto* r = lookup(held.effect);
    return r != nullptr && !r->owner.empty() && r->work.token == held.token;
}

bool memory_effects::is_set(const stream_id& stream, const timer_fire& fire) const {
    const auto found = timers_.find({stream.text(), fire.name});
    return found != timers_.end() && found->second == fire.generation;
}

std::vector<effect_claim> memory_effects::add(const std::vector<new_effect>& effects,
                                              const origin& from) {
    std::vector<effect_claim> claimed;
    for (auto e = effects.begin(); e != effects.end(); ++e) {
        if (lookup(e->id) != nullptr) continue;
        row fresh;
        fresh.work = {.effect = *e,
                      .source = from.source,
                      .source_version = from.source_version,
                      .timer_name = {},
                      .attempt = 0,
                      .stored_at = from.now,
                      .due = from.now};
        auto& added = insert(std::move(fresh));
        for (auto before = effects.begin(); before != e; ++before) {
            if (before->tree != e->tree || std::ranges::count(e->after, before->index) == 0)
                continue;
            lookup(before->id)->dependents.push_back(e->id);
            ++added.unmet;
        }
        if (!from.owner.empty() && added.unmet == 0 && is_head(added)) {
            lease_to(added, from.owner, from.now + from.lease);
            claimed.push_back({.effect = e->id, .token = added.work.token});
        }
        place(added);
    }
    return claimed;
}

void memory_effects::set_timer(const new_timer& timer, const origin& from) {
    cancel_timer(from.source, timer.name);
    end(timer.generation);
    row fresh;
    fresh.work.effect = {.id = timer.generation,
                         .kind = effect_kind::timer,
                         .target = from.source,
                         .message = timer.message,
                         .options = timer.options,
                         .trace = timer.trace};
    fresh.work.source = from.source;
    fresh.work.source_version = from.source_version;
    fresh.work.timer_name = timer.name;
    fresh.work.attempt = 0;
    fresh.work.stored_at = from.now;
    fresh.work.due = timer.due;
    timers_[{from.source.text(), timer.name}] = timer.generation;
    place(insert(std::move(fresh)));
}

void memory_effects::cancel_timer(const stream_id& stream, const std::string& name) {
    const auto found = timers_.find({stream.text(), name});
    if (found != timers_.end()) end(found->second);
}

void memory_effects::end(const message_id& effect) {
    auto* r = lookup(effect);
    if (r == nullptr) return;
    const auto dependents = std::move(r->dependents);
    const auto key = r->work.effect.sequence_key;
    erase(*r);
    for (const auto& id : dependents) {
        auto* waiting = lookup(id);
        if (waiting == nullptr) continue;
        --waiting->unmet;
        place(*waiting);
    }
    place_head(key);
}

std::vector<effect_claim> memory_effects::held_by(const std::string& owner,
                                                  const std::vector<new_effect>& effects,
                                                  instant now) const {
    std::vector<effect_claim> held;
    if (owner.empty()) return held;
    for (const auto& effect : effects) {
        const auto* r = lookup(effect.id);
        if (r == nullptr || r->owner != owner || r->until <= now) continue;
        held.push_back({.effect = effect.id, .token = r->work.token});
    }
    return held;
}

effect_log::claim_page memory_effects::claim(const effect_log::claim_request& request,
                                             instant now) {
    effect_log::claim_page page;
    while (page.claimed.size() < request.limit && !candidates_.empty()) {
        const auto [at, sequence] = *candidates_.begin();
        if (at > now) break;
        auto& r = *by_sequence_.at(sequence);
        lease_to(r, request.owner, now + request.lease);
        place(r);
        page.claimed.push_back(r.work);
    }
    if (!candidates_.empty()) page.next_due = candidates_.begin()->first;
    return page;
}

std::optional<claimed_effect> memory_effects::find(const message_id& effect) const {
    const auto* r = lookup(effect);
    if (r == nullptr) return std::nullopt;
    return r->work;
}

std::vector<message_id> memory_effects::renew(const std::string& owner,
                                              const std::vector<effect_claim>& held, duration lease,
                                              instant now) {
    std::vector<message_id> lost;
    for (const auto& claim : held) {
        auto* r = lookup_held({.effect = claim.effect, .token = claim.token});
        if (r == nullptr || r->owner != owner) {
            lost.push_back(claim.effect);
            continue;
        }
        r->until = now + lease;
        place(*r);
    }
    return lost;
}

std::vector<message_id> memory_effects::complete(const std::vector<completion>& ended) {
    std::vector<message_id> stale;
    for (const auto& held : ended) {
        if (lookup_held(held) == nullptr) {
            stale.push_back(held.effect);
        } else {
            end(held.effect);
        }
    }
    return stale;
}

result<void> memory_effects::retry_later(const completion& held, instant due,
                                         std::string error_code, std::string error_message) {
    auto* r = lookup_held(held);
    if (r == nullptr) return stale_token(held);
    r->work.due = due;
    r->error_code = std::move(error_code);
    r->error_message = std::move(error_message);
    free_lease(*r);
    place(*r);
    return {};
}

void memory_effects::release(const std::vector<completion>& held) {
    for (const auto& one : held) {
        auto* r = lookup_held(one);
        if (r == nullptr) continue;
        if (r->work.attempt > 0) --r->work.attempt;
        free_lease(*r);
        place(*r);
    }
}

result<void> memory_effects::park(const completion& held, std::string error_code,
                                  std::string error_message, instant now) {
    auto* r = lookup_held(held);
    if (r == nullptr) return stale_token(held);
    free_lease(*r);
    r->is_parked = true;
    r->parked_at = now;
    r->error_code = std::move(error_code);
    r->error_message = std::move(error_message);
    parked_[r->sequence] = r;
    place(*r);
    return {};
}

std::vector<dead_letter> memory_effects::dead_letters(const dead_letter_filter& filter) const {
    std::vector<dead_letter> letters;
    for (const auto& [sequence, r] : parked_) {
        if (letters.size() == filter.limit) break;
        const auto& work = r->work;
        if (!filter.error_code.empty() && r->error_code != filter.error_code) continue;
        if (!work.source.text().starts_with(filter.stream_prefix) &&
            !work.effect.target.text().starts_with(filter.stream_prefix)) {
            continue;
        }
        const auto queued = queues_.find(work.effect.sequence_key);
        letters.push_back(
            {.work = work,
             .error_code = r->error_code,
             .error_message = r->error_message,
             .parked_at = r->parked_at,
             .waiting_behind = queued == queues_.end() ? 0 : queued->second.size() - 1});
    }
    return letters;
}

result<void> memory_effects::replay(const message_id& effect, const audit_entry& who, instant now) {
    auto* r = lookup(effect);
    if (r == nullptr || !r->is_parked) return not_parked(effect);
    audit(*r, who, "replay", now);
    parked_.erase(r->sequence);
    r->is_parked = false;
    r->work.attempt = 0;
    r->work.due = now;
    place(*r);
    return {};
}

result<void> memory_effects::drop(const message_id& effect, const audit_entry& who, instant now) {
    if (who.reason.empty()) return reason_missing(effect);
    auto* r = lookup(effect);
    if (r == nullptr || !r->is_parked) return not_parked(effect);
    audit(*r, who, "drop", now);
    end(effect);
    return {};
}

std::vector<audit_record> memory_effects::audit_trail(std::size_t limit) const {
    std::vector<audit_record> newest;
    for (auto it = audit_.rbegin(); it != audit_.rend() && newest.size() < limit; ++it) {
        newest.push_back(*it);
    }
    return newest;
}

std::vector<claimed_effect> memory_effects::pending(const stream_id& source) const {
    std::vector<claimed_effect> found;
    const auto queued = by_source_.find(source.text());
    if (queued == by_source_.end()) return found;
    for (const auto& [sequence, r] : queued->second) found.push_back(r->work);
    return found;
}

bool memory_effects::may_ask_again(const std::string& scope, std::string_view id) const {
    const auto effect = effect_of_answer(id);
    if (effect && rows_.contains(*effect)) return true;
    const auto of_scope = by_source_.find(scope);
    return of_scope != by_source_.end() &&
           std::ranges::any_of(of_scope->second, [](const auto& one) {
               return one.second->work.effect.kind == effect_kind::settle;
           });
}

std::optional<instant> memory_effects::oldest_dead_letter() const {
    std::optional<instant> oldest;
    for (const auto& [sequence, r] : parked_) {
        oldest = std::min(oldest.value_or(r->parked_at), r->parked_at);
    }
    return oldest;
}

effect_log::counts memory_effects::count(instant now) const {
    effect_log::counts counts;
    counts.parked = parked_.size();
    counts.oldest_parked_at = oldest_dead_letter();
    for (const auto& [id, r] : rows_) {
        if (r.is_parked) continue;
        if (r.work.effect.kind == effect_kind::timer) {
            ++counts.timers;
        } else if (!r.owner.empty() && r.until > now) {
            ++counts.leased;
        } else if (r.candidate_at && *r.candidate_at <= now) {
            ++counts.ready;
        } else {
            ++counts.waiting;
        }
    }
    return counts;
}

memory_effects::row& memory_effects::insert(row fresh) {
    fresh.sequence = ++last_sequence_;
    const auto id = fresh.work.effect.id;
    auto& r = rows_.emplace(id, std::move(fresh)).first->second;
    by_sequence_[r.sequence] = &r;
    by_source_[r.work.source.text()][r.sequence] = &r;
    const auto& key = r.work.effect.sequence_key;
    if (!key.empty()) queues_[key][r.sequence] = &r;
    return r;
}

void memory_effects::erase(row& gone) {
    if (gone.candidate_at) candidates_.erase({*gone.candidate_at, gone.sequence});
    if (gone.work.effect.kind == effect_kind::timer) {
        timers_.erase({gone.work.source.text(), gone.work.timer_name});
    }
    const auto leave = [&](std::unordered_map<std::string, queue>& queues,
                           const std::string& name) {
        const auto found = queues.find(name);
        if (found == queues.end()) return;
        found->second.erase(gone.sequence);
        if (found->second.empty()) queues.erase(found);
    };
    leave(queues_, gone.work.effect.sequence_key);
    leave(by_source_, gone.work.source.text());
    parked_.erase(gone.sequence);
    by_sequence_.erase(gone.sequence);
    const auto id = gone.work.effect.id;
    rows_.erase(id);
}

memory_effects::row* memory_effects::lookup(const message_id& effect) {
    const auto found = rows_.find(effect);
    return found == rows_.end() ? nullptr : &found->second;
}

const memory_effects::row* memory_effects::lookup(const message_id& effect) const {
    const auto found = rows_.find(effect);
    return found == rows_.end() ? nullptr : &found->second;
}

memory_effects::row* memory_effects::lookup_held(const completion& held) {
    return is_held(held) ? lookup(held.effect) : nullptr;
}

bool memory_effects::is_head(const row& r) const {
    const auto queued = queues_.find(r.work.effect.sequence_key);
    return queued == queues_.end() || queued->second.begin()->second == &r;
}

void memory_effects::place(row& r) {
    if (r.candidate_at) candidates_.erase({*r.candidate_at, r.sequence});
    r.candidate_at.reset();
    if (r.is_parked || r.unmet > 0 || !is_head(r)) return;
    r.candidate_at = r.owner.empty() ? r.work.due : r.until;
    candidates_.insert({*r.candidate_at, r.sequence});
}

void memory_effects::place_head(const std::string& key) {
    const auto queued = queues_.find(key);
    if (queued != queues_.end()) place(*queued->second.begin()->second);
}

void memory_effects::lease_to(row& r, const std::string& owner, instant until) {
    r.owner = owner;
    r.until = until;
    r.work.token = ++last_token_;
    ++r.work.attempt;
}

void memory_effects::free_lease(row& r) {
    r.owner.clear();
    r.until = {};
}

void memory_effects::audit(const row& r, const audit_entry& who, std::string_view action,
                           instant now) {
    audit_.push_back({.who = who,
                      .action = std::string{action},
                      .effect = r.work.effect.id,
                      .source = r.work.source,
                      .message_name = r.work.effect.message.name,
                      .at = now});
}

}  // namespace tidemark
