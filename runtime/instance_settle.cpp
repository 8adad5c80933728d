// What happens when the event store has answered: the second half of `instance`.
#include "tidemark/core/assert.hpp"
#include "tidemark/runtime/instance.hpp"
#include "tidemark/runtime/shard_runtime.hpp"

#include <algorithm>
#include <utility>

namespace tidemark {

namespace {

using fsm_input = command_fsm::input;
using fsm_action = command_fsm::action;

/// What a stored append tells the command's sender.
answer stored_answer(const stream_id& stream, version before, const append_committed& committed) {
    answer out;
    out.stream = stream;
    out.first_version = before;
    out.last_version = committed.version;
    out.position = committed.position;
    return out;
}

error conflict_error(const stream_id& stream, std::uint32_t attempts, version head) {
    return error{errc::conflict, "stream " + stream.text() + " is at version " +
                                     std::to_string(head.value()) + " (attempt " +
                                     std::to_string(attempts) +
                                     "); read it again and decide on what is there now"};
}

/// Only what has a key has an answer to ask for.
error unknown_error(const stream_id& stream, const command_envelope& command) {
    const std::string remedy =
        command.scope.empty()
            ? "it has no key, so read stream " + stream.text() + " before it is sent again"
            : "ask what became of \"" + command.key + "\" of \"" + command.scope +
                  "\", or send it again under that key";
    return error{errc::unknown_outcome, "the deadline of the call ended while command " +
                                            command.id.to_string() + " was being stored; " +
                                            remedy};
}

}  // namespace

void instance::on_outcome(std::uint64_t ticket, append_outcome outcome,
                          const append_request& sent) {
    TIDEMARK_ASSERT(!flight_.empty() && ticket >= flight_.front()->ticket);
    const auto at = static_cast<std::size_t>(ticket - flight_.front()->ticket);
    TIDEMARK_ASSERT(at < flight_.size());
    auto& e = *flight_[at];
    const auto* failed = std::get_if<error>(&outcome);
    const bool is_unknown = failed != nullptr && failed->code() == errc::unknown_outcome;
    const auto* stored = std::get_if<append_committed>(&outcome);
    if (stored != nullptr) shard_.committed(*this, sent, *stored);
    if (is_unknown) e.sent = sent;
    e.outcome = std::move(outcome);
    settle_front();
}

/// Ends what is at the front as far as outcomes are known, in order, so that no reply overtakes the
/// commits it was decided on.
void instance::settle_front() {
    while (!flight_.empty()) {
        auto& front = *flight_.front();
        const bool waits = front.fsm.at() == command_fsm::state::held || front.fsm.is_answered();
        if (!front.outcome &&
            !(waits && !front.sent && front.fsm.at() != command_fsm::state::resolving)) {
            break;
        }
        if (!settle(front)) break;
        if (front.fsm.at() == command_fsm::state::waiting)
            redo_.push_back(std::move(flight_.front()));
        flight_.pop_front();
    }
    if (flight_.empty()) landed();
    pump();
}

/// False: the front was sent again and stays.
bool instance::settle(entry& front) {
    if (!front.outcome) {  // held, or held and already told of its deadline
        if (front.fsm.at() == command_fsm::state::held) {
            answer_action(front,
                          front.fsm.step(is_doomed_ ? fsm_input::undone : fsm_input::released));
        }
        return true;
    }
    if (const auto* failed = std::get_if<error>(&*front.outcome);
        failed != nullptr && failed->code() == errc::unknown_outcome) {
        front.fsm.step(fsm_input::outcome_unknown);
        front.outcome.reset();
        shard_.append_again(*front.sent, *this, front.ticket, front.resends++);
        return false;
    }
    if (const auto* stored = std::get_if<append_committed>(&*front.outcome)) {
        committed(front, *stored);
    } else {
        fell_through(front);
    }
    return true;
}

void instance::committed(entry& front, const append_committed& outcome) {
    depth_ = std::min(depth_ * 2, shard_.options().pipeline_max);
    if (front.snapshot) {
        shard_.save({id_, std::string{type_.state_name()}, front.version_after, front.head_after,
                     std::move(*front.snapshot)});
    }
    if (front.fsm.step(fsm_input::committed) != fsm_action::reply_committed) return;
    auto stored = stored_answer(id_, front.version_before, outcome);
    if (front.refused) {
        stored.outcome = answer::kind::refused;
        stored.reason = front.refused->code;
        stored.message = front.refused->message;
        answer(front, tidemark::outcome{front.envelope.id, *front.refused}, std::move(stored));
    } else {
        answer(front,
               tidemark::outcome{front.envelope.id, receipt{outcome.version, outcome.position}},
               std::move(stored));
    }
}

/// The front was not stored: everything decided behind it stands on a state that never existed.
void instance::fell_through(entry& front) {
    const bool was_doomed = std::exchange(is_doomed_, true);
    stage_ = stage::draining;
    if (const auto* lost = std::get_if<append_conflict>(&*front.outcome)) {
        depth_ = 1;
        shard_.metrics().append_conflict(type_.category());
        const auto action = front.fsm.step(was_doomed ? fsm_input::undone : fsm_input::conflict);
        if (action == fsm_action::reply_conflict) {
            answer(front,
                   tidemark::outcome{front.envelope.id,
                                     conflict_error(id_, front.fsm.conflicts(), lost->head)});
        }
        front.outcome.reset();
        return;
    }
    if (const auto* known = std::get_if<append_answered>(&*front.outcome)) {
        if (front.fsm.step(fsm_input::answered) == fsm_action::reply_answered) {
            const auto& first = known->first;
            auto told =
                first.outcome == answer::kind::refused
                    ? tidemark::outcome{front.envelope.id, refusal{first.reason, first.message}}
                    : tidemark::outcome{front.envelope.id,
                                        receipt{first.last_version, first.position}};
            told.mark_repeated();
            answer(front, std::move(told), first);
        }
        return;
    }
    if (const auto* old = std::get_if<append_stale>(&*front.outcome)) {
        if (front.fsm.step(fsm_input::stale) == fsm_action::reply_stale) {
            answer_failed(front, error{errc::stale, old->what + " on " + id_.text()});
        }
        return;
    }
    if (front.fsm.step(fsm_input::failed) == fsm_action::reply_failed) {
        answer_failed(front, std::get<error>(*front.outcome));
    }
}

/// Nothing is in flight any more: what was undone is decided again, first, in its order.
void instance::landed() {
    if (is_doomed_ || stage_ == stage::draining) {
        is_doomed_ = false;
        state_.reset();
        if (stage_ != stage::loading) stage_ = stage::cold;
    }
    while (!redo_.empty()) {
        waiting_.push_front(std::move(redo_.back()));
        redo_.pop_back();
    }
    if (state_ && version_.value() >= 2 * measured_at_ + 16) measure();
}

void instance::answer_action(entry& e, command_fsm::action action) {
    switch (action) {
        case fsm_action::reply_timed_out:
            answer(e, tidemark::outcome{e.envelope.id,
                                        error{errc::timed_out,
                                              "the deadline of the call ended before the command "
                                              "was sent to the event store; nothing was stored"}});
            break;
        case fsm_action::reply_unknown:
            answer(e, tidemark::outcome{e.envelope.id, unknown_error(id_, e.envelope)});
            break;
        case fsm_action::reply_decided:
            if (e.refused) {
                answer(e, tidemark::outcome{e.envelope.id, *e.refused});
            } else {
                answer(e, tidemark::outcome{e.envelope.id, receipt{e.version_before, {}}});
            }
            break;
        default:
            break;
    }
}

void instance::answer_failed(entry& e, error why) {
    const bool is_stale = why.code() == errc::stale;
    shard_.metrics().command(type_.category(), "error", shard_.steady() - e.began);
    shard_.reply(e.envelope,
                 command_result{tidemark::outcome{e.envelope.id, std::move(why)}, {}, is_stale});
}

void instance::answer(entry& e, tidemark::outcome told, std::optional<tidemark::answer> stored) {
    const char* kind = told.is_committed() ? "committed" : told.is_refused() ? "refused" : "error";
    shard_.metrics().command(type_.category(), kind, shard_.steady() - e.began);
    shard_.reply(e.envelope, command_result{std::move(told), std::move(stored), false});
}

}  // namespace tidemark
