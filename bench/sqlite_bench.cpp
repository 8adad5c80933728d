/// Durable commands on the embedded store beside their floor, a bare WAL insert with
/// synchronous=FULL per event, and replay of one long stream beside a bare SELECT.

#include "tidemark/async/io.hpp"
#include "tidemark/bench/closed_loop.hpp"
#include "tidemark/codec/json_codec.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/eventstore/sqlite_event_store.hpp"
#include "tidemark/examples/bank/account.hpp"
#include "tidemark/runtime/runtime.hpp"

#include <benchmark/benchmark.h>
#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

using bank::account;
using bank::account_id;
using bank::money;

/// A folder of its own, removed at the end.
class folder {
  public:
    folder() {
        auto pattern = (std::filesystem::temp_directory_path() / "tidemark-bench-XXXXXX").string();
        if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"no temporary folder"};
        path_ = pattern;
    }
    ~folder() { std::filesystem::remove_all(path_); }
    [[nodiscard]] std::string file(const char* name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

struct world {
    folder where;
    tidemark::io io;
    std::unique_ptr<tidemark::sqlite_storage> events;
    tidemark::memory_event_bus bus;
    std::unique_ptr<tidemark::runtime> runtime;

    explicit world(std::size_t shards = 0) : io{{.shards = shards}} {
        tidemark::sqlite_options options;
        options.path = where.file("bench.db");
        events = tidemark::sqlite_storage::open(io.clock(), options).value();
        runtime = std::make_unique<tidemark::runtime>(io, *events, bus);
        runtime->store<account>();
        runtime->start();
    }
    ~world() { tidemark::run(io, runtime->drain()); }

    /// W1: one event to a fresh stream.
    tidemark::awaitable<void> open() {
        const account_id to{io.fresh_id().to_string()};
        auto accounts = runtime->store<account>();
        auto told = co_await accounts.execute<account::open>(to, "Ada Lovelace, London");
        if (!told) throw std::runtime_error{told.reason()};
    }
};

void execute(benchmark::State& state) {
    const auto clients = static_cast<std::uint64_t>(state.range(0));
    // One client is one thread's work: it is held against a bare insert on one thread.
    world w{clients == 1 ? 1U : 0U};
    const auto calls = bench::calls_of(clients == 1 ? 1'000 : 20'000);
    auto once = [&w](std::uint64_t) { return w.open(); };
    for (auto _ : state) bench::closed_loop(w.io, clients, calls, once);
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls));
}
BENCHMARK(execute)->Name("sqlite/W1_C1")->Arg(1)->UseRealTime()->Iterations(3);
BENCHMARK(execute)->Name("sqlite/W1_C16")->Arg(16)->UseRealTime()->Iterations(3);
BENCHMARK(execute)->Name("sqlite/W1_C128")->Arg(128)->UseRealTime()->Iterations(3);

void check(int code, sqlite3* db) {
    if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) {
        throw std::runtime_error{sqlite3_errmsg(db)};
    }
}

struct bare_file {
    folder where;
    sqlite3* db = nullptr;
    sqlite3_stmt* insert = nullptr;

    bare_file() {
        check(sqlite3_open(where.file("bare.db").c_str(), &db), db);
        check(sqlite3_exec(db,
                           "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                           "CREATE TABLE events(position INTEGER PRIMARY KEY, stream TEXT, version "
                           "INTEGER, payload BLOB, UNIQUE(stream, version))",
                           nullptr, nullptr, nullptr),
              db);
        check(sqlite3_prepare_v2(db, "INSERT INTO events(stream, version, payload) VALUES(?,?,?)",
                                 -1, &insert, nullptr),
              db);
    }
    ~bare_file() {
        sqlite3_finalize(insert);
        sqlite3_close(db);
    }
    void add(const std::string& stream, std::int64_t version, const std::string& payload) {
        sqlite3_bind_text(insert, 1, stream.c_str(), -1, SQLITE_TRANSIENT);
        sqlite3_bind_int64(insert, 2, version);
        sqlite3_bind_blob(insert, 3, payload.data(), static_cast<int>(payload.size()),
                          SQLITE_TRANSIENT);
        check(sqlite3_step(insert), db);
        check(sqlite3_reset(insert), db);
    }
};

const std::string a_payload =
    R"({"owner":"Ada Lovelace, London","at":"2026-01-01T00:00:00.000000Z"})";

void bare_insert(benchmark::State& state) {
    bare_file file;
    std::int64_t n = 0;
    const auto calls = bench::calls_of(1'000);
    for (auto _ : state) {
        for (std::uint64_t i = 0; i < calls; ++i)
            file.add("account-" + std::to_string(++n), 1, a_payload);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls));
}
BENCHMARK(bare_insert)->Name("sqlite/W1/floor")->UseRealTime()->Iterations(3);

const std::uint64_t replay_events = bench::calls_of(10'000);

tidemark::awaitable<void> deposit_one(tidemark::store<account> to, account_id who) {
    const money amount{1};
    auto told = co_await to.execute<account::deposit>(who, amount);
    if (!told) throw std::runtime_error{told.reason()};
}

/// W5: a stream of 10,000 events into state, as a cold load does it.
void replay(benchmark::State& state) {
    world w;
    auto accounts = w.runtime->store<account>();
    const account_id ada{"ada"};
    if (!tidemark::run(w.io, accounts.execute<account::open>(ada, "ada"))) std::abort();
    auto once = [&](std::uint64_t) { return deposit_one(accounts, ada); };
    bench::closed_loop(w.io, 64, replay_events - 1, once);
    for (auto _ : state) {
        auto folded = tidemark::run(w.io, w.runtime->state_of(ada.stream(), std::nullopt));
        if (!folded || folded->version.value() != replay_events) std::abort();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(replay_events));
}
BENCHMARK(replay)->Name("sqlite/W5_stream")->UseRealTime()->Iterations(10);

void bare_select(benchmark::State& state) {
    bare_file file;
    check(sqlite3_exec(file.db, "BEGIN", nullptr, nullptr, nullptr), file.db);
    for (std::uint64_t i = 1; i <= replay_events; ++i) {
        file.add("account-ada", static_cast<std::int64_t>(i), R"({"amount":1})");
    }
    check(sqlite3_exec(file.db, "COMMIT", nullptr, nullptr, nullptr), file.db);
    sqlite3_stmt* select = nullptr;
    check(sqlite3_prepare_v2(file.db,
                             "SELECT position, version, payload FROM events WHERE stream = "
                             "'account-ada' ORDER BY version",
                             -1, &select, nullptr),
          file.db);
    for (auto _ : state) {
        std::uint64_t bytes = 0;
        while (sqlite3_step(select) == SQLITE_ROW) {
            bytes += static_cast<std::uint64_t>(sqlite3_column_bytes(select, 2));
        }
        benchmark::DoNotOptimize(bytes);
        sqlite3_reset(select);
    }
    sqlite3_finalize(select);
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(replay_events));
}
BENCHMARK(bare_select)->Name("sqlite/W5_stream/limit")->UseRealTime()->Iterations(10);

}  // namespace

BENCHMARK_MAIN();
