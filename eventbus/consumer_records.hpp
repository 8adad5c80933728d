#pragma once

#include "tidemark/core/describe.hpp"
#include "tidemark/core/ids.hpp"
#include "tidemark/core/version.hpp"
#include "tidemark/eventbus/consumed_event.hpp"
#include "tidemark/eventstore/read_model.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

/// What a consumer does with a stream.
enum class stream_state : std::uint8_t {
    /// Events take effect as they come.
    flowing,
    /// Versions are missing and the log cannot be asked: everything is kept until they come.
    gap,
    /// An event failed and is tried again; it and everything behind it is kept.
    retrying,
    /// The event is out of attempts: it and everything behind it is kept until an operator resumes
    /// the stream.
    parked,
};
TIDEMARK_ENUM(stream_state, flowing, gap, retrying, parked)

/// How far a stream has taken effect, and why it goes no further. Stored in "<consumer>.streams",
/// in the transaction of the effects.
struct stream_place {
    /// The last version that has taken effect.
    std::uint64_t version = 0;
    stream_state state = stream_state::flowing;
    /// Of the event behind it, or of what is missing there.
    std::string code;
    std::string reason;
    std::uint32_t attempts = 0;
    /// When it is tried again (`retrying`).
    instant due{};
    instant since{};
    /// Messages kept of it, and the highest version among them.
    std::uint64_t kept = 0;
    std::uint64_t newest = 0;
    /// Up to here they are on the dead-letter topic.
    std::uint64_t lettered = 0;
};
TIDEMARK_STRUCT(stream_place, version, state, code, reason, attempts, due, since, kept, newest,
                lettered)

struct kept_header {
    std::string name;
    std::string value;
};
TIDEMARK_STRUCT(kept_header, name, value)

/// A message that is set aside, whatever bytes it is made of. Stored in "<consumer>.parked".
struct kept_message {
    std::string topic;
    std::string key;
    std::string payload;
    std::vector<kept_header> headers;
    std::string code;
    std::string reason;
    std::uint32_t attempts = 0;
    instant at{};
};
TIDEMARK_STRUCT(kept_message, topic, key, payload, headers, code, reason, attempts, at)

/// What an operator ordered, kept for ever in "<consumer>.audit", in the transaction of what it
/// did.
struct consumer_audit {
    /// "resume" or "skip".
    std::string action;
    std::string consumer;
    /// Log and stream; empty: the consumer as a whole.
    std::string place;
    std::string actor;
    std::string reason;
    /// Where the stream stood before, and the events that took effect by the order.
    std::uint64_t version = 0;
    std::uint64_t applied = 0;
    instant at{};
    friend bool operator==(const consumer_audit&, const consumer_audit&) = default;
};
TIDEMARK_STRUCT(consumer_audit, action, consumer, place, actor, reason, version, applied, at)

/// Names and forms of what a consumer stores beside the documents of its user.
namespace consumer_records {

[[nodiscard]] std::string streams_of(std::string_view consumer);
[[nodiscard]] std::string parked_of(std::string_view consumer);
[[nodiscard]] std::string audit_of(std::string_view consumer);

/// Index of `streams_of`: "state" → "gap", "retrying", "parked"; "stream" → the stream's text for
/// those; "letters" → "due" for those whose messages go to the dead-letter topic.
/// Index of `parked_of`: "stream" → key of the place; of a message without one `no_stream`, or
/// `shelf` when there is nowhere to hand it over to.
inline constexpr std::string_view no_stream = "refused";
inline constexpr std::string_view shelf = "shelf";
/// Document of `streams_of`: how many messages are kept in all.
inline constexpr std::string_view total_key = "total";

[[nodiscard]] std::string place_key(const message_id& log, const stream_id& stream);
/// Sorts by version behind those of the same stream.
[[nodiscard]] std::string kept_key(std::string_view place, version at);

[[nodiscard]] document as_document(const std::string& key, const stream_place& place);
/// Throws `std::system_error` (`corrupt`) for what no consumer has written.
[[nodiscard]] stream_place read_place(const document& from);
[[nodiscard]] stream_id stream_of(std::string_view place_key);

/// `stream`: value of the index.
[[nodiscard]] document as_document(std::string key, std::string_view stream,
                                   const bus_message& message, const dead_letter_note& note);
struct kept_content {
    bus_message message;
    dead_letter_note note;
};
/// Throws like `read_place`.
[[nodiscard]] kept_content read_kept(const document& from);

/// Sorts by time; `id` tells two of one moment apart.
[[nodiscard]] document as_document(const consumer_audit& entry, const message_id& id);
/// Throws like `read_place`.
[[nodiscard]] consumer_audit read_audit(const document& from);

}  // namespace consumer_records
}  // namespace tidemark
