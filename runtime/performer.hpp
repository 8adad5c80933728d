#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/core/encoded.hpp"
#include "tidemark/core/error.hpp"
#include "tidemark/core/ids.hpp"

#include <functional>
#include <optional>

namespace tidemark {

/// What a performer may know besides its request.
struct request_context {
    /// The same on every attempt: hand it to the outside as idempotency key.
    message_id key;
    /// 1 for the first.
    std::uint32_t attempt = 1;
    /// Stream that asked.
    stream_id source;
    trace_context trace;
};

/// Work in the outside world, type-erased: the stored request in, the command that answers it out,
/// or nothing if there is no answer. A thrown exception or an error is a failed attempt.
using erased_performer = std::function<awaitable<result<std::optional<encoded_message>>>(
    encoded_message, request_context)>;

}  // namespace tidemark
