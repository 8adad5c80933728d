#include "tidemark/eventstore/memory_log.hpp"

#include "tidemark/eventstore/limits.hpp"
#include "tidemark/eventstore/refusals.hpp"

#include <algorithm>
#include <iterator>

namespace tidemark {

std::optional<append_outcome> memory_log::check(const append_request& request, instant now) const {
    if (auto fault = find_fault(request)) return append_outcome{std::move(*fault)};
    if (auto repeat = check_repeat(request, now)) return repeat;
    if (auto known = check_command(request)) return known;
    if (auto stale = check_stale(request)) return stale;
    return check_version(request);
}

append_outcome memory_log::append(const append_request& request, instant now,
                                  const position_source& draw) {
    if (auto refused = check(request, now)) return std::move(*refused);
    return store(request, now, draw);
}

append_outcome memory_log::append(const append_request& request, instant now) {
    return append(request, now, [this] { return position{last_position_.value() + 1}; });
}

std::optional<append_outcome> memory_log::check_repeat(const append_request& request,
                                                       instant now) const {
    if (request.events.empty()) {
        if (request.command || request.effects.empty()) return std::nullopt;
        const auto stored = effects_.find(request.effects.front().id);
        if (!stored) return std::nullopt;
        return committed_before(request, stored->source_version, last_position_, stored->stored_at,
                                now);
    }
    const auto first = event_ids_.find(request.events.front().id);
    if (first == event_ids_.end()) {
        for (const auto& event : request.events) {
            if (event_ids_.contains(event.id)) {
                return append_outcome{reused_event_id(request.stream, event.id)};
            }
        }
        return std::nullopt;
    }
    const auto& events = *first->second.stream;
    const auto begin =
        events.begin() + static_cast<std::ptrdiff_t>(first->second.version.value() - 1);
    const auto is_same =
        begin->stream == request.stream &&
        static_cast<std::size_t>(events.end() - begin) >= request.events.size() &&
        std::equal(request.events.begin(), request.events.end(), begin,
                   [](const auto& sent, const auto& stored) { return sent.id == stored.id; }) &&
        (!request.command || answers_.contains({request.command->scope, request.command->id}));
    if (!is_same) {
        return append_outcome{reused_event_id(request.stream, request.events.front().id)};
    }
    const auto& last = *(begin + static_cast<std::ptrdiff_t>(request.events.size() - 1));
    return committed_before(request, last.version, last.position, last.recorded_at, now);
}

append_committed memory_log::committed_before(const append_request& request, version at,
                                              position position, instant recorded_at,
                                              instant now) const {
    return {.version = at,
            .position = position,
            .recorded_at = recorded_at,
            .claimed = effects_.held_by(request.owner, request.effects, now)};
}

std::optional<append_outcome> memory_log::check_command(const append_request& request) const {
    if (!request.command) return std::nullopt;
    const auto known = answers_.find({request.command->scope, request.command->id});
    if (known == answers_.end()) return std::nullopt;
    if (known->second.payload_hash != request.command->payload_hash) {
        return append_outcome{reused_key(*request.command)};
    }
    return append_outcome{append_answered{known->second.first}};
}

std::optional<append_outcome> memory_log::check_stale(const append_request& request) const {
    for (const auto& held : request.completes) {
        if (!effects_.is_held(held)) return append_outcome{append_stale{stale_completion(held)}};
    }
    for (const auto& fire : request.fires) {
        if (!effects_.is_set(request.stream, fire)) {
            return append_outcome{append_stale{stale_fire(request.stream, fire)}};
        }
    }
    for (const auto& consumed : request.consumed) {
        const auto last = last_consumed(consumed);
        if (consumed.version != last.next()) {
            return append_outcome{append_stale{stale_consumption(consumed, last)}};
        }
    }
    return std::nullopt;
}

std::optional<append_outcome> memory_log::check_version(const append_request& request) const {
    if (request.expected.is_any()) return std::nullopt;
    const auto found = streams_.find(request.stream);
    const auto at = found == streams_.end() ? version{} : found->second.back().version;
    auto is_met = at == *request.expected.at();
    if (is_met && request.expected.head() && found != streams_.end()) {
        is_met = found->second.back().id == *request.expected.head();
    }
    if (is_met) return std::nullopt;
    return append_outcome{append_conflict{at}};
}

append_committed memory_log::store(const append_request& request, instant now,
                                   const position_source& draw) {
    const auto before = head(request.stream);
    const auto at = store_events(request, now, draw);
    const auto after = before.next(request.events.size());
    for (const auto& held : request.completes) effects_.end(held.effect);
    for (const auto& closed : request.closes) effects_.end(closed);
    for (const auto& fire : request.fires) effects_.end(fire.generation);
    for (const auto& consumed : request.consumed) {
        consumed_[{consumed.consumer, consumed.source.text()}] = consumed.version;
    }
    const memory_effects::origin from{.source = request.stream,
                                      .source_version = after,
                                      .now = now,
                                      .owner = request.owner,
                                      .lease = request.lease};
    for (const auto& name : request.timers_cancelled) effects_.cancel_timer(request.stream, name);
    for (const auto& timer : request.timers_set) effects_.set_timer(timer, from);
    auto claimed = effects_.add(request.effects, from);
    if (request.command) {
        store_answer(*request.command,
                     {.outcome = request.command->outcome,
                      .stream = request.stream,
                      .first_version = before,
                      .last_version = after,
                      .position = at,
                      .reason = request.command->reason,
                      .message = request.command->message},
                     now);
    }
    return {.version = after, .position = at, .recorded_at = now, .claimed = std::move(claimed)};
}

position memory_log::store_events(const append_request& request, instant now,
                                  const position_source& draw) {
    if (request.events.empty()) return last_position_;
    const auto [found, is_fresh] = streams_.try_emplace(request.stream);
    auto& events = found->second;
    if (is_fresh) stream_names_.insert(found->first.text());
    auto category = categories_.find(request.stream.category());
    if (category == categories_.end()) {
        category = categories_.try_emplace(std::string{request.stream.category()}).first;
    }
    position at;
    for (const auto& event : request.events) {
        at = draw();
        events.push_back({.position = at,
                          .stream = request.stream,
                          .version = version{events.size() + 1},
                          .id = event.id,
                          .message = event.message,
                          .trace = request.trace,
                          .recorded_at = now});
        event_ids_.try_emplace(event.id, event_place{&events, events.back().version});
        const log_entry entry{.at = at, .event = &events.back()};
        insert_ordered(order_, entry);
        insert_ordered(category->second, entry);
        last_position_ = std::max(last_position_, at);
    }
    return at;
}

void memory_log::store_answer(const command_record& command, answer given, instant now) {
    answers_.emplace(
        name_pair{command.scope, command.id},
        stored_answer{
            .payload_hash = command.payload_hash, .first = std::move(given), .given_at = now});
}

answer_sweep memory_log::prune_answers(const answer_place& after, instant before,
                                       std::size_t limit) {
    answer_sweep swept;
    auto next = answers_.upper_bound({after.scope, after.id});
    answer_place last = after;
    for (auto looked = std::size_t{0}; next != answers_.end() && looked < limit; ++looked) {
        const auto& [scope, id] = next->first;
        last = {scope, id};
        if (next->second.given_at >= before || effects_.may_ask_again(scope, id)) {
            ++next;
            continue;
        }
        next = answers_.erase(next);
        ++swept.pruned;
    }
    if (next != answers_.end()) swept.next = std::move(last);
    return swept;
}

void memory_log::insert_ordered(std::vector<log_entry>& entries, const log_entry& entry) {
    auto place = entries.end();
    while (place != entries.begin() && std::prev(place)->at > entry.at) --place;
    entries.insert(place, entry);
}

version memory_log::last_consumed(const consumption& consumed) const {
    const auto found = consumed_.find({consumed.consumer, consumed.source.text()});
    return found == consumed_.end() ? version{} : found->second;
}

version memory_log::head(const stream_id& stream) const {
    const auto found = streams_.find(stream);
    return found == streams_.end() ? version{} : found->second.back().version;
}

std::vector<recorded_event> memory_log::read(const stream_id& stream, version after,
                                             std::size_t limit) const {
    const auto found = streams_.find(stream);
    if (found == streams_.end() || after.value() >= found->second.size()) return {};
    const auto& events = found->second;
    std::vector<recorded_event> page;
    page_fill fill{limit};
    for (auto at = after.value(); at < events.size() && !fill.is_full(); ++at) {
        page.push_back(events[at]);
        fill.add(page.back().message.payload.size());
    }
    return page;
}

event_page memory_log::read_all(position after, position horizon, std::size_t limit,
                                std::string_view category) const {
    event_page page{.horizon = horizon, .seen = after};
    const auto* entries = &order_;
    if (!category.empty()) {
        const auto found = categories_.find(category);
        static const std::vector<log_entry> nothing;
        entries = found == categories_.end() ? &nothing : &found->second;
    }
    const auto is_before = [](const log_entry& entry, position p) { return entry.at <= p; };
    const auto is_after = [](position p, const log_entry& entry) { return p < entry.at; };
    auto next = std::lower_bound(entries->begin(), entries->end(), after, is_before);
    page_fill fill{limit};
    for (; next != entries->end() && next->at <= horizon; ++next) {
        if (fill.is_full()) return page;
        page.events.push_back(*next->event);
        fill.add(next->event->message.payload.size());
        page.seen = next->at;
    }
    const auto beyond = std::upper_bound(order_.begin(), order_.end(), horizon, is_after);
    if (beyond != order_.begin()) page.seen = std::max(page.seen, std::prev(beyond)->at);
    return page;
}

std::optional<snapshot> memory_log::latest_snapshot(const stream_id& stream,
                                                    const std::string& name) const {
    const auto found = snapshots_.find({stream.text(), name});
    if (found == snapshots_.end()) return std::nullopt;
    return found->second;
}

void memory_log::save_snapshot(snapshot taken) {
    auto& kept = snapshots_[{taken.stream.text(), taken.name}];
    if (taken.version >= kept.version) kept = std::move(taken);
}

std::vector<snapshot_summary> memory_log::list_snapshots(const snapshot_place& after,
                                                         std::size_t limit) const {
    std::vector<snapshot_summary> found;
    auto at = snapshots_.upper_bound({after.stream, after.name});
    for (; at != snapshots_.end() && found.size() < limit; ++at) {
        const auto& kept = at->second;
        found.push_back({kept.stream, kept.name, kept.version, kept.payload.size()});
    }
    return found;
}

std::optional<answer> memory_log::find_answer(const std::string& scope,
                                              const std::string& id) const {
    const auto found = answers_.find({scope, id});
    if (found == answers_.end()) return std::nullopt;
    return found->second.first;
}

std::vector<stream_summary> memory_log::list_streams(const std::string& prefix,
                                                     const std::string& after,
                                                     std::size_t limit) const {
    std::vector<stream_summary> found;
    auto next =
        after < prefix ? stream_names_.lower_bound(prefix) : stream_names_.upper_bound(after);
    for (; next != stream_names_.end() && found.size() < limit; ++next) {
        if (!next->starts_with(prefix)) break;
        const auto stream = stream_id::parse(*next);
        const auto& last = streams_.at(*stream).back();
        found.push_back({.stream = last.stream,
                         .version = last.version,
                         .last_position = last.position,
                         .last_recorded_at = last.recorded_at});
    }
    return found;
}

}  // namespace tidemark
