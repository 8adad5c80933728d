#pragma once

#include "tidemark/core/ids.hpp"

#include <iosfwd>
#include <string>

namespace tidemark {

/// A message as it is stored: its written-down name ("account.opened.v1") and its payload bytes
/// (JSON text by default).
struct encoded_message {
    std::string name;
    std::string payload;
    friend bool operator==(const encoded_message&, const encoded_message&) = default;
};

/// Who a message belongs to: stored with every event, effect and timer, logged with every line.
struct trace_context {
    /// The business transaction: the id of the first command of the chain.
    message_id correlation;
    /// The message that caused this one.
    message_id causation;
    /// W3C `traceparent` header, empty if there is none.
    std::string traceparent;
    friend bool operator==(const trace_context&, const trace_context&) = default;
};

}  // namespace tidemark
