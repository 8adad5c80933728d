/// Durable appends and commands on PostgreSQL, each beside its floor (one autocommit insert per
/// event over bare libpq, with as many sessions as clients) or its limit (hand-written statements
/// over arrays, group commit among them) on the same server in the same run.

#include "tidemark/bench/bare_postgres.hpp"
#include "tidemark/bench/closed_loop.hpp"
#include "tidemark/bench/group_commit.hpp"
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
    const auto payload = bench::payload_of(static_cast<std::size_t>(state.range(1)));
    std::vector<std::unique_ptr<bench::bare_session>> sessions;
    for (std::size_t i = 0; i < clients; ++i) {
        sessions.push_back(std::make_unique<bench::bare_session>(database.url()));
    }
    std::atomic<std::size_t> next{0};
    for (auto _ : state) {
        const auto end = next + calls;
        std::vector<std::thread> threads;
        for (const auto& session : sessions) {
            threads.emplace_back([&next, &payload, end, one = session.get()] {
                for (auto i = next++; i < end; i = next++) {
                    one->insert(bench::spread_name(i), 1, payload);
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
    const std::vector<std::string> payloads(
        each, bench::payload_of(static_cast<std::size_t>(state.range(1))));
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
            threads.emplace_back([&next, &payloads, each, statements, one = session.get()] {
                for (std::size_t s = 0; s < statements; ++s) {
                    std::vector<std::string> streams;
                    for (std::size_t e = 0; e < each; ++e) {
                        streams.push_back("account-" + std::to_string(next++));
                    }
                    one->insert_many(streams, payloads);
                }
            });
        }
        for (auto& one : threads) one.join();
    }
    state.SetItemsProcessed(state.iterations() *
                            static_cast<std::int64_t>(sessions * statements * each));
}

/// W1 by hand, as well as it can be done; with one session or two, whichever this machine likes.
void grouped_insert(benchmark::State& state) {
    const bench::bench_database database;
    const auto clients = static_cast<std::uint64_t>(state.range(0));
    const auto calls = bench::calls_of(std::max<std::uint64_t>(clients * 150, 500));
    bench::group_commit by_hand{database.url(), static_cast<std::size_t>(state.range(2)), clients,
                                bench::payload_of(static_cast<std::size_t>(state.range(1)))};
    bench::latencies took{clients};
    for (auto _ : state) by_hand.run(calls, took);
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls));
    took.tell(state);
}

benchmark::internal::Benchmark* row(const char* name, void (*measured)(benchmark::State&),
                                    std::vector<std::int64_t> how, int iterations = 2) {
    auto* const made = benchmark::RegisterBenchmark(name, measured);
    return made->Args(how)->UseRealTime()->Iterations(iterations);
}

/// In the order of the table.
[[maybe_unused]] const bool are_rows_named = [] {
    const auto few = bench::few_repetitions();
    row("postgres/W1_C1", append, {1, 1, 220});
    row("postgres/W1_C1/floor", bare_insert, {1, 220});
    row("postgres/W1_C1_1KiB", append, {1, 1, 1024})->Repetitions(few);
    row("postgres/W1_C1_1KiB/floor", bare_insert, {1, 1024})->Repetitions(few);
    row("postgres/W1_C16", append, {16, 1, 220});
    row("postgres/W1_C16/floor", bare_insert, {16, 220});
    row("postgres/W1_C16/limit", grouped_insert, {16, 220, 1});
    row("postgres/W1_C16_1KiB", append, {16, 1, 1024})->Repetitions(few);
    row("postgres/W1_C16_1KiB/floor", bare_insert, {16, 1024})->Repetitions(few);
    row("postgres/W1_C64", append, {64, 1, 220})->Repetitions(few);
    row("postgres/W1_C64/floor", bare_insert, {64, 220}, 1)->Repetitions(few);
    row("postgres/W1_C128", append, {128, 1, 220});
    row("postgres/W1_C128/floor", bare_insert, {128, 220}, 1);
    row("postgres/W1_C128/limit", grouped_insert, {128, 220, 1});
    row("postgres/W1_C128/limit_two", grouped_insert, {128, 220, 2});
    row("postgres/W1_C128_1KiB", append, {128, 1, 1024});
    row("postgres/W1_C128_1KiB/limit", grouped_insert, {128, 1024, 1})->Repetitions(few);
    row("postgres/W1_C256", append, {256, 1, 220});
    row("postgres/W2_C16", append, {16, 10, 220}, 4);
    row("postgres/W2_C16/limit", bare_unnest, {80, 220});
    row("postgres/W2_C16_1KiB", append, {16, 10, 1024}, 4)->Repetitions(few);
    row("postgres/W2_C16_1KiB/limit", bare_unnest, {80, 1024})->Repetitions(few);
    return true;
}();

/// W1 as it comes: so many appends a second, whether those before them are done or not; how long
/// each took from when it was due.
void append_open_loop(benchmark::State& state) {
    postgres_world w;
    const auto rate = static_cast<std::uint64_t>(state.range(0));
    const auto calls = bench::calls_of(3 * rate);
    bench::latencies took{1};
    auto once = [&](std::uint64_t) { return w.append(1, a_payload); };
    // The first appends wait for connections and plans.
    bench::closed_loop(w.io, 128, 1'000, once);
    for (auto _ : state) bench::open_loop(w.io, rate, calls, took, once);
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls));
    took.tell(state);
}
[[maybe_unused]] const bool are_rates_named = [] {
    const auto few = bench::few_repetitions();
    row("postgres/W1_open_1000", append_open_loop, {1'000}, 1)->Repetitions(few);
    row("postgres/W1_open_5000", append_open_loop, {5'000}, 1);
    row("postgres/W1_open_20000", append_open_loop, {20'000}, 1)->Repetitions(few);
    return true;
}();

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
