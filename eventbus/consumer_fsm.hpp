#pragma once

#include "tidemark/core/error.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

namespace tidemark {

/// What a consumer has to do next.
namespace consumer_action {
/// Join the group and learn which log can be asked.
struct open {
    friend bool operator==(const open&, const open&) = default;
};
/// Wait for messages, for a moment.
struct poll {
    friend bool operator==(const poll&, const poll&) = default;
};
/// Take in what was polled, or what of it is left.
struct store {
    friend bool operator==(const store&, const store&) = default;
};
/// Read what is missing from the log and take it in.
struct fetch {
    friend bool operator==(const fetch&, const fetch&) = default;
};
/// Tell the bus that everything polled has taken effect or is set aside.
struct commit {
    friend bool operator==(const commit&, const commit&) = default;
};
/// Try again what is due and hand over dead letters.
struct tend {
    friend bool operator==(const tend&, const tend&) = default;
};
/// Something failed for the `failures`-th time in a row: wait before going on.
struct back_off {
    std::uint32_t failures = 1;
    friend bool operator==(const back_off&, const back_off&) = default;
};
/// Wait for an operator, loudly. No reason: parked still.
struct park {
    std::string reason;
    friend bool operator==(const park&, const park&) = default;
};
/// Leave the group: end.
struct stop {
    friend bool operator==(const stop&, const stop&) = default;
};
using any = std::variant<open, poll, store, fetch, commit, tend, back_off, park, stop>;
}  // namespace consumer_action

/// From the bus to the effects: when to poll, store, commit, wait and stop. Pure: each call tells
/// what happened and answers what to do; one action is under way at a time and one batch is held,
/// which is all the memory there is. What becomes of a single event is decided in the transaction
/// that takes it in (`consumer_ledger`).
///
/// Nothing is polled while a batch is not stored, so a commit says no more than what has taken
/// effect. The commit is a hint: when it fails or comes too late, messages come again and are
/// dropped by their versions. It is made when nothing comes, when it is due (`commit_soon`), and
/// after as many messages as `batches_max` full batches have: not after every batch, because what
/// comes next would wait for it.
class consumer_fsm {
  public:
    enum class phase : std::uint8_t {
        opening,
        polling,
        storing,
        fetching,
        committing,
        tending,
        backing_off,
        parked,
        stopped,
    };

    explicit consumer_fsm(std::uint32_t batches_max = 10) : batches_max_{batches_max} {}

    [[nodiscard]] consumer_action::any start();
    [[nodiscard]] consumer_action::any opened();
    /// A poll is over: with that many messages, of at most `limit`.
    [[nodiscard]] consumer_action::any polled(std::size_t messages, std::size_t limit);
    /// What was polled, or what was fetched, is stored. `is_waiting`: some of it waits for events
    /// that are missing.
    [[nodiscard]] consumer_action::any stored(bool is_waiting);
    /// What was missing is there, or will not come: the rest of the batch can be stored.
    [[nodiscard]] consumer_action::any fetched();
    [[nodiscard]] consumer_action::any committed();
    /// The bus did not take the commit: it is made again after the next poll. `stale`: a rebalance.
    [[nodiscard]] consumer_action::any not_committed();
    [[nodiscard]] consumer_action::any tended();
    /// The action under way failed. `stale`: the stored place was replaced; begin anew. Not
    /// retryable: park, unless it was the bus.
    [[nodiscard]] consumer_action::any failed(const error& why);
    /// A wait (back_off, park) is over.
    [[nodiscard]] consumer_action::any waited();

    /// What has taken effect was not committed for long enough.
    void commit_soon() { must_commit_ = must_commit_ || uncommitted_ > 0; }
    /// Look at what is due before the next poll.
    void tend_soon() { must_tend_ = true; }
    /// An operator says that the reason is gone: the wait of `park` ends.
    void resume() { may_resume_ = true; }
    /// From now on nothing is polled; what was polled is stored and committed first, unless that
    /// fails.
    void stop() { is_stopping_ = true; }

    [[nodiscard]] phase where() const { return phase_; }

  private:
    [[nodiscard]] consumer_action::any go_on();
    [[nodiscard]] consumer_action::any repeat();
    [[nodiscard]] consumer_action::any end();

    std::uint32_t batches_max_;
    phase phase_ = phase::opening;
    /// What to do again after a wait.
    phase failed_ = phase::opening;
    std::uint32_t failures_ = 0;
    /// Batches stored, and messages polled, since the last commit.
    std::uint32_t uncommitted_ = 0;
    std::size_t messages_ = 0;
    bool must_commit_ = false;
    bool must_repeat_commit_ = false;
    /// The log was asked for what is missing from the batch at hand.
    bool was_fetched_ = false;
    bool has_batch_ = false;
    bool must_tend_ = false;
    bool may_resume_ = false;
    bool is_stopping_ = false;
};

}  // namespace tidemark
