#pragma once

#include "tidemark/core/error.hpp"
#include "tidemark/core/ids.hpp"
#include "tidemark/core/version.hpp"
#include "tidemark/eventbus/event_bus.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace tidemark {

/// Names of the headers of a message on the bus. Written down: consumers in other languages read
/// them.
namespace bus_header {
inline constexpr std::string_view event_id = "tidemark-event-id";
inline constexpr std::string_view stream = "tidemark-stream";
inline constexpr std::string_view version = "tidemark-version";
inline constexpr std::string_view position = "tidemark-position";
/// Incarnation of the log the event was read from.
inline constexpr std::string_view log = "tidemark-log";
/// Fencing token of the relay that published it.
inline constexpr std::string_view token = "tidemark-token";
/// Stored name of the event.
inline constexpr std::string_view name = "tidemark-name";
inline constexpr std::string_view correlation = "tidemark-correlation";
inline constexpr std::string_view causation = "tidemark-causation";
inline constexpr std::string_view traceparent = "traceparent";
inline constexpr std::string_view content_type = "content-type";
/// When the store accepted the event, ISO 8601 in UTC.
inline constexpr std::string_view recorded_at = "tidemark-recorded-at";

// Of commands, and of the replies to them.
/// Id of the command: the same for every asking.
inline constexpr std::string_view command_id = "tidemark-command-id";
/// Id of this asking; the reply carries it.
inline constexpr std::string_view ask = "tidemark-ask";
/// Topic that the reply goes to.
inline constexpr std::string_view reply_to = "tidemark-reply-to";
/// When the command may no longer be started, ISO 8601 in UTC.
inline constexpr std::string_view deadline = "tidemark-deadline";
/// Version that the stream must be at.
inline constexpr std::string_view expected_version = "tidemark-expected-version";
/// "committed", "refused", "failed" or "expired".
inline constexpr std::string_view outcome = "tidemark-outcome";
}  // namespace bus_header

/// Value of the first header of that name.
[[nodiscard]] std::optional<std::string_view> find_header(const bus_message& message,
                                                          std::string_view name);

/// The same; empty if there is none.
[[nodiscard]] std::string_view header_value(const bus_message& message, std::string_view name);

/// Adds a header, unless its value is empty or the message carries one of that name.
void add_header(bus_message& message, std::string_view name, std::string value);

/// An id as headers have it: empty for none.
[[nodiscard]] std::string header_text(const message_id& id);

/// A whole number in decimal digits; nothing for anything else.
[[nodiscard]] std::optional<std::uint64_t> parse_header_number(std::string_view text);

/// The remedy for headers of events.
inline constexpr std::string_view not_from_relay =
    "it was not published by a relay of this library";

/// `malformed_payload`, naming the header and what it holds, or that it is missing. `remedy`: what
/// it must be.
[[nodiscard]] error bad_header(const bus_message& message, std::string_view name,
                               std::string_view remedy);

/// Adds an event's attributes as CloudEvents 1.0 has them in Kafka's binary content mode: headers
/// "ce_…", beside ours; the content type is there already. `source`: the URI reference that names
/// where the events come from ("/shop"), so that source and id name an event.
/// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
void add_cloud_event(bus_message& message, const recorded_event& event, std::string_view source);

/// Where a message on the bus comes from: what a consumer needs to check its order.
struct bus_origin {
    message_id log;
    stream_id stream;
    tidemark::version version;
    tidemark::position position;
    friend bool operator==(const bus_origin&, const bus_origin&) = default;
};

/// The origin by the headers; `malformed_payload` names the header that is missing or wrong.
[[nodiscard]] result<bus_origin> origin_of(const bus_message& message);

/// Completes `message`, made from `event` of log `log`: key = stream id and topic where they are
/// empty, and every header above that the message does not carry yet and that has a value.
[[nodiscard]] bus_message addressed(bus_message message, const recorded_event& event,
                                    const message_id& log, std::string_view topic);

}  // namespace tidemark
