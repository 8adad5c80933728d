/// Durable appends and commands on PostgreSQL, each beside its floor (one autocommit insert per
/// event over bare libpq, with as many sessions as clients) or its limit (a hand-written statement
/// over arrays) on the same server in the same run.

#include "tidemark/bench/bare_postgres.hpp"
#include "tidemark/bench/closed_loop.hpp"
#include "tidemark/bench/latencies.hpp"
#include "tidemark/bench/postgres_world.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using bench::postgres_world;

const std::string a_payload = bench::payload_of(220);

void append(benchmark::State& state) {
    postgres_world w;
    const auto clients = static_cast<std::uint64_t>(state.range(0));
    const auto each = static_cast<std::size_t>(state.range(1));
    const auto payload = bench::payload_of(static_cast<std::size_t>(state.range(2)));
    const auto calls = bench::calls_of(std::max<std::uint64_t>(clients * 150 / each, 500));
    bench::latencies took{clients};
    auto once = [&](std::uint64_t client) { return took.timed(client, w.append(each, payload)); };
    for (auto _ : state) bench::closed_loop(w.io, clients, calls, once);
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls * each));
    took.tell(state);
}

/// As many sessions as clients, each event a transaction of its own.
void bare_insert(benchmark::State& state) {
    const bench::bench_database database;
    const auto clients = static_cast<std::size_t>(state.range(0));
    const auto calls = bench::calls_of(std::max<std::size_t>(clients * 150, 500));
    std::vector<std::unique_ptr<bench::bare_session>> sessions;
    for (std::size_t i = 0; i < clients; ++i) {
        sessions.push_back(std::make_unique<bench::bare_session>(database.url()));
    }
    std::atomic<std::size_t> next{0};
    for (auto _ : state) {
        const auto end = next + calls;
        std::vector<std::thread> threads;
        for (const auto& session : sessions) {
            threads.emplace_back([&next, end, one = session.get()] {
                for (auto i = next++; i < end; i = next++) {
                    // Spread over the index as fresh ids are.
                    const auto spread = std::hash<std::size_t>{}(i * 0x9E3779B97F4A7C15U);
                    one->insert("account-" + std::to_string(spread), 1, a_payload);
                }
            });
        }
        for (auto& one : threads) one.join();
        next = end;
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls));
}

void bare_unnest(benchmark::State& state) {
    const bench::bench_database database;
    const auto each = static_cast<std::size_t>(state.range(0));
    constexpr std::size_t sessions = 2;
    const auto statements = bench::calls_of(50);
    std::vector<std::unique_ptr<bench::bare_session>> open;
    for (std::size_t i = 0; i < sessions; ++i) {
        open.push_back(std::make_unique<bench::bare_session>(database.url()));
    }
    std::atomic<std::size_t> next{0};
    for (auto _ : state) {
        std::vector<std::thread> threads;
        for (const auto& session : open) {
            threads.emplace_back([&next, each, statements, one = session.get()] {
                for (std::size_t s = 0; s < statements; ++s) {
                    std::vector<std::string> streams;
                    for (std::size_t e = 0; e < each; ++e) {
                        streams.push_back("account-" + std::to_string(next++));
                    }
                    one->insert_all(streams, a_payload);
                }
            });
        }
        for (auto& one : threads) one.join();
    }
    state.SetItemsProcessed(state.iterations() *
                            static_cast<std::int64_t>(sessions * statements * each));
}

