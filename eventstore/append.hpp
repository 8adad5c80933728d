#pragma once

#include "tidemark/core/encoded.hpp"
#include "tidemark/core/error.hpp"
#include "tidemark/core/ids.hpp"
#include "tidemark/core/version.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tidemark {

/// An event to store. `id` is fresh for every decision and the same when the same append is sent
/// again.
struct new_event {
    message_id id;
    encoded_message message;
};

/// What an effect row asks the runtime to do.
enum class effect_kind : std::uint8_t {
    /// Send a command to `target`.
    send,
    /// Perform outside work; the answer comes back as a command to `source`.
    request,
    /// Refuse an unanswered send of a saga for ever, or find its answer (architecture: settling).
    settle,
    /// Send a command to the stream itself when due.
    timer,
};

/// An effect to store with its events.
struct new_effect {
    /// The key shown to the outside on every attempt:
    /// derive("effect", stream, command id, index in the effect tree).
    message_id id;
    effect_kind kind = effect_kind::send;
    /// Stream that receives the command; empty for requests.
    stream_id target;
    encoded_message message;
    /// Effects with one key run one after the other, in the order they were stored. Empty: no
    /// order. The lease is on the key.
    std::string sequence_key;
    /// The tree this leaf belongs to (one per command) and its pre-order index in it.
    message_id tree;
    std::uint32_t index = 0;
    /// Indices of leaves of the same tree that must have ended before this one starts.
    std::vector<std::uint32_t> after;
    /// Retry policy, timeout, saga step name and the like: JSON, opaque to the store.
    std::string options;
    trace_context trace;
};

/// A durable timer of the append's stream. Setting a name again replaces it.
struct new_timer {
    std::string name;
    /// Unique per setting; a fire of an older generation is stale. Also the timer's effect id.
    message_id generation;
    /// Fires at the first moment of the store's clock that is not before this.
    instant due{};
    encoded_message message;
    std::string options;
    trace_context trace;
};

/// What a command id was told.
struct answer {
    enum class kind : std::uint8_t { committed, refused };
    kind outcome = kind::committed;
    stream_id stream;
    /// Versions of the events the command caused: (first_version, last_version]; equal if none.
    version first_version;
    version last_version;
    tidemark::position position;
    /// Refusal only: stable code and sentence.
    std::string reason;
    std::string message;
    friend bool operator==(const answer&, const answer&) = default;
};

/// Makes the command's answer part of the append.
struct command_record {
    /// Who counts the ids: the caller's name or the source stream.
    std::string scope;
    std::string id;
    /// Hash of the command's stored name and payload: the same id with another one is `key_reused`.
    std::uint64_t payload_hash = 0;
    answer::kind outcome = answer::kind::committed;
    std::string reason;
    std::string message;
};

/// Ends an effect in the append that carries its answer. Stale if the effect is gone or the token
/// is not the newest of its sequence key.
struct completion {
    message_id effect;
    std::uint64_t token = 0;
};

/// Fires a timer of the append's stream: stale if (name, generation) is not the current setting.
struct timer_fire {
    std::string name;
    message_id generation;
};

/// Marks one version of a source stream as consumed by a consumer of the bus; stale if it is not
/// the next one.
struct consumption {
    std::string consumer;
    stream_id source;
    tidemark::version version;
};

/// One unit of work: stored as a whole or not at all.
struct append_request {
    stream_id stream;
    expected_version expected;
    std::vector<new_event> events;
    std::vector<new_effect> effects;
    std::vector<new_timer> timers_set;
    std::vector<std::string> timers_cancelled;
    std::optional<command_record> command;
    std::vector<completion> completes;
    std::vector<timer_fire> fires;
    std::vector<consumption> consumed;
    /// Effects closed whatever their state (waiting, leased, parked): sends that a saga settled.
    /// Closing unblocks their sequence key.
    std::vector<message_id> closes;
    trace_context trace;
    /// Runner that claims the new effects at once, so that the writing process runs them without
    /// polling. Empty: nobody; they wait for `claim`.
    std::string owner;
    duration lease{};
};

/// Requests of one round trip.
using append_batch = std::shared_ptr<const std::vector<append_request>>;

/// An effect handed out under a lease.
struct effect_claim {
    message_id effect;
    /// Fencing token of the sequence key.
    std::uint64_t token = 0;
};

struct append_committed {
    /// Head of the stream after the append.
    tidemark::version version;
    /// Position of the last event; without events the store's last position.
    tidemark::position position;
    instant recorded_at{};
    /// Which of the new effects the owner holds already (attempt 1 is counted). Effects whose
    /// sequence key somebody else holds, or that wait for others of their tree, are not among them.
    std::vector<effect_claim> claimed;
    friend bool operator==(const append_committed& a, const append_committed& b) {
        return a.version == b.version && a.position == b.position;
    }
};
/// The expected version was not met. Nothing was stored.
struct append_conflict {
    tidemark::version head;
};
/// The command id was answered before; `first` is that answer. Nothing was stored.
struct append_answered {
    answer first;
};
/// A completion, fire or consumption is out of date. Nothing was stored.
struct append_stale {
    std::string what;
};

/// `error` is `key_reused`, `overloaded`, `unavailable` (not sent), `unknown_outcome` (sent, not
/// known: send the same request again), `disk_full`, `too_large`, `invalid_argument`, ….
using append_outcome =
    std::variant<append_committed, append_conflict, append_answered, append_stale, error>;

/// The effect whose command is answered under this id: the id itself, or behind "answer:" when it
/// is the answer that was brought back to the effect's source. Nothing for a caller's own key.
[[nodiscard]] std::optional<message_id> effect_of_answer(std::string_view id);

}  // namespace tidemark
