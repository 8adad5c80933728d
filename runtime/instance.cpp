#include "tidemark/runtime/instance.hpp"

#include "tidemark/core/assert.hpp"
#include "tidemark/core/planted.hpp"
#include "tidemark/core/thrown.hpp"
#include "tidemark/observability/log.hpp"
#include "tidemark/runtime/effect_options.hpp"
#include "tidemark/runtime/shard_runtime.hpp"

#include <algorithm>
#include <utility>

namespace tidemark {

namespace {

using fsm_input = command_fsm::input;
using fsm_action = command_fsm::action;

/// Memory of a live instance besides its state, roughly: itself, its place in the table and list.
constexpr std::size_t instance_overhead = sizeof(instance) + 256;

}  // namespace

instance::instance(shard_runtime& shard, const stream_type& type, snapshot_policy snapshots,
                   stream_id id)
    : shard_{shard}, type_{type}, snapshots_{snapshots}, id_{std::move(id)} {}

void instance::submit(envelope_ptr envelope) {
    const command_fsm::options limits{.attempts_max = shard_.options().attempts_max,
                                      .caller_expects = envelope->expected.has_value()};
    auto e = std::make_unique<entry>(std::move(envelope), limits);
    e->began = shard_.steady();
    if (!quarantine_.empty()) {
        answer_failed(*e, error{errc::quarantined, quarantine_});
        return;
    }
    if (waiting_.size() >= shard_.options().mailbox_max) {
        answer_failed(*e,
                      error{errc::overloaded, "mailbox of " + id_.text() + " holds " +
                                                  std::to_string(waiting_.size()) +
                                                  " commands (runtime.mailbox_max); try again "
                                                  "later or spread the load over more streams"});
        return;
    }
    if (hash_payload(*e)) waiting_.push_back(std::move(e));
    pump();
}

/// What tells a repetition from another command under the same key. False: the command holds what
/// cannot be stored, and its caller was told so.
bool instance::hash_payload(entry& e) {
    if (e.envelope.scope.empty()) return true;
    try {
        e.payload_hash = payload_hash(e.envelope.command->encode());
        return true;
    } catch (...) {
        answer_failed(e, error{errc::malformed_payload,
                               "the command cannot be kept under its key: " + thrown_text()});
        return false;
    }
}

void instance::pump() {
    if (is_pumping_) return;
    is_pumping_ = true;
    while (!waiting_.empty() && flight_.size() < depth_) {
        if (stage_ == stage::cold) start_load();
        if (stage_ != stage::ready) break;
        auto e = std::move(waiting_.front());
        waiting_.pop_front();
        begin(std::move(e));
    }
    is_pumping_ = false;
    if (is_idle()) shard_.idle(*this);
}

void instance::start_load() {
    stage_ = stage::loading;
    is_busy_ = true;
    auto& first = *waiting_.front();
    if (first.fsm.at() == command_fsm::state::waiting) first.fsm.step(fsm_input::begin_cold);
    shard_.load(*this);
}

void instance::on_loaded(result<loaded_stream> loaded) {
    is_busy_ = false;
    if (loaded) {
        state_ = std::move(loaded->state);
        version_ = loaded->version;
        head_ = loaded->head;
        bytes_unsaved_ = loaded->bytes_folded;
        stage_ = stage::ready;
        measure();
    } else {
        stage_ = stage::cold;
        if (loaded.error().code() == errc::quarantined) quarantine_ = loaded.error().message();
        auto failed = std::exchange(waiting_, {});
        for (auto& e : failed) answer_failed(*e, loaded.error());
    }
    pump();
}

void instance::begin(entry_ptr e) {
    if (e->envelope.deadline <= shard_.steady()) {
        answer_action(*e, e->fsm.step(fsm_input::deadline_passed));
    } else if (meets_expected(e)) {
        decide(std::move(e));
    }
}

/// Judges the caller's expected version against the tentative one. A mismatch is only told once it
/// is true: after what is in flight has ended and, where others may write, the stream was read
/// again. False: it took the entry, to put it back until then or to have it judged.
bool instance::meets_expected(entry_ptr& e) {
    if (!e->envelope.expected || *e->envelope.expected == version_) return true;
    if (!flight_.empty()) {
        waiting_.push_front(std::move(e));
        stage_ = stage::draining;
        return false;
    }
    if (shard_.events().is_shared() && !e->has_reloaded) {
        e->has_reloaded = true;
        waiting_.push_front(std::move(e));
        stage_ = stage::cold;
        return false;
    }
    probe(std::move(e));
    return false;
}

/// The caller's version is wrong, but a repeated key must hear its first answer before any
/// conflict: the event store judges both, by an append that can never be stored.
void instance::probe(entry_ptr e) {
    auto& fsm = e->fsm;
    if (fsm.at() == command_fsm::state::loading) fsm.step(fsm_input::loaded);
    if (fsm.at() == command_fsm::state::waiting) fsm.step(fsm_input::begin_warm);
    fsm.step(fsm_input::decided_something);
    append_request request;
    request.stream = id_;
    request.expected =
        expected_version::exactly(*e->envelope.expected, message_id::derive({"none"}));
    if (!e->envelope.scope.empty()) {
        request.command = command_record{.scope = e->envelope.scope,
                                         .id = e->envelope.key,
                                         .payload_hash = e->payload_hash,
                                         .reason = {},
                                         .message = {}};
    }
    e->version_before = e->version_after = version_;
    fly(std::move(e));
    shard_.append(std::move(request), *this, flight_.back()->ticket);
}

void instance::decide(entry_ptr e) {
    auto& fsm = e->fsm;
    // What an earlier decision that was undone has left behind.
    e->snapshot.reset();
    e->sent.reset();
    fsm.step(fsm.at() == command_fsm::state::loading ? fsm_input::loaded : fsm_input::begin_warm);
    context given;
    given.now = shard_.world().clock().now();
    given.stream = id_;
    given.version = version_;
    given.command = e->envelope.id;
    given.causation = e->envelope.trace.causation;
    given.correlation = e->envelope.trace.correlation;
    const auto& bytes = e->envelope.id.value();
    for (std::size_t i = 8; i < bytes.size(); ++i) given.seed = given.seed << 8U | bytes[i];

    const auto began = shard_.steady();
    auto made = type_.decide(*state_, *e->envelope.command, given);
    shard_.metrics().decided(type_.category(), shard_.steady() - began);
    if (!made) {
        fsm.step(fsm_input::decide_failed);
        answer_failed(*e, made.error().error);
        if (made.error().state_is_broken) break_state();
        return;
    }
    e->refused = made->refused;
    e->version_before = version_;
    append(std::move(e), std::move(made).value());
}

void instance::append(entry_ptr e, decided made) {
    const auto& env = e->envelope;
    const bool is_recorded =
        !env.scope.empty() && !(e->refused && planted::is(planted::bug::refusals_not_stored));
    const bool carries = !env.completes.empty() || !env.fires.empty() || !env.consumed.empty() ||
                         !env.closes.empty();
    if (made.is_empty() && !is_recorded && !carries && !shard_.events().is_shared()) {
        e->version_after = version_;
        answer_action(*e, e->fsm.step(fsm_input::decided_nothing));
        fly(std::move(e));
        settle_front();
        return;
    }
    e->fsm.step(fsm_input::decided_something);
    auto request = make_request(*e, std::move(made));
    version_ = version_.next(request.events.size());
    if (!request.events.empty()) head_ = request.events.back().id;
    e->version_after = version_;
    e->head_after = head_;
    if (takes_snapshot(e->version_before, request.events)) {
        e->snapshot = encoded_state();
    }
    fly(std::move(e));
    shard_.append(std::move(request), *this, flight_.back()->ticket);
}

/// Whether the state behind these events is to be stored with them.
bool instance::takes_snapshot(version before, const std::vector<new_event>& events) {
    for (const auto& event : events) bytes_unsaved_ += event.message.payload.size();
    const auto every = snapshots_.every;
    const auto is_far = every > 0 && version_.value() / every != before.value() / every;
    const auto is_large =
        snapshots_.bytes > 0 && !events.empty() && bytes_unsaved_ >= snapshots_.bytes;
    if (!is_far && !is_large) return false;
    bytes_unsaved_ = 0;
    return true;
}

append_request instance::make_request(const entry& e, decided made) {
    const auto& env = e.envelope;
    append_request request;
    request.stream = id_;
    request.expected = planted::is(planted::bug::expected_version_without_event_id)
                           ? expected_version::exactly(version_)
                           : expected_version::exactly(version_, head_);
    request.events.reserve(made.events.size());
    for (auto& event : made.events) {
        request.events.push_back({shard_.world().fresh_id(), std::move(event)});
    }
    request.trace = {env.trace.correlation, env.id, env.trace.traceparent};
    plan_effects(request, e, made);
    if (!env.scope.empty() && !(e.refused && planted::is(planted::bug::refusals_not_stored))) {
        command_record record{.scope = env.scope,
                              .id = env.key,
                              .payload_hash = e.payload_hash,
                              .reason = {},
                              .message = {}};
        if (e.refused) {
            record.outcome = answer::kind::refused;
            record.reason = e.refused->code;
            record.message = e.refused->message;
        }
        request.command = std::move(record);
    }
    request.completes = env.completes;
    request.fires = env.fires;
    request.consumed = env.consumed;
    request.closes = env.closes;
    for (auto id : made.closes) request.closes.push_back(id);
    if (!request.effects.empty() && shard_.can_claim()) {
        request.owner = shard_.owner();
        request.lease = shard_.options().lease;
    }
    return request;
}

void instance::plan_effects(append_request& request, const entry& e, decided& made) const {
    for (auto& planned : made.effects) {
        new_effect effect;
        effect.id = effect_key(id_, e.envelope.id, e.version_before, planned.index);
        effect.kind = planned.kind;
        effect.target = std::move(planned.target);
        effect.message = std::move(planned.message);
        effect.sequence_key = std::move(planned.sequence_key);
        if (effect.sequence_key.empty() && effect.kind == effect_kind::send) {
            effect.sequence_key = id_.text() + ">" + effect.target.text();
        }
        effect.tree = e.envelope.id;
        effect.index = planned.index;
        effect.after = std::move(planned.after);
        effect.options = std::move(planned.options);
        effect.trace = request.trace;
        request.effects.push_back(std::move(effect));
    }
    for (auto& planned : made.timers_set) {
        const auto generation = timer_generation(id_, planned.name, e.envelope.id);
        request.timers_set.push_back({std::move(planned.name), generation, planned.due,
                                      std::move(planned.message), std::move(planned.options),
                                      request.trace});
    }
    request.timers_cancelled = std::move(made.timers_cancelled);
}

void instance::fly(entry_ptr e) {
    e->ticket = next_ticket_++;
    flight_.push_back(std::move(e));
}

void instance::expire(duration steady_now) {
    std::erase_if(waiting_, [&](entry_ptr& e) {
        if (e->envelope.deadline > steady_now) return false;
        answer_action(*e, e->fsm.step(fsm_input::deadline_passed));
        return true;
    });
    for (auto& e : flight_) {
        if (e->fsm.is_answered() || e->envelope.deadline > steady_now) continue;
        answer_action(*e, e->fsm.step(fsm_input::deadline_passed));
    }
    if (is_idle()) shard_.idle(*this);
}

void instance::abandon() {
    const auto waiting = std::exchange(waiting_, {});
    const auto flight = std::exchange(flight_, {});
    const auto redo = std::exchange(redo_, {});
}

void instance::break_state() {
    state_.reset();
    stage_ = flight_.empty() ? stage::cold : stage::draining;
}

/// Nothing, and a line in the log, if the author put into it what cannot be stored: the stream goes
/// on without snapshots.
std::optional<std::string> instance::encoded_state() {
    try {
        return type_.encode_state(*state_);
    } catch (...) {
        if (!std::exchange(is_told_unwritable_, true)) {
            log::warn("state not encoded", {"stream", id_.text()}, {"reason", thrown_text()});
        }
        return std::nullopt;
    }
}

void instance::measure() {
    const auto before = bytes_;
    const auto text = state_ ? encoded_state() : std::nullopt;
    bytes_ = instance_overhead + (text ? 2 * text->size() : 0);
    measured_at_ = version_.value();
    shard_.resized(static_cast<std::ptrdiff_t>(bytes_) - static_cast<std::ptrdiff_t>(before));
}

}  // namespace tidemark
