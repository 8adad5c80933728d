#pragma once

#include "tidemark/async/executor.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

namespace bench {

/// How long each call took, kept by client so that none waits for another.
class latencies {
  public:
    using clock = std::chrono::steady_clock;

    explicit latencies(std::size_t clients) : took_(clients) {}

    void add(std::size_t client, clock::duration span) {
        took_[client].push_back(std::chrono::duration<double, std::micro>(span).count());
    }
    /// The call, timed from its start.
    [[nodiscard]] tidemark::awaitable<void> timed(std::size_t client,
                                                  tidemark::awaitable<void> call) {
        const auto begun = clock::now();
        co_await std::move(call);
        add(client, clock::now() - begun);
    }
    /// As counters in microseconds. Once all calls are done.
    void tell(benchmark::State& state) const {
        std::vector<double> all;
        for (const auto& one : took_) all.insert(all.end(), one.begin(), one.end());
        if (all.empty()) return;
        std::ranges::sort(all);
        const auto at = [&](double share) {
            return all[static_cast<std::size_t>(share * static_cast<double>(all.size() - 1))];
        };
        state.counters["p50_us"] = at(0.5);
        state.counters["p99_us"] = at(0.99);
        state.counters["p999_us"] = at(0.999);
    }

  private:
    std::vector<std::vector<double>> took_;
};

}  // namespace bench
