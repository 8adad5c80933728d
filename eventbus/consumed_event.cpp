#include "tidemark/eventbus/consumed_event.hpp"

#include "tidemark/codec/json_text.hpp"
#include "tidemark/core/time_text.hpp"
#include "tidemark/eventbus/headers.hpp"

#include <utility>

namespace tidemark {
namespace {

constexpr std::size_t name_bytes_max = 255;
constexpr std::size_t reason_bytes_max = 1'000;
constexpr std::size_t header_bytes_max = 1'024;

error too_large(std::string_view what, std::size_t found, std::size_t limit,
                std::string_view setting) {
    return {errc::too_large, "a message on the bus has " + std::to_string(found) + " " +
                                 std::string{what} + ", more than " + std::string{setting} + " (" +
                                 std::to_string(limit) + ") allows"};
}

}  // namespace

std::size_t size_of(const bus_message& message) {
    auto size = message.key.size() + message.payload.size();
    for (const auto& each : message.headers) size += each.name.size() + each.value.size();
    return size;
}

result<consumed_event> consumed_from(bus_message& message, const message_limits& limits) {
    if (message.headers.size() > limits.headers_max) {
        return too_large("headers", message.headers.size(), limits.headers_max, "headers_max");
    }
    if (const auto size = size_of(message); size > limits.bytes_max) {
        return too_large("bytes", size, limits.bytes_max, "bytes_max");
    }
    const auto origin = origin_of(message);
    if (!origin) return origin.error();
    consumed_event out;
    out.log = origin->log;
    auto& event = out.event;
    event.position = origin->position;
    event.stream = origin->stream;
    event.version = origin->version;
    const auto id = message_id::parse(header_value(message, bus_header::event_id));
    if (!id) return bad_header(message, bus_header::event_id, not_from_relay);
    event.id = *id;
    event.message.name = header_value(message, bus_header::name);
    const auto& name = event.message.name;
    if (name.empty() || name.size() > name_bytes_max || !json_text::is_utf8(name)) {
        return bad_header(message, bus_header::name, not_from_relay);
    }
    event.trace.correlation =
        message_id::parse(header_value(message, bus_header::correlation)).value_or(message_id{});
    event.trace.causation =
        message_id::parse(header_value(message, bus_header::causation)).value_or(message_id{});
    event.trace.traceparent = header_value(message, bus_header::traceparent);
    event.recorded_at =
        parse_instant(header_value(message, bus_header::recorded_at)).value_or(instant{});
    event.message.payload = std::exchange(message.payload, {});
    out.envelope = std::move(message);
    return out;
}

bus_message message_of(consumed_event arrived) {
    auto out = std::move(arrived.envelope);
    out.payload = std::move(arrived.event.message.payload);
    return out;
}

consumed_event consumed_from_log(recorded_event event, const message_id& log,
                                 std::string_view topic) {
    consumed_event out;
    out.log = log;
    out.envelope = addressed(bus_message{}, event, log, topic);
    out.event = std::move(event);
    return out;
}

bus_message dead_lettered(bus_message message, const dead_letter_note& note, std::string to) {
    const auto add = [&message](std::string_view name, std::string value) {
        message.headers.push_back({std::string{name}, std::move(value)});
    };
    add(dead_letter_header::code, note.code);
    add(dead_letter_header::reason, json_text::excerpt(note.reason, reason_bytes_max));
    add(dead_letter_header::attempts, std::to_string(note.attempts));
    add(dead_letter_header::topic, message.topic);
    add(dead_letter_header::consumer, note.consumer);
    add(dead_letter_header::group, note.group);
    add(dead_letter_header::at, to_text(note.at));
    message.topic = std::move(to);
    return message;
}

void cut_to(bus_message& message, std::size_t bytes_max, std::size_t headers_max) {
    std::erase_if(message.headers, [](const auto& each) {
        return each.name.size() + each.value.size() > header_bytes_max;
    });
    if (message.headers.size() > headers_max) message.headers.resize(headers_max);
    if (message.key.size() > header_bytes_max) message.key.resize(header_bytes_max);
    if (message.payload.size() <= bytes_max) return;
    message.headers.push_back(
        {std::string{dead_letter_header::size}, std::to_string(message.payload.size())});
    message.payload.resize(bytes_max);
}

}  // namespace tidemark
