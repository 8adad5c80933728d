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

const std::string a_payload = bench::payload_of(220);

const std::uint64_t stream_events = bench::calls_of(10'000);
const std::uint64_t log_events = bench::calls_of(100'000);
constexpr auto copy_columns =
    "SELECT position, version, recorded_at, id, correlation, causation, stream, name, traceparent, "
    "payload FROM tidemark.events ";

/// A log of `log_events`, of which `stream_events` are one stream's.
struct replay_world : postgres_world {
    replay_world() {
        open_accounts(1);
        auto once = [this](std::uint64_t) { return deposit(account(0)); };
        bench::closed_loop(io, 64, stream_events - 1, once);
        auto many = [this](std::uint64_t) { return append(100, a_payload); };
        bench::closed_loop(io, 16, (log_events - stream_events) / 100, many);
        bench::bare_session{database->url()}.execute("VACUUM ANALYZE tidemark.events");
    }
};

replay_world& replayed() {
    static replay_world made;
    return made;
}

void replay_stream(benchmark::State& state) {
    auto& w = replayed();
    const auto hot = w.account(0);
    for (auto _ : state) {
        const auto all = tidemark::run(w.io, w.runtime->state_of(hot.stream(), std::nullopt));
        if (!all || all->version.value() != stream_events) std::abort();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(stream_events));
}
BENCHMARK(replay_stream)->Name("postgres/W5_stream")->UseRealTime()->Iterations(10);

void copy_stream(benchmark::State& state) {
    bench::bare_session session{replayed().database->url()};
    const auto query = std::string{copy_columns} + "WHERE stream = '" +
                       replayed().account(0).stream().text() + "' ORDER BY version";
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
    bench::bare_session session{replayed().database->url()};
    const auto query = copy_columns + std::string{"ORDER BY position"};
    for (auto _ : state) benchmark::DoNotOptimize(session.copy(query));
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(log_events));
}
BENCHMARK(copy_log)->Name("postgres/W5_log/limit")->UseRealTime()->Iterations(3);

}  // namespace

BENCHMARK_MAIN();
