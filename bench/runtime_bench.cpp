/// One command through the runtime on the memory store: on its shard, across threads, and beside
/// the limit, the append alone.

#include "tidemark/async/io.hpp"
#include "tidemark/bench/closed_loop.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/examples/bank/account.hpp"
#include "tidemark/runtime/runtime.hpp"

#include <benchmark/benchmark.h>

#include <memory>
#include <string>

namespace {

using bank::account;
using bank::account_id;
using bank::money;

struct world {
    tidemark::io io;
    tidemark::memory_storage events{io.clock()};
    tidemark::memory_event_bus bus;
    tidemark::runtime runtime{io, events, bus};
    tidemark::store<account> accounts{runtime.store<account>()};

    explicit world(std::size_t shards) : io{{.shards = shards}} {
        runtime.start();
        for (int i = 0; i < 16; ++i) {
            auto opened = tidemark::run(io, accounts.execute<account::open>(name(i), "ada"));
            if (!opened) throw std::runtime_error{opened.reason()};
        }
    }
    ~world() { tidemark::run(io, runtime.drain()); }

    static account_id name(std::uint64_t client) {
        return account_id{"a" + std::to_string(client % 16)};
    }
    tidemark::awaitable<void> deposit(std::uint64_t client) {
        const auto to = name(client);
        const money amount{1};
        auto told = co_await accounts.execute<account::deposit>(to, amount);
        if (!told) throw std::runtime_error{told.reason()};
    }
};

/// `state.range(0)` shards, `state.range(1)` clients.
void execute(benchmark::State& state) {
    world w{static_cast<std::size_t>(state.range(0))};
    constexpr std::uint64_t calls = 20'000;
    auto once = [&w](std::uint64_t client) { return w.deposit(client); };
    for (auto _ : state) {
        bench::closed_loop(w.io, static_cast<std::uint64_t>(state.range(1)), calls, once);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls));
}
BENCHMARK(execute)->Name("execute/in_shard")->Args({1, 1})->UseRealTime()->Iterations(10);
BENCHMARK(execute)->Name("execute/in_shard_16")->Args({1, 16})->UseRealTime()->Iterations(10);
BENCHMARK(execute)->Name("execute/across_threads")->Args({2, 1})->UseRealTime()->Iterations(10);
BENCHMARK(execute)->Name("execute/across_threads_16")->Args({2, 16})->UseRealTime()->Iterations(10);

void append_alone(benchmark::State& state) {
    tidemark::io io{{.shards = 1}};
    tidemark::memory_storage events{io.clock()};
    constexpr std::uint64_t calls = 20'000;
    struct appender {
        static tidemark::awaitable<void> once(tidemark::io& io, tidemark::memory_storage& events) {
            tidemark::append_request request;
            request.stream = tidemark::stream_id{"account", "a"};
            request.events.push_back({io.fresh_id(), {"account.deposited.v1", R"({"amount":1})"}});
            auto batch = std::make_shared<std::vector<tidemark::append_request>>();
            batch->push_back(std::move(request));
            auto outcomes = co_await events.append(std::move(batch));
            benchmark::DoNotOptimize(outcomes);
        }
    };
    auto once = [&](std::uint64_t) { return appender::once(io, events); };
    for (auto _ : state) bench::closed_loop(io, 1, calls, once);
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls));
}
BENCHMARK(append_alone)->Name("execute/in_shard/limit")->UseRealTime()->Iterations(10);

}  // namespace

BENCHMARK_MAIN();
