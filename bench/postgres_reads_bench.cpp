/// Replays from PostgreSQL, each beside COPY in binary of the same columns, not decoded.

#include "tidemark/bench/bare_postgres.hpp"
#include "tidemark/bench/closed_loop.hpp"
#include "tidemark/bench/postgres_world.hpp"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

using bench::postgres_world;

const std::uint64_t stream_events = bench::calls_of(10'000);
const std::uint64_t log_events = bench::calls_of(100'000);
constexpr auto copy_columns =
    "SELECT position, version, recorded_at, id, correlation, causation, stream, name, traceparent, "
    "payload FROM tidemark.events ";

/// `log_events`, of which `stream_events` are one stream's, behind what else is in the log.
struct replay_world : postgres_world {
    tidemark::position before;
    tidemark::position last;

    /// Deposits in a log of 220 bytes an event; or all of them so long.
    explicit replay_world(std::size_t bytes) {
        const auto payload = bench::payload_of(bytes);
        before = tidemark::run(io, place(1, payload));
        open_accounts(1);
        auto once = [&](std::uint64_t) -> tidemark::awaitable<void> {
            return bytes > 220 ? reopen(0, 1, bytes) : deposit(account(0));
        };
        bench::closed_loop(io, 64, stream_events - 1, once);
        auto many = [&](std::uint64_t) { return append(100, payload); };
        bench::closed_loop(io, 16, (log_events - stream_events) / 100 - 1, many);
        last = tidemark::run(io, place(100, payload));
        bench::bare_session{database->url()}.execute("VACUUM ANALYZE tidemark.events");
    }
};

replay_world& replayed(const benchmark::State& state) {
    if (state.range(0) == 220) {
        static replay_world made{220};
        return made;
    }
    static replay_world made{1'024};
    return made;
}

void replay_stream(benchmark::State& state) {
    auto& w = replayed(state);
    const auto hot = w.account(0);
    for (auto _ : state) {
        const auto all = tidemark::run(w.io, w.runtime->state_of(hot.stream(), std::nullopt));
        if (!all || all->version.value() != stream_events) std::abort();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(stream_events));
}

void copy_stream(benchmark::State& state) {
    auto& w = replayed(state);
    bench::bare_session session{w.database->url()};
    const auto query = std::string{copy_columns} + "WHERE stream = '" +
                       w.account(0).stream().text() + "' ORDER BY version";
    for (auto _ : state) benchmark::DoNotOptimize(session.copy(query));
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(stream_events));
}

/// The log between two positions, page by page, as a subscriber reads it.
tidemark::awaitable<void> read_log(const replay_world& w, std::uint64_t& found) {
    auto after = w.before;
    while (after < w.last) {
        const auto page = co_await w.events->read_all(after, 1'000);
        if (!page || page->events.empty()) co_return;
        for (const auto& event : page->events) found += event.position <= w.last ? 1 : 0;
        after = page->seen;
    }
}

void replay_log(benchmark::State& state) {
    auto& w = replayed(state);
    for (auto _ : state) {
        std::uint64_t found = 0;
        tidemark::run(w.io, read_log(w, found));
        if (found != log_events) std::abort();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(log_events));
}

void copy_log(benchmark::State& state) {
    auto& w = replayed(state);
    bench::bare_session session{w.database->url()};
    const auto query = copy_columns + ("WHERE position > " + std::to_string(w.before.value())) +
                       " AND position <= " + std::to_string(w.last.value()) + " ORDER BY position";
    for (auto _ : state) benchmark::DoNotOptimize(session.copy(query));
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(log_events));
}

BENCHMARK(replay_stream)->Name("postgres/W5_stream")->Arg(220)->UseRealTime()->Iterations(10);
BENCHMARK(copy_stream)->Name("postgres/W5_stream/limit")->Arg(220)->UseRealTime()->Iterations(10);
BENCHMARK(replay_log)->Name("postgres/W5_log")->Arg(220)->UseRealTime()->Iterations(3);
BENCHMARK(copy_log)->Name("postgres/W5_log/limit")->Arg(220)->UseRealTime()->Iterations(3);
BENCHMARK(replay_stream)
    ->Name("postgres/W5_stream_1KiB")
    ->Arg(1'024)
    ->UseRealTime()
    ->Iterations(5)
    ->Repetitions(bench::few_repetitions());
BENCHMARK(copy_stream)
    ->Name("postgres/W5_stream_1KiB/limit")
    ->Arg(1'024)
    ->UseRealTime()
    ->Iterations(5)
    ->Repetitions(bench::few_repetitions());
BENCHMARK(replay_log)
    ->Name("postgres/W5_log_1KiB")
    ->Arg(1'024)
    ->UseRealTime()
    ->Iterations(2)
    ->Repetitions(bench::few_repetitions());
BENCHMARK(copy_log)
    ->Name("postgres/W5_log_1KiB/limit")
    ->Arg(1'024)
    ->UseRealTime()
    ->Iterations(2)
    ->Repetitions(bench::few_repetitions());

}  // namespace

BENCHMARK_MAIN();
