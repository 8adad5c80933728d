#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/async/gate.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/async/spawn.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace bench {

/// `full` calls, or a hundredth of them where `TIDEMARK_BENCH_SHORT` is set: a run that shows that
/// the benchmark works and whose figures mean nothing.
[[nodiscard]] inline std::uint64_t calls_of(std::uint64_t full) {
    return std::getenv("TIDEMARK_BENCH_SHORT") == nullptr ? full
                                                          : std::max<std::uint64_t>(full / 100, 1);
}

/// Calls `once(client)` from `clients` coroutines, each again as soon as it has its answer, until
/// `total` calls are done. `Once` yields awaitable<void>. Blocks; not on a shard.
template <class Once>
void closed_loop(tidemark::execution& on, std::uint64_t clients, std::uint64_t total, Once& once) {
    struct shared_state {
        std::atomic<std::uint64_t> left{0};
        tidemark::gate gate;
    };
    auto shared = std::make_shared<shared_state>();
    shared->left = total;
    struct loop {
        static tidemark::awaitable<void> run(std::shared_ptr<shared_state> shared, Once& once,
                                             std::uint64_t client) {
            for (;;) {
                const auto before = shared->left.load();
                if (before == 0) co_return;
                auto expected = before;
                if (!shared->left.compare_exchange_weak(expected, before - 1)) continue;
                co_await once(client);
            }
        }
    };
    for (std::uint64_t i = 0; i < clients; ++i) {
        tidemark::spawn(shared->gate, on.shard(i % on.shard_count()), loop::run(shared, once, i));
    }
    tidemark::run(on, shared->gate.close());
}

}  // namespace bench
