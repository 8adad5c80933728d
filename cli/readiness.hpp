#pragma once

#include "tidemark/eventbus/event_bus.hpp"
#include "tidemark/eventstore/storage.hpp"
#include "tidemark/runtime/runtime.hpp"

namespace tidemark::cli {

/// What readiness asks: a success, or why not. The bus is not critical: commands are accepted
/// without it, and what it misses is relayed later.
[[nodiscard]] awaitable<result<void>> ask_store(storage& events);
[[nodiscard]] awaitable<result<void>> ask_bus(const runtime& app, const event_bus& bus);
[[nodiscard]] awaitable<result<void>> ask_projections(const runtime& app);

}  // namespace tidemark::cli
