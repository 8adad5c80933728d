#include "tidemark/runtime/bus_command.hpp"

#include "tidemark/codec/json_codec.hpp"
#include "tidemark/codec/json_text.hpp"
#include "tidemark/core/message.hpp"
#include "tidemark/core/time_text.hpp"
#include "tidemark/eventbus/headers.hpp"

#include <algorithm>
#include <utility>

namespace tidemark {

/// Payload of a reply.
struct reply_body {
    std::uint64_t first_version = 0;
    std::uint64_t version = 0;
    std::uint64_t position = 0;
    std::string code{};
    std::string message{};
    bool is_retryable = false;
    bool is_repeated = false;
};
TIDEMARK_STRUCT(reply_body, first_version, version, position, code, message, is_retryable,
                is_repeated)

namespace {

constexpr std::size_t name_bytes_max = 255;
constexpr std::size_t traceparent_bytes_max = 255;
constexpr std::size_t text_bytes_max = 1'000;
constexpr reply_kind kinds[] = {reply_kind::committed, reply_kind::refused, reply_kind::failed,
                                reply_kind::expired};

error wrong(const bus_message& message, std::string_view name, std::string_view wanted) {
    return bad_header(message, name, "it must be " + std::string{wanted});
}

bool is_below(std::string_view topic, std::string_view prefix) {
    if (!topic.starts_with(prefix)) return false;
    return topic.size() == prefix.size() || topic[prefix.size()] == '.';
}

std::optional<errc> errc_called(std::string_view name) {
    for (auto i = static_cast<int>(errc::conflict); i <= static_cast<int>(errc::foreign_log); ++i) {
        const auto code = static_cast<errc>(i);
        if (to_string(code) == name) return code;
    }
    return std::nullopt;
}

}  // namespace

std::string_view to_string(reply_kind kind) {
    switch (kind) {
        case reply_kind::committed:
            return "committed";
        case reply_kind::refused:
            return "refused";
        case reply_kind::failed:
            return "failed";
        case reply_kind::expired:
            return "expired";
    }
    return "failed";
}

bool is_topic_name(std::string_view text) {
    const auto is_allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    };
    return !text.empty() && text.size() <= topic_bytes_max && text != "." && text != ".." &&
           std::ranges::all_of(text, is_allowed);
}

bus_message message_of(bus_command asked, std::string topic) {
    bus_message out;
    out.topic = std::move(topic);
    out.key = asked.stream.text();
    out.payload = std::move(asked.message.payload);
    add_header(out, bus_header::command_id, header_text(asked.from.command));
    add_header(out, bus_header::ask, header_text(asked.from.ask));
    add_header(out, bus_header::name, std::move(asked.message.name));
    add_header(out, bus_header::stream, asked.stream.text());
    add_header(out, bus_header::reply_to, std::move(asked.from.topic));
    if (asked.deadline) add_header(out, bus_header::deadline, to_text(*asked.deadline));
    if (asked.expected) {
        add_header(out, bus_header::expected_version, std::to_string(asked.expected->value()));
    }
    add_header(out, bus_header::correlation, header_text(asked.from.trace.correlation));
    add_header(out, bus_header::causation, header_text(asked.from.trace.causation));
    add_header(out, bus_header::traceparent, std::move(asked.from.trace.traceparent));
    add_header(out, bus_header::content_type, "application/json");
    return out;
}

result<reply_address> address_of(const bus_message& message, std::string_view reply_prefix) {
    reply_address out;
    const auto command = message_id::parse(header_value(message, bus_header::command_id));
    if (!command) return wrong(message, bus_header::command_id, "a UUID");
    const auto ask = message_id::parse(header_value(message, bus_header::ask));
    if (!ask) return wrong(message, bus_header::ask, "a UUID, another one for each asking");
    out.topic = header_value(message, bus_header::reply_to);
    if (!is_topic_name(out.topic) || !is_below(out.topic, reply_prefix)) {
        const auto prefix = "\"" + std::string{reply_prefix} + "\"";
        return wrong(message, bus_header::reply_to,
                     prefix + " or a topic whose name begins with it and a dot");
    }
    out.command = *command;
    out.ask = *ask;
    const auto correlation = message_id::parse(header_value(message, bus_header::correlation));
    const auto causation = message_id::parse(header_value(message, bus_header::causation));
    out.trace.correlation = correlation.value_or(*command);
    out.trace.causation = causation.value_or(message_id{});
    const auto traceparent = header_value(message, bus_header::traceparent);
    if (traceparent.size() <= traceparent_bytes_max) out.trace.traceparent = traceparent;
    return out;
}

