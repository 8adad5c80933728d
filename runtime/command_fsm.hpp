#pragma once

#include <cstdint>
#include <iosfwd>

namespace tidemark {

/// The life of one command on its stream: load, decide, append, and what follows from each answer
/// of the event store. Pure: no I/O, no clock, no coroutine. `instance` carries its actions out.
///
///   waiting ──begin──> loading ──loaded──> deciding ──decided──> appending ──committed──> done
///                         ^                   │ held ──released──> done        │
///                         └────── reload ─────┴──── undone / conflict ─────────┘
class command_fsm {
  public:
    struct options {
        /// Conflicts a command survives before its caller hears `conflict`. At least 1.
        std::uint32_t attempts_max = 16;
        /// The caller named the version it expects: a conflict is never retried.
        bool caller_expects = false;
    };

    enum class state : std::uint8_t {
        /// In the mailbox, nothing begun.
        waiting,
        /// The stream is being read.
        loading,
        /// The state is there; `decide` is to be called.
        deciding,
        /// Sent to the event store, no outcome yet.
        appending,
        /// Nothing to store; the answer waits for the commits it was decided on.
        held,
        /// Sent, outcome not known; the same append is sent again until the store decides.
        unknown,
        /// The caller's deadline ended while unknown: it heard so; resolving goes on.
        resolving,
        /// Answered.
        done,
    };

    enum class input : std::uint8_t {
        begin_cold,
        begin_warm,
        loaded,
        load_failed,
        decided_something,
        decided_nothing,
        decide_failed,
        committed,
        conflict,
        answered,
        stale,
        failed,
        outcome_unknown,
        released,
        undone,
        deadline_passed,
    };

    enum class action : std::uint8_t {
        none,
        load,
        decide,
        append,
        hold,
        /// Send the same append, with the same ids, again.
        append_again,
        /// Forget the tentative state, read the stream again, decide again.
        reload,
        reply_committed,
        /// Tell the refusal or the empty decision.
        reply_decided,
        reply_answered,
        reply_conflict,
        reply_stale,
        reply_failed,
        reply_timed_out,
        reply_unknown,
    };

    explicit command_fsm(options given) : options_{given} {}

    /// Total over the inputs that can occur in the state; an impossible one is a programmer error
    /// and asserts.
    action step(input in);

    [[nodiscard]] state at() const { return state_; }
    [[nodiscard]] std::uint32_t conflicts() const { return conflicts_; }
    /// The caller has been told.
    [[nodiscard]] bool is_answered() const {
        return state_ == state::done || state_ == state::resolving;
    }

  private:
    action on_waiting(input in);
    action on_loading(input in);
    action on_deciding(input in);
    action on_sent(input in);
    action on_held(input in);
    action on_resolving(input in);
    action go(state next, action what);
    action conflicted();

    options options_;
    state state_ = state::waiting;
    std::uint32_t conflicts_ = 0;
};

std::ostream& operator<<(std::ostream& out, command_fsm::state s);
std::ostream& operator<<(std::ostream& out, command_fsm::action a);
std::ostream& operator<<(std::ostream& out, command_fsm::input in);

}  // namespace tidemark
