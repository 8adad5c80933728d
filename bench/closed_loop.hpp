#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/async/gate.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/async/spawn.hpp"
#include "tidemark/bench/latencies.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
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

/// How often a row is measured that tells more about others: less than the rest; in such a run
/// once.
[[nodiscard]] inline int few_repetitions() { return static_cast<int>(calls_of(100)) == 1 ? 1 : 3; }

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

/// Starts `rate` calls a second, `total` in all, on time whether earlier ones are done or not;
/// tells `took` how long each took from when it was due. Blocks; not on a shard.
template <class Once>
void open_loop(tidemark::execution& on, std::uint64_t rate, std::uint64_t total, latencies& took,
               Once& once) {
    using clock = latencies::clock;
    struct calls {
        tidemark::execution& on;
        Once& once;
        std::uint64_t rate;
        tidemark::gate gate{};
        std::vector<clock::duration> spans{};

        static tidemark::awaitable<void> run(calls& all, std::uint64_t number,
                                             clock::time_point due) {
            co_await all.once(number);
            all.spans[number] = clock::now() - due;
        }
        static tidemark::awaitable<void> start(calls& all) {
            const auto timer = all.on.make_timer(0);
            const auto begun = clock::now();
            for (std::uint64_t i = 0; i < all.spans.size(); ++i) {
                const auto due = begun + std::chrono::nanoseconds{1'000'000'000} * i / all.rate;
                const auto left =
                    std::chrono::duration_cast<tidemark::duration>(due - clock::now());
                if (left.count() > 0) co_await timer->wait(left);
                tidemark::spawn(all.gate, all.on.shard(i % all.on.shard_count()), run(all, i, due));
            }
        }
    };
    calls all{.on = on, .once = once, .rate = rate};
    all.spans.resize(total);
    tidemark::run(on, calls::start(all));
    tidemark::run(on, all.gate.close());
    for (const auto span : all.spans) took.add(0, span);
}

}  // namespace bench