result<bus_command> command_from(bus_message& message, reply_address from) {
    bus_command out;
    const auto stream = stream_id::parse(header_value(message, bus_header::stream));
    if (!stream) return wrong(message, bus_header::stream, "a stream id: category-id");
    if (message.key != stream->text()) {
        return error{errc::malformed_payload,
                     "the key \"" + json_text::excerpt(message.key) +
                         "\" of a command on the bus is not its stream, " +
                         json_text::excerpt(stream->text()) +
                         "; by another key the commands of a stream have no order"};
    }
    out.message.name = header_value(message, bus_header::name);
    const auto& name = out.message.name;
    if (name.empty() || name.size() > name_bytes_max || !json_text::is_utf8(name)) {
        return wrong(message, bus_header::name, "the stored name of a command");
    }
    if (find_header(message, bus_header::deadline)) {
        out.deadline = parse_instant(header_value(message, bus_header::deadline));
        if (!out.deadline) return wrong(message, bus_header::deadline, "ISO 8601 in UTC");
    }
    if (find_header(message, bus_header::expected_version)) {
        const auto at = parse_header_number(header_value(message, bus_header::expected_version));
        if (!at) return wrong(message, bus_header::expected_version, "a version");
        out.expected = version{*at};
    }
    if (const auto type = find_header(message, bus_header::content_type);
        type && !type->starts_with("application/json")) {
        return wrong(message, bus_header::content_type, "application/json, or absent");
    }
    out.stream = *stream;
    out.from = std::move(from);
    out.message.payload = std::exchange(message.payload, {});
    return out;
}

bus_reply reply_of(const answer& stored, bool is_repeated) {
    bus_reply out;
    const auto is_committed = stored.outcome == answer::kind::committed;
    out.kind = is_committed ? reply_kind::committed : reply_kind::refused;
    out.first_version = stored.first_version;
    out.version = stored.last_version;
    out.position = stored.position;
    out.code = stored.reason;
    out.message = stored.message;
    out.is_repeated = is_repeated;
    return out;
}

bus_reply reply_of(const error& why) {
    bus_reply out;
    out.code = to_string(why.code());
    out.message = why.message();
    out.is_retryable = why.is_retryable();
    return out;
}

bus_message message_of(const bus_reply& reply, const reply_address& to) {
    bus_message out;
    out.topic = to.topic;
    out.key = to.ask.to_string();
    const reply_body body{.first_version = reply.first_version.value(),
                          .version = reply.version.value(),
                          .position = reply.position.value(),
                          .code = json_text::excerpt(reply.code, text_bytes_max),
                          .message = json_text::excerpt(reply.message, text_bytes_max),
                          .is_retryable = reply.is_retryable,
                          .is_repeated = reply.is_repeated};
    // Excerpts are UTF-8, so there is nothing that JSON cannot hold.
    out.payload = encode_json(body).value();
    add_header(out, bus_header::outcome, std::string{to_string(reply.kind)});
    add_header(out, bus_header::command_id, header_text(to.command));
    add_header(out, bus_header::ask, header_text(to.ask));
    add_header(out, bus_header::correlation, header_text(to.trace.correlation));
    add_header(out, bus_header::causation, header_text(to.command));
    add_header(out, bus_header::traceparent, to.trace.traceparent);
    add_header(out, bus_header::content_type, "application/json");
    return out;
}

result<bus_reply> reply_from(const bus_message& message) {
    bus_reply out;
    const auto told = header_value(message, bus_header::outcome);
    const auto* const kind = std::ranges::find(kinds, told, [](auto k) { return to_string(k); });
    if (kind == std::end(kinds)) {
        return error{errc::malformed_payload, "header " + std::string{bus_header::outcome} +
                                                  " of a reply on the bus is \"" +
                                                  json_text::excerpt(told) + "\""};
    }
    auto body = decode<reply_body>(message.payload);
    if (!body) return body.error();
    out.kind = *kind;
    out.first_version = version{body->first_version};
    out.version = version{body->version};
    out.position = position{body->position};
    out.code = std::move(body->code);
    out.message = std::move(body->message);
    out.is_retryable = body->is_retryable;
    out.is_repeated = body->is_repeated;
    return out;
}

outcome outcome_of(const bus_reply& reply, const message_id& command) {
    if (reply.kind == reply_kind::committed) {
        outcome out{command, receipt{reply.version, reply.position}};
        if (reply.is_repeated) out.mark_repeated();
        return out;
    }
    if (reply.kind == reply_kind::refused) {
        outcome out{command, refusal{reply.code, reply.message}};
        if (reply.is_repeated) out.mark_repeated();
        return out;
    }
    const auto code = reply.kind == reply_kind::failed ? errc_called(reply.code) : std::nullopt;
    return {command, error{code.value_or(errc::unknown_outcome), reply.message}};
}

}  // namespace tidemark
