/// Durable appends and commands on PostgreSQL, each beside its floor (one autocommit insert per
/// event over bare libpq, with as many sessions as clients) or its limit (a hand-written statement
/// over arrays; COPY) on the same server in the same run.

#include "tidemark/async/io.hpp"
#include "tidemark/bench/bare_postgres.hpp"
#include "tidemark/bench/closed_loop.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/eventstore/postgres_event_store.hpp"
#include "tidemark/examples/bank/account.hpp"
#include "tidemark/runtime/runtime.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using bank::account;
using bank::account_id;
using bank::money;

/// About the size of a business event.
const std::string a_payload = R"({"owner":"Ada Lovelace, London","note":")" +
                              std::string(150, 'x') + R"(","at":"2026-01-01T00:00:00Z"})";

struct world {
    bench::bench_database database;
    tidemark::io io;
    std::unique_ptr<tidemark::postgres_storage> events;
    tidemark::memory_event_bus bus;
    std::unique_ptr<tidemark::runtime> runtime;

    world() {
        events = tidemark::postgres_storage::open({.url = database.url()}).value();
        runtime = std::make_unique<tidemark::runtime>(io, *events, bus);
        runtime->store<account>();
        runtime->start();
    }
    ~world() { tidemark::run(io, runtime->drain()); }

    /// W1, W2: so many events to a fresh stream.
    tidemark::awaitable<void> append(std::size_t count) {
        tidemark::append_request sent{
            .stream = tidemark::stream_id{"account", io.fresh_id().to_string()},
            .expected = tidemark::expected_version::none()};
        for (std::size_t i = 0; i < count; ++i) {
            sent.events.push_back(
                {.id = io.fresh_id(), .message = {"account.opened.v1", a_payload}});
        }
        sent.trace = {.correlation = io.fresh_id(), .causation = io.fresh_id(), .traceparent = {}};
        auto batch = std::make_shared<const std::vector<tidemark::append_request>>(1, sent);
        const auto told = co_await events->append(batch);
        if (!std::holds_alternative<tidemark::append_committed>(told[0])) {
            throw std::runtime_error{"an append was not committed"};
        }
    }

    /// W3, W4: a command on one of the accounts.
    tidemark::awaitable<void> deposit(account_id to) {
        auto accounts = runtime->store<account>();
        const money amount{1};
        const auto told = co_await accounts.execute<account::deposit>(to, amount);
        if (!told) throw std::runtime_error{told.reason()};
    }

    void open_accounts(std::size_t count) {
        std::atomic<std::size_t> next{0};
        auto once = [&](std::uint64_t) -> tidemark::awaitable<void> {
            return open_one(std::to_string(next++));
        };
        bench::closed_loop(io, 64, count, once);
    }

  private:
    tidemark::awaitable<void> open_one(std::string name) {
        auto accounts = runtime->store<account>();
        const account_id id(name);
        const auto told = co_await accounts.execute<account::open>(id, name);
        if (!told) throw std::runtime_error{told.reason()};
    }
};

void append(benchmark::State& state) {
    world w;
    const auto clients = static_cast<std::uint64_t>(state.range(0));
    const auto each = static_cast<std::size_t>(state.range(1));
    const auto calls = bench::calls_of(std::max<std::uint64_t>(clients * 150 / each, 500));
    auto once = [&](std::uint64_t) { return w.append(each); };
    for (auto _ : state) bench::closed_loop(w.io, clients, calls, once);
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls * each));
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

BENCHMARK(append)->Name("postgres/W1_C1")->Args({1, 1})->UseRealTime()->Iterations(2);
BENCHMARK(bare_insert)->Name("postgres/W1_C1/floor")->Arg(1)->UseRealTime()->Iterations(2);
BENCHMARK(append)->Name("postgres/W1_C16")->Args({16, 1})->UseRealTime()->Iterations(2);
BENCHMARK(bare_insert)->Name("postgres/W1_C16/floor")->Arg(16)->UseRealTime()->Iterations(2);
BENCHMARK(append)->Name("postgres/W1_C128")->Args({128, 1})->UseRealTime()->Iterations(2);
BENCHMARK(bare_insert)->Name("postgres/W1_C128/floor")->Arg(128)->UseRealTime()->Iterations(1);
BENCHMARK(append)->Name("postgres/W2_C16")->Args({16, 10})->UseRealTime()->Iterations(4);
BENCHMARK(bare_unnest)->Name("postgres/W2_C16/limit")->Arg(80)->UseRealTime()->Iterations(2);

