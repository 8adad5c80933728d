#pragma once

#include "tidemark/core/error.hpp"
#include "tidemark/eventbus/event_bus.hpp"
#include "tidemark/eventstore/recorded_event.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidemark {

/// An event that arrived over the bus.
struct consumed_event {
    /// Incarnation of the log that it stands in.
    message_id log;
    /// As the other service recorded it; `recorded_at` is the epoch if the message does not say.
    recorded_event event;
    /// The message but for its payload, which stands in `event`.
    bus_message envelope;
    friend bool operator==(const consumed_event&, const consumed_event&) = default;
};

/// What a consumer demands of a message before it looks into its payload.
struct message_limits {
    /// Key, payload and headers together.
    std::size_t bytes_max = std::size_t{4} << 20U;
    std::size_t headers_max = 64;
};

[[nodiscard]] std::size_t size_of(const bus_message& message);

/// Reads the headers. `too_large` or `malformed_payload`, naming what is wrong, for a message that
/// no relay of this library has published; then `message` is as it was, otherwise it is moved from.
[[nodiscard]] result<consumed_event> consumed_from(bus_message& message,
                                                   const message_limits& limits = {});

/// The message again.
[[nodiscard]] bus_message message_of(consumed_event arrived);

/// An event that was read from the log `log`, as if it had come over `topic`.
[[nodiscard]] consumed_event consumed_from_log(recorded_event event, const message_id& log,
                                               std::string_view topic);

/// Names of the headers that a dead letter has besides those of the message. Written down: tools in
/// other languages read them.
namespace dead_letter_header {
/// Why: the kind of the error, and what it says.
inline constexpr std::string_view code = "tidemark-dead-code";
inline constexpr std::string_view reason = "tidemark-dead-reason";
/// How often the consumer has tried.
inline constexpr std::string_view attempts = "tidemark-dead-attempts";
/// Where the message came from, and who could not take it.
inline constexpr std::string_view topic = "tidemark-dead-topic";
inline constexpr std::string_view consumer = "tidemark-dead-consumer";
inline constexpr std::string_view group = "tidemark-dead-group";
/// When it was set aside, ISO 8601 in UTC.
inline constexpr std::string_view at = "tidemark-dead-at";
/// Bytes of the payload before it was cut.
inline constexpr std::string_view size = "tidemark-dead-size";
}  // namespace dead_letter_header

/// Why a message was set aside.
struct dead_letter_note {
    std::string code;
    std::string reason;
    std::uint32_t attempts = 0;
    std::string consumer;
    std::string group;
    instant at{};
    friend bool operator==(const dead_letter_note&, const dead_letter_note&) = default;
};

/// The message as it goes to the dead-letter topic `to`: key, payload and headers as they came,
/// and the headers above.
[[nodiscard]] bus_message dead_lettered(bus_message message, const dead_letter_note& note,
                                        std::string to);

/// Cuts the payload to `bytes_max`, says in a header how long it was, and drops headers beyond
/// `headers_max` or that are longer than 1 KiB: what is kept of a message beyond its limits.
void cut_to(bus_message& message, std::size_t bytes_max, std::size_t headers_max);

}  // namespace tidemark
