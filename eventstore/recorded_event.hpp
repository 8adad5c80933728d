#pragma once

#include "tidemark/core/encoded.hpp"
#include "tidemark/core/ids.hpp"
#include "tidemark/core/version.hpp"

#include <string>

namespace tidemark {

/// An event as stored.
struct recorded_event {
    tidemark::position position;
    stream_id stream;
    tidemark::version version;
    message_id id;
    encoded_message message;
    trace_context trace;
    /// When the store accepted it, by the store's clock.
    instant recorded_at{};
    friend bool operator==(const recorded_event&, const recorded_event&) = default;
};

}  // namespace tidemark