/// W3 warm: a command on one of 1,000 accounts whose state is in memory.
void execute(benchmark::State& state) {
    world w;
    constexpr std::size_t accounts = 1'000;
    w.open_accounts(accounts);
    const auto clients = static_cast<std::uint64_t>(state.range(0));
    const auto calls = bench::calls_of(clients * 100);
    std::atomic<std::size_t> next{0};
    auto once = [&](std::uint64_t) {
        return w.deposit(account_id{std::to_string(next++ % accounts)});
    };
    for (auto _ : state) bench::closed_loop(w.io, clients, calls, once);
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls));
}
BENCHMARK(execute)->Name("postgres/W3_warm_C16")->Arg(16)->UseRealTime()->Iterations(2);
BENCHMARK(execute)->Name("postgres/W3_warm_C128")->Arg(128)->UseRealTime()->Iterations(2);

/// W4: 32 clients on one account; every decision is made on the state before it.
void execute_hot(benchmark::State& state) {
    world w;
    w.open_accounts(1);
    constexpr std::uint64_t clients = 32;
    const auto calls = bench::calls_of(10'000);
    auto once = [&](std::uint64_t) { return w.deposit(account_id{"0"}); };
    std::uint64_t rounds = 0;
    for (auto _ : state) {
        bench::closed_loop(w.io, clients, calls, once);
        ++rounds;
    }
    const auto all =
        tidemark::run(w.io, w.runtime->state_of(account_id{"0"}.stream(), std::nullopt));
    if (!all || all->version.value() != 1 + rounds * calls) std::abort();
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls));
}
BENCHMARK(execute_hot)->Name("postgres/W4_hot")->UseRealTime()->Iterations(2);

const std::uint64_t stream_events = bench::calls_of(10'000);
const std::uint64_t log_events = bench::calls_of(100'000);
constexpr auto copy_columns =
    "SELECT position, version, recorded_at, id, correlation, causation, stream, name, traceparent, "
    "payload FROM tidemark.events ";

/// A log of `log_events`, of which `stream_events` are one stream's.
struct replay_world : world {
    replay_world() {
        open_accounts(1);
        auto once = [this](std::uint64_t) { return deposit(account_id{"0"}); };
        bench::closed_loop(io, 64, stream_events - 1, once);
        auto many = [this](std::uint64_t) { return append(100); };
        bench::closed_loop(io, 16, (log_events - stream_events) / 100, many);
        bench::bare_session{database.url()}.execute("VACUUM ANALYZE tidemark.events");
    }
};

replay_world& replayed() {
    static replay_world made;
    return made;
}

void replay_stream(benchmark::State& state) {
    auto& w = replayed();
    const account_id hot{"0"};
    for (auto _ : state) {
        const auto all = tidemark::run(w.io, w.runtime->state_of(hot.stream(), std::nullopt));
        if (!all || all->version.value() != stream_events) std::abort();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(stream_events));
}
BENCHMARK(replay_stream)->Name("postgres/W5_stream")->UseRealTime()->Iterations(10);

void copy_stream(benchmark::State& state) {
    bench::bare_session session{replayed().database.url()};
    const auto query = copy_columns + std::string{"WHERE stream = 'account-0' ORDER BY version"};
    for (auto _ : state) benchmark::DoNotOptimize(session.copy(query));
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(stream_events));
}
BENCHMARK(copy_stream)->Name("postgres/W5_stream/limit")->UseRealTime()->Iterations(10);

/// The whole log, page by page, as a subscriber reads it.
tidemark::awaitable<void> read_log(tidemark::event_store& events, std::uint64_t& found) {
    tidemark::position after;
    for (;;) {
        const auto page = co_await events.read_all(after, 1'000);
        if (!page || page->events.empty()) co_return;
        found += page->events.size();
        after = page->seen;
    }
}

void replay_log(benchmark::State& state) {
    auto& w = replayed();
    for (auto _ : state) {
        std::uint64_t found = 0;
        tidemark::run(w.io, read_log(*w.events, found));
        if (found != log_events) std::abort();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(log_events));
}
BENCHMARK(replay_log)->Name("postgres/W5_log")->UseRealTime()->Iterations(3);

void copy_log(benchmark::State& state) {
    bench::bare_session session{replayed().database.url()};
    const auto query = copy_columns + std::string{"ORDER BY position"};
    for (auto _ : state) benchmark::DoNotOptimize(session.copy(query));
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(log_events));
}
BENCHMARK(copy_log)->Name("postgres/W5_log/limit")->UseRealTime()->Iterations(3);

}  // namespace

BENCHMARK_MAIN();
