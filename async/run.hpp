#pragma once

#include "tidemark/async/timeout.hpp"

#include <memory>
#include <optional>
#include <utility>

namespace tidemark {

/// Runs `work` on a shard of a *real* execution and blocks the calling thread until it has ended.
/// For `main` and tests; never on a shard. Throws what `work` throws. (A simulated execution has a
/// `run` of its own.)
void run(execution& on, awaitable<void> work, std::size_t shard = 0);

template <class T>
T run(execution& on, awaitable<T> work, std::size_t shard = 0) {
    auto kept = std::make_shared<std::optional<T>>();
    run(on, keep_outcome<T>(std::move(work), kept), shard);
    return std::move(**kept);
}

}  // namespace tidemark
