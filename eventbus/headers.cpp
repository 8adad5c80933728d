#include "tidemark/eventbus/headers.hpp"

#include "tidemark/core/time_text.hpp"

#include <charconv>
#include <utility>

namespace tidemark {
namespace {

void add(bus_message& message, std::string_view name, std::string value) {
    if (value.empty() || find_header(message, name)) return;
    message.headers.push_back({std::string{name}, std::move(value)});
}

std::string text_of(const message_id& id) { return id.is_none() ? std::string{} : id.to_string(); }

error wrong(std::string_view name, std::string_view value) {
    return {errc::malformed_payload,
            "header " + std::string{name} + " of a message on the bus is " +
                (value.empty() ? "missing" : "\"" + std::string{value}) +
                (value.empty() ? "" : "\"") + "; it was not published by a relay of this library"};
}

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto* end = text.data() + text.size();
    const auto [rest, failed] = std::from_chars(text.data(), end, value);
    if (text.empty() || failed != std::errc{} || rest != end) return std::nullopt;
    return value;
}

}  // namespace

std::optional<std::string_view> find_header(const bus_message& message, std::string_view name) {
    for (const auto& each : message.headers) {
        if (each.name == name) return each.value;
    }
    return std::nullopt;
}

result<bus_origin> origin_of(const bus_message& message) {
    const auto value = [&message](std::string_view name) {
        return find_header(message, name).value_or(std::string_view{});
    };
    const auto log = message_id::parse(value(bus_header::log));
    if (!log) return wrong(bus_header::log, value(bus_header::log));
    const auto stream = stream_id::parse(value(bus_header::stream));
    if (!stream) return wrong(bus_header::stream, value(bus_header::stream));
    const auto at = number(value(bus_header::version));
    if (!at || *at == 0) return wrong(bus_header::version, value(bus_header::version));
    const auto place = number(value(bus_header::position));
    if (!place) return wrong(bus_header::position, value(bus_header::position));
    return bus_origin{*log, *stream, version{*at}, position{*place}};
}

bus_message addressed(bus_message message, const recorded_event& event, const message_id& log,
                      std::string_view topic) {
    if (message.topic.empty()) message.topic = topic;
    if (message.key.empty()) message.key = event.stream.text();
    add(message, bus_header::event_id, text_of(event.id));
    add(message, bus_header::stream, event.stream.text());
    add(message, bus_header::version, std::to_string(event.version.value()));
    add(message, bus_header::position, std::to_string(event.position.value()));
    add(message, bus_header::log, text_of(log));
    add(message, bus_header::name, event.message.name);
    add(message, bus_header::correlation, text_of(event.trace.correlation));
    add(message, bus_header::causation, text_of(event.trace.causation));
    add(message, bus_header::traceparent, event.trace.traceparent);
    add(message, bus_header::content_type, "application/json");
    add(message, bus_header::recorded_at, to_text(event.recorded_at));
    return message;
}

}  // namespace tidemark
