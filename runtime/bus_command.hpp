#pragma once

#include "tidemark/core/encoded.hpp"
#include "tidemark/core/error.hpp"
#include "tidemark/core/ids.hpp"
#include "tidemark/core/version.hpp"
#include "tidemark/eventbus/event_bus.hpp"
#include "tidemark/eventstore/append.hpp"
#include "tidemark/runtime/outcome.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidemark {

/// Who asked, and where the reply goes.
struct reply_address {
    message_id command;
    /// Of this asking: the same command asked again has another one.
    message_id ask;
    std::string topic;
    trace_context trace;
    friend bool operator==(const reply_address&, const reply_address&) = default;
};

/// A command on its way over the bus.
struct bus_command {
    reply_address from;
    stream_id stream;
    /// Stored name and payload.
    encoded_message message;
    /// When it may no longer be started; nothing: the server's bound.
    std::optional<instant> deadline;
    std::optional<version> expected;
    friend bool operator==(const bus_command&, const bus_command&) = default;
};

/// Names of topics are at most so long, as brokers have it.
inline constexpr std::size_t topic_bytes_max = 249;

/// Letters, digits, '.', '_' and '-', as brokers take them.
[[nodiscard]] bool is_topic_name(std::string_view text);

/// The message that asks for it; the topic is the caller's to name.
[[nodiscard]] bus_message message_of(bus_command asked, std::string topic);

/// Where the reply to a message goes: `malformed_payload` names the header that is missing or
/// wrong. The reply's topic must be `reply_prefix`, or begin with it and a dot.
[[nodiscard]] result<reply_address> address_of(const bus_message& message,
                                               std::string_view reply_prefix);

/// The command in a message whose address is known; its payload is moved from. `malformed_payload`
/// names what is missing or wrong.
[[nodiscard]] result<bus_command> command_from(bus_message& message, reply_address from);

/// What became of a command that was asked for over the bus.
enum class reply_kind : std::uint8_t {
    /// Its events are stored.
    committed,
    /// The domain said no; that is stored, too.
    refused,
    /// The machinery could not: see the code. A copy that comes later may be carried out.
    failed,
    /// Not started before its deadline.
    expired,
};

/// "committed", "refused", "failed", "expired".
[[nodiscard]] std::string_view to_string(reply_kind kind);

/// A reply on its way over the bus.
struct bus_reply {
    reply_kind kind = reply_kind::failed;
    /// Versions of the events that the command caused: (first_version, version]; equal if none.
    tidemark::version first_version;
    tidemark::version version;
    tidemark::position position;
    /// Of a refusal, or the name of an `errc`.
    std::string code;
    std::string message;
    bool is_retryable = false;
    /// The command was answered before, and this is what was said then.
    bool is_repeated = false;
    friend bool operator==(const bus_reply&, const bus_reply&) = default;
};

[[nodiscard]] bus_reply reply_of(const answer& stored, bool is_repeated);
[[nodiscard]] bus_reply reply_of(const error& why);
[[nodiscard]] bus_message message_of(const bus_reply& reply, const reply_address& to);

/// `malformed_payload` for what no server of this library has said.
[[nodiscard]] result<bus_reply> reply_from(const bus_message& message);

/// As `execute` tells it. An expired command is `unknown_outcome`: another copy of it may have been
/// carried out. So is an error that this library does not know.
[[nodiscard]] outcome outcome_of(const bus_reply& reply, const message_id& command);

}  // namespace tidemark