BENCHMARK(append)->Name("postgres/W1_C1")->Args({1, 1, 220})->UseRealTime()->Iterations(2);
BENCHMARK(bare_insert)->Name("postgres/W1_C1/floor")->Arg(1)->UseRealTime()->Iterations(2);
BENCHMARK(append)->Name("postgres/W1_C16")->Args({16, 1, 220})->UseRealTime()->Iterations(2);
BENCHMARK(bare_insert)->Name("postgres/W1_C16/floor")->Arg(16)->UseRealTime()->Iterations(2);
BENCHMARK(append)->Name("postgres/W1_C128")->Args({128, 1, 220})->UseRealTime()->Iterations(2);
BENCHMARK(bare_insert)->Name("postgres/W1_C128/floor")->Arg(128)->UseRealTime()->Iterations(1);
BENCHMARK(append)->Name("postgres/W1_C256")->Args({256, 1, 220})->UseRealTime()->Iterations(2);
BENCHMARK(append)
    ->Name("postgres/W1_C128_1KiB")
    ->Args({128, 1, 1024})
    ->UseRealTime()
    ->Iterations(2);
BENCHMARK(append)->Name("postgres/W2_C16")->Args({16, 10, 220})->UseRealTime()->Iterations(4);
BENCHMARK(bare_unnest)->Name("postgres/W2_C16/limit")->Arg(80)->UseRealTime()->Iterations(2);

/// W1 as it comes: so many appends a second, whether those before them are done or not; how long
/// each took from when it was due.
void append_open_loop(benchmark::State& state) {
    postgres_world w;
    const auto rate = static_cast<std::uint64_t>(state.range(0));
    const auto calls = bench::calls_of(rate);
    bench::latencies took{1};
    auto once = [&](std::uint64_t) { return w.append(1, a_payload); };
    for (auto _ : state) bench::open_loop(w.io, rate, calls, took, once);
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls));
    took.tell(state);
}
BENCHMARK(append_open_loop)->Name("postgres/W1_open_5000")->Arg(5000)->UseRealTime()->Iterations(1);

/// W3: a command on one of 1,000 accounts of 10 events; warm, with the states in memory, as usual,
/// and cold, each read anew.
void execute(benchmark::State& state) {
    tidemark::runtime_options how;
    if (state.range(1) == 0) how.cache_bytes = 1;
    postgres_world w{{}, how};
    constexpr std::size_t accounts = 1'000;
    w.open_accounts(accounts, 10);
    const auto clients = static_cast<std::uint64_t>(state.range(0));
    const auto calls = bench::calls_of(clients * 100);
    std::atomic<std::size_t> next{0};
    bench::latencies took{clients};
    auto deposit = [&](std::uint64_t) { return w.deposit(w.account(next++ % accounts)); };
    auto once = [&](std::uint64_t client) { return took.timed(client, deposit(client)); };
    // What is warm has been read once.
    if (state.range(1) == 1) bench::closed_loop(w.io, clients, accounts, deposit);
    for (auto _ : state) bench::closed_loop(w.io, clients, calls, once);
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls));
    took.tell(state);
}
BENCHMARK(execute)->Name("postgres/W3_cold_C16")->Args({16, 0})->UseRealTime()->Iterations(2);
BENCHMARK(execute)->Name("postgres/W3_cold_C128")->Args({128, 0})->UseRealTime()->Iterations(2);
BENCHMARK(execute)->Name("postgres/W3_warm_C16")->Args({16, 1})->UseRealTime()->Iterations(2);
BENCHMARK(execute)->Name("postgres/W3_warm_C128")->Args({128, 1})->UseRealTime()->Iterations(2);

/// W4: 32 clients on one account; every decision is made on the state before it.
void execute_hot(benchmark::State& state) {
    postgres_world w;
    w.open_accounts(1);
    constexpr std::uint64_t clients = 32;
    const auto calls = bench::calls_of(10'000);
    auto once = [&](std::uint64_t) { return w.deposit(w.account(0)); };
    std::uint64_t rounds = 0;
    for (auto _ : state) {
        bench::closed_loop(w.io, clients, calls, once);
        ++rounds;
    }
    const auto all = tidemark::run(w.io, w.runtime->state_of(w.account(0).stream(), std::nullopt));
    if (!all || all->version.value() != 1 + rounds * calls) std::abort();
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls));
}
BENCHMARK(execute_hot)->Name("postgres/W4_hot")->UseRealTime()->Iterations(2);

}  // namespace

BENCHMARK_MAIN();
