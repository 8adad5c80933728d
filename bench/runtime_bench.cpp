/// One command through the runtime on the memory store: on its shard, across threads, and beside
/// the limit, the append alone.

#include "tidemark/async/io.hpp"
#include "tidemark/bench/closed_loop.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/examples/bank/account.hpp"
#include "tidemark/runtime/runtime.hpp"

#include <benchmark/benchmark.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>

namespace {

/// Allocations of the whole process; relaxed, because only differences over many calls matter.
std::atomic<std::uint64_t> allocations{0};

}  // namespace

// Counted in place of the library's own: what a command allocates is bounded by a goal.
void* operator new(std::size_t size) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* got = std::malloc(size == 0 ? 1 : size)) return got;
    throw std::bad_alloc{};
}
void* operator new(std::size_t size, std::align_val_t align) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    const auto step = static_cast<std::size_t>(align);
    if (void* got = std::aligned_alloc(step, (size + step - 1) / step * step)) return got;
    throw std::bad_alloc{};
}
void operator delete(void* kept) noexcept { std::free(kept); }
void operator delete(void* kept, std::size_t) noexcept { std::free(kept); }
void operator delete(void* kept, std::align_val_t) noexcept { std::free(kept); }
void operator delete(void* kept, std::size_t, std::align_val_t) noexcept { std::free(kept); }

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
    const auto calls = bench::calls_of(20'000);
    auto once = [&w](std::uint64_t client) { return w.deposit(client); };
    const auto before = allocations.load();
    for (auto _ : state) {
        bench::closed_loop(w.io, static_cast<std::uint64_t>(state.range(1)), calls, once);
    }
    const auto done = state.iterations() * static_cast<std::int64_t>(calls);
    state.SetItemsProcessed(done);
    state.counters["allocations"] =
        static_cast<double>(allocations.load() - before) / static_cast<double>(done);
}
BENCHMARK(execute)->Name("execute/in_shard")->Args({1, 1})->UseRealTime()->Iterations(10);
BENCHMARK(execute)->Name("execute/in_shard_16")->Args({1, 16})->UseRealTime()->Iterations(10);
BENCHMARK(execute)->Name("execute/across_threads")->Args({2, 1})->UseRealTime()->Iterations(10);
BENCHMARK(execute)->Name("execute/across_threads_16")->Args({2, 16})->UseRealTime()->Iterations(10);

void append_alone(benchmark::State& state) {
    tidemark::io io{{.shards = 1}};
    tidemark::memory_storage events{io.clock()};
    const auto calls = bench::calls_of(20'000);
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
    const auto before = allocations.load();
    for (auto _ : state) bench::closed_loop(io, 1, calls, once);
    const auto done = state.iterations() * static_cast<std::int64_t>(calls);
    state.SetItemsProcessed(done);
    state.counters["allocations"] =
        static_cast<double>(allocations.load() - before) / static_cast<double>(done);
}
BENCHMARK(append_alone)->Name("execute/in_shard/limit")->UseRealTime()->Iterations(10);

/// To another shard and back: two hops, what a command from elsewhere pays besides itself.
void hop(benchmark::State& state) {
    tidemark::io io{{.shards = 2}};
    const auto calls = bench::calls_of(20'000);
    struct walker {
        static tidemark::awaitable<void> there() { co_return; }
        static tidemark::awaitable<void> once(tidemark::io& io) {
            co_await boost::asio::co_spawn(io.shard(1), there(), boost::asio::use_awaitable);
        }
    };
    auto once = [&](std::uint64_t) { return walker::once(io); };
    const auto clients = static_cast<std::uint64_t>(state.range(0));
    for (auto _ : state) bench::closed_loop(io, clients, calls, once);
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls));
}
BENCHMARK(hop)->Name("execute/across_threads/limit")->Arg(1)->UseRealTime()->Iterations(10);
BENCHMARK(hop)->Name("execute/across_threads_16/limit")->Arg(16)->UseRealTime()->Iterations(10);

}  // namespace

BENCHMARK_MAIN();
