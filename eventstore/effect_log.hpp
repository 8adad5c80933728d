#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/eventstore/append.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tidemark {

/// An effect or due timer handed to a runner.
struct claimed_effect {
    new_effect effect;
    /// Stream whose command caused it.
    stream_id source;
    /// Version of the source stream after the append that stored it.
    version source_version;
    /// Timers: name of the timer; `effect.id` is its generation.
    std::string timer_name;
    std::uint64_t token = 0;
    /// 1 for the first. Counted durably before the runner is told, so that a crashing performer
    /// counts.
    std::uint32_t attempt = 1;
    instant stored_at{};
    instant due{};
};

/// A message set aside with its reason.
struct dead_letter {
    claimed_effect work;
    std::string error_code;
    std::string error_message;
    instant parked_at{};
    /// Later ones of the same sequence key that wait behind it.
    std::uint64_t waiting_behind = 0;
};

struct dead_letter_filter {
    /// Source or target stream text starts with it; empty: all.
    std::string stream_prefix;
    std::string error_code;
    std::size_t limit = 100;
};

/// Who did something to a dead letter and why. Stored for ever.
struct audit_entry {
    std::string actor;
    std::string reason;
};

/// One line of the audit trail of dead letters.
struct audit_record {
    audit_entry who;
    /// "replay" or "drop".
    std::string action;
    /// What it was done to. A dropped effect is gone; these fields remain.
    message_id effect;
    stream_id source;
    std::string message_name;
    instant at{};
};

/// Effects and timers that are due. Leases are on the sequence key (an effect without key is a key
/// of its own): owner, fencing token, until. All times by the store's clock.
class effect_log {
  public:
    virtual ~effect_log() = default;

    struct claim_request {
        std::string owner;
        duration lease{};
        std::size_t limit = 100;
    };
    struct claim_page {
        std::vector<claimed_effect> claimed;
        /// Earliest moment at which something not claimed now can become due (a timer, a retry, a
        /// lease that ends); nothing if there is none.
        std::optional<instant> next_due;
    };
    /// Hands out the head of every sequence key that is due, unblocked, not parked and whose lease
    /// is free, expired or the owner's own and not already handed out by this or a newer claim.
    [[nodiscard]] virtual awaitable<result<claim_page>> claim(claim_request request) = 0;

    /// Full rows of effects that an append claimed for its writer are known to the writer; this
    /// reads one by id for anybody else. Nothing if it has ended.
    [[nodiscard]] virtual awaitable<result<std::optional<claimed_effect>>> find(
        message_id effect) = 0;

    /// Prolongs the owner's leases on these effects' keys. Answers the ones that are lost.
    [[nodiscard]] virtual awaitable<result<std::vector<message_id>>> renew(
        std::string owner, std::vector<effect_claim> held, duration lease) = 0;

    /// Ends effects whose answer needs no append. Answers the stale ones.
    [[nodiscard]] virtual awaitable<result<std::vector<message_id>>> complete(
        std::vector<completion> ended) = 0;

    /// Sets the next attempt to `due` and frees the lease; the key stays blocked until then.
    /// `stale` if the token is old.
    [[nodiscard]] virtual awaitable<result<void>> retry_later(completion held, instant due,
                                                              std::string error_code,
                                                              std::string error_message) = 0;
    /// Frees the lease without counting the attempt: the work was not begun (draining, overload).
    [[nodiscard]] virtual awaitable<result<void>> release(std::vector<completion> held) = 0;

    /// Parks the effect as a dead letter, and with it every later one of its sequence key.
    [[nodiscard]] virtual awaitable<result<void>> park(completion held, std::string error_code,
                                                       std::string error_message) = 0;

    [[nodiscard]] virtual awaitable<result<std::vector<dead_letter>>> dead_letters(
        dead_letter_filter filter) = 0;
    [[nodiscard]] virtual awaitable<result<std::uint64_t>> dead_letter_count() = 0;
    /// When the oldest dead letter was parked; nothing if there is none. Like the count, its cost
    /// grows with the dead letters alone: both are asked for all the time.
    [[nodiscard]] virtual awaitable<result<std::optional<instant>>> oldest_dead_letter() = 0;
    /// Makes it due again with its attempts reset; the ones behind it follow in order. `not_found`
    /// if it is not parked.
    [[nodiscard]] virtual awaitable<result<void>> replay(message_id effect, audit_entry who) = 0;
    /// Ends it without effect. Needs a reason. The ones behind it become due in order.
    [[nodiscard]] virtual awaitable<result<void>> drop(message_id effect, audit_entry who) = 0;

    /// What operators did to dead letters, newest first.
    [[nodiscard]] virtual awaitable<result<std::vector<audit_record>>> audit_trail(
        std::size_t limit) = 0;

    /// Effects and timers not ended, of one source stream (admin, tests, settling).
    [[nodiscard]] virtual awaitable<result<std::vector<claimed_effect>>> pending(
        stream_id source) = 0;
    /// `ready`: can be claimed now. `leased`: under a live lease. `waiting`: behind another of
    /// their key, behind others of their tree, or for the time of their next attempt. Timers are
    /// counted apart, whatever their state, unless they are parked.
    struct counts {
        std::uint64_t ready = 0;
        std::uint64_t leased = 0;
        std::uint64_t waiting = 0;
        std::uint64_t parked = 0;
        std::uint64_t timers = 0;
        /// When the oldest dead letter was parked; nothing if there is none.
        std::optional<instant> oldest_parked_at;
    };
    /// Looks at every effect that has not ended: for people and tests, never at intervals.
    [[nodiscard]] virtual awaitable<result<counts>> count() = 0;
};

}  // namespace tidemark
