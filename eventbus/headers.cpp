#include "tidemark/eventbus/headers.hpp"

#include "tidemark/codec/json_text.hpp"
#include "tidemark/core/time_text.hpp"

#include <charconv>
#include <utility>

namespace tidemark {
std::optional<std::string_view> find_header(const bus_message& message, std::string_view name) {
    for (const auto& each : message.headers) {
        if (each.name == name) return each.value;
    }
    return std::nullopt;
}

std::string_view header_value(const bus_message& message, std::string_view name) {
    return find_header(message, name).value_or(std::string_view{});
}

void add_header(bus_message& message, std::string_view name, std::string value) {
    if (value.empty() || find_header(message, name)) return;
    message.headers.push_back({std::string{name}, std::move(value)});
}

std::string header_text(const message_id& id) {
    return id.is_none() ? std::string{} : id.to_string();
}

std::optional<std::uint64_t> parse_header_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto* end = text.data() + text.size();
    const auto [rest, failed] = std::from_chars(text.data(), end, value);
    if (text.empty() || failed != std::errc{} || rest != end) return std::nullopt;
    return value;
}

error bad_header(const bus_message& message, std::string_view name, std::string_view remedy) {
    const auto value = find_header(message, name);
    const auto found = value ? "is \"" + json_text::excerpt(*value) + "\"" : "is missing";
    return {errc::malformed_payload, "header " + std::string{name} + " of a message on the bus " +
                                         found + "; " + std::string{remedy}};
}

result<bus_origin> origin_of(const bus_message& message) {
    const auto value = [&message](std::string_view name) { return header_value(message, name); };
    const auto log = message_id::parse(value(bus_header::log));
    if (!log) return bad_header(message, bus_header::log, not_from_relay);
    const auto stream = stream_id::parse(value(bus_header::stream));
    if (!stream) return bad_header(message, bus_header::stream, not_from_relay);
    const auto at = parse_header_number(value(bus_header::version));
    if (!at || *at == 0) return bad_header(message, bus_header::version, not_from_relay);
    const auto place = parse_header_number(value(bus_header::position));
    if (!place) return bad_header(message, bus_header::position, not_from_relay);
    return bus_origin{*log, *stream, version{*at}, position{*place}};
}

bus_message addressed(bus_message message, const recorded_event& event, const message_id& log,
                      std::string_view topic) {
    if (message.topic.empty()) message.topic = topic;
    if (message.key.empty()) message.key = event.stream.text();
    add_header(message, bus_header::event_id, header_text(event.id));
    add_header(message, bus_header::stream, event.stream.text());
    add_header(message, bus_header::version, std::to_string(event.version.value()));
    add_header(message, bus_header::position, std::to_string(event.position.value()));
    add_header(message, bus_header::log, header_text(log));
    add_header(message, bus_header::name, event.message.name);
    add_header(message, bus_header::correlation, header_text(event.trace.correlation));
    add_header(message, bus_header::causation, header_text(event.trace.causation));
    add_header(message, bus_header::traceparent, event.trace.traceparent);
    add_header(message, bus_header::content_type, "application/json");
    add_header(message, bus_header::recorded_at, to_text(event.recorded_at));
    return message;
}

void add_cloud_event(bus_message& message, const recorded_event& event, std::string_view source) {
    add_header(message, "ce_specversion", "1.0");
    add_header(message, "ce_id", header_text(event.id));
    add_header(message, "ce_source", std::string{source});
    add_header(message, "ce_type", event.message.name);
    add_header(message, "ce_subject", event.stream.text());
    add_header(message, "ce_time", to_text(event.recorded_at));
}

}  // namespace tidemark
