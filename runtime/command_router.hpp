#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/runtime/command_envelope.hpp"
#include "tidemark/runtime/performer.hpp"
#include "tidemark/runtime/stream_type.hpp"

#include <string_view>

namespace tidemark {

/// Finds the shard and the type of a stream. Implemented by the runtime, outlives its users.
class command_router {
  public:
    virtual ~command_router() = default;
    /// Null if no store of that category is registered.
    [[nodiscard]] virtual const stream_type* type_of(std::string_view category) const = 0;
    /// Null if no performer of that request is registered.
    [[nodiscard]] virtual const erased_performer* performer_of(std::string_view name) const = 0;
    /// Runs a command on its stream and resumes the caller on its own executor. An unregistered
    /// category is `not_found`.
    [[nodiscard]] virtual awaitable<command_result> deliver(stream_id to,
                                                            envelope_ptr envelope) = 0;
};

}  // namespace tidemark
