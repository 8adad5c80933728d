/// What work costs in statements, as the server counts them: so many for each piece of it, however
/// much there is.

#include "tidemark/async/gate.hpp"
#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/async/spawn.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/eventstore/postgres_connection.hpp"
#include "tidemark/eventstore/postgres_database.hpp"
#include "tidemark/eventstore/postgres_event_reads.hpp"
#include "tidemark/eventstore/postgres_event_store.hpp"
#include "tidemark/eventstore/postgres_models.hpp"
#include "tidemark/eventstore/subscription.hpp"
#include "tidemark/examples/bank/account.hpp"
#include "tidemark/examples/bank/transfer.hpp"
#include "tidemark/runtime/runtime.hpp"
#include "tidemark/sagas/saga_type.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

using namespace tidemark;
using namespace tidemark::testing;
using bank::account, bank::account_id, bank::money, bank::transfer, bank::transfer_id;

namespace {

/// Whether the server counts statements; otherwise says so for the running test, or fails it.
bool has_counting_postgres() {
    if (!has_postgres()) return false;
    postgres_connection session{{.url = postgres_server_url()}};
    auto asked = session.execute("SHOW shared_preload_libraries");
    if (asked.next() && asked.bytes(0).find("pg_stat_statements") != std::string_view::npos) {
        return true;
    }
    const auto is_strict = std::getenv("TIDEMARK_STRICT") != nullptr;
    CHECK_MESSAGE(!is_strict, "the server does not count statements, and nothing may be skipped");
    MESSAGE("SKIPPED: start the server with shared_preload_libraries = pg_stat_statements");
    return false;
}

/// Sent since they were counted anew.
struct statements {
    std::uint64_t appends = 0;
    /// Of the events of one stream.
    std::uint64_t stream_reads = 0;
    /// Looks for effects that are due, and for when the next will be.
    std::uint64_t claims = 0;
    /// To wake other processes: off the way of whoever appends, one for all that came meanwhile.
    std::uint64_t notices = 0;
    std::uint64_t others = 0;
    std::string list;

    void add(std::string_view text, std::uint64_t calls) {
        const auto has = [text](std::string_view part) { return text.find(part) != text.npos; };
        // What the test itself follows the log with.
        if (has("read_log(") || has("read_category(")) return;
        if (has("append(") || has("append_event(") || has("append_events(")) {
            appends += calls;
        } else if (has("FROM events WHERE stream =")) {
            stream_reads += calls;
        } else if (has("FROM effects WHERE is_head")) {
            claims += calls;
        } else if (text.starts_with("NOTIFY")) {
            notices += calls;
        } else {
            others += calls;
        }
        list.append("\n").append(std::to_string(calls)).append(" ").append(text.substr(0, 100));
    }
};

/// A bank on a database whose statements are counted.
class counted_bank {
  public:
    explicit counted_bank(runtime_options how = {}) {
        session_.execute("CREATE EXTENSION pg_stat_statements SCHEMA public");
        // Not of this session, which began before.
        session_.execute("ALTER DATABASE " + database_.name() +
                         " SET pg_stat_statements.track = 'top'");
        // Nothing is done because time has passed.
        how.effect_poll = std::chrono::hours{1};
        events_ = postgres_storage::open(database_.options()).value();
        app_ = std::make_unique<runtime>(ex_, *events_, bus_, how);
        app_->store<account>();
        app_->store<transfer>();
        app_->start();
    }
    ~counted_bank() { run(ex_, app_->drain()); }
    counted_bank(const counted_bank&) = delete;
    counted_bank& operator=(const counted_bank&) = delete;

    void open(std::size_t accounts) {
        for (std::size_t i = 0; i < accounts; ++i) {
            const account_id of{std::to_string(i)};
            REQUIRE(run(ex_, app_->store<account>().execute<account::open>(of, "Ada")));
        }
    }
    void deposit(std::size_t times, std::size_t accounts) {
        for (std::size_t i = 0; i < times; ++i) {
            const account_id to{std::to_string(i % accounts)};
            REQUIRE(run(ex_, app_->store<account>().execute<account::deposit>(to, money{1})));
        }
    }
    /// All at once, each to an account of its own.
    void deposit_at_once(std::size_t times) {
        std::atomic<std::size_t> committed{0};
        gate under_way;
        for (std::size_t i = 0; i < times; ++i) {
            spawn(under_way, ex_.shard(0), deposit_one(account_id{std::to_string(i)}, committed));
        }
        run(ex_, under_way.close());
        REQUIRE(committed == times);
    }
    /// Each between two accounts of its own, until all are paid; then all that belongs to it.
    void transfer_and_drain(std::size_t times) {
        for (std::size_t i = 0; i < times; ++i) {
            const transfer_id id{std::to_string(i)};
            const account_id from{std::to_string(i)};
            const account_id to{std::to_string(times + i)};
            const auto transfers = app_->store<transfer>();
            REQUIRE(run(ex_, transfers.execute<transfer::begin>(id, from, to, money{1})));
        }
        run(ex_, wait_until_paid(times));
        run(ex_, app_->drain());
    }

    void count_anew() {
        session_.execute(
            "SELECT public.pg_stat_statements_reset(0, oid, 0) FROM pg_database "
            "WHERE datname = current_database()");
    }
    [[nodiscard]] statements count() {
        statements sent;
        auto rows = session_.run(
            "SELECT s.query, s.calls FROM public.pg_stat_statements s JOIN pg_database d "
            "ON d.oid = s.dbid WHERE d.datname = current_database()");
        while (rows.next()) sent.add(rows.bytes(0), rows.number(1));
        return sent;
    }

  private:
    awaitable<void> deposit_one(account_id to, std::atomic<std::size_t>& committed) {
        const money one{1};
        const auto accounts = app_->store<account>();
        const auto told = co_await accounts.execute<account::deposit>(to, one);
        if (told) ++committed;
    }
    /// One deposit opened each giver, one is what a receiver gets.
    awaitable<void> wait_until_paid(std::size_t transfers) {
        subscription log{*events_, ex_, {.category = "account"}};
        std::size_t deposits = 0;
        while (deposits < 2 * transfers) {
            const auto page = co_await log.next();
            for (const auto& event : page.value().events) {
                if (event.message.name == "account.deposited.v1") ++deposits;
            }
        }
    }

    postgres_database database_;
    postgres_connection session_{database_.options()};
    io ex_;
    std::unique_ptr<postgres_storage> events_;
    memory_event_bus bus_;
    std::unique_ptr<runtime> app_;
};

/// Of work that does not grow: sessions that connect, a look that time has brought about.
constexpr std::uint64_t beside = 15;

}  // namespace

TEST_CASE("statements: a command on a live stream is its append alone") {
    if (!has_counting_postgres()) return;
    counted_bank bank;
    bank.open(10);
    bank.count_anew();
    bank.deposit(200, 10);
    const auto sent = bank.count();
    INFO(sent.list);
    CHECK(sent.appends == 200);
    CHECK(sent.stream_reads == 0);
    CHECK(sent.notices <= 200);
    CHECK(sent.claims + sent.others <= beside);
}

TEST_CASE("statements: commands that come together share appends, and these their notices") {
    if (!has_counting_postgres()) return;
    counted_bank bank;
    constexpr std::size_t together = 200;
    bank.open(together);
    bank.count_anew();
    bank.deposit_at_once(together);
    const auto sent = bank.count();
    INFO(sent.list);
    CHECK(sent.appends >= 1);
    CHECK(sent.appends <= together / 4);
    // One for all that was committed since the last one, and that of the last account's opening.
    CHECK(sent.notices <= sent.appends + 1);
    CHECK(sent.stream_reads == 0);
    CHECK(sent.claims + sent.others <= beside);
}

TEST_CASE("statements: a command on a stream that is not in memory reads it once") {
    if (!has_counting_postgres()) return;
    counted_bank bank{{.cache_bytes = 1}};
    bank.open(10);
    bank.deposit(50, 10);
    bank.count_anew();
    bank.deposit(200, 10);
    const auto sent = bank.count();
    INFO(sent.list);
    CHECK(sent.appends == 200);
    CHECK(sent.stream_reads == 200);
    CHECK(sent.notices <= 200);
    CHECK(sent.claims + sent.others <= beside);
}

TEST_CASE("statements: each command that a saga sends is two appends and one read") {
    if (!has_counting_postgres()) return;
    counted_bank bank;
    constexpr std::uint64_t sagas = 30;
    bank.open(2 * sagas);
    bank.deposit(sagas, sagas);
    bank.count_anew();
    bank.transfer_and_drain(sagas);
    const auto sent = bank.count();
    INFO(sent.list);
    // The saga's beginning; then, twice, the command and its answer. Many of them go together.
    constexpr auto commands = 2 * sagas;
    CHECK(sent.appends > 0);
    CHECK(sent.appends <= sagas + 2 * commands);
    // The saga's stream, which is new; then the events of each answer.
    CHECK(sent.stream_reads >= sagas);
    CHECK(sent.stream_reads <= sagas + commands);
    CHECK(sent.notices <= sagas + 2 * commands);
    // Effects are claimed by the append that stores them and end with the append of the answer.
    CHECK(sent.claims + sent.others <= beside);
}

TEST_CASE("statements: documents are found by their keys, however many their model has") {
    if (!has_postgres()) return;
    postgres_database database;
    postgres_connection session{database.options()};
    session.execute(
        "INSERT INTO models(name, position, incarnation, documents) "
        "VALUES('many', 0, gen_random_uuid(), 20000); "
        "INSERT INTO documents SELECT m.id, 'k' || i, 'old', '' FROM models m, "
        "generate_series(1, 20000) i WHERE m.name = 'many'");
    postgres_models models{session, message_id{}};
    const auto looked_at = [&session] {
        auto counted = session.run(
            "SELECT sum(coalesce(idx_tup_fetch, 0) + seq_tup_read)::bigint "
            "FROM pg_stat_xact_user_tables WHERE relname IN ('documents', 'document_indexes')");
        return counted.next() ? counted.number(0) : 0;
    };
    constexpr int wanted = 100;
    for (const std::string plan : {"force_custom_plan", "force_generic_plan"}) {
        CAPTURE(plan);
        session.execute("SET plan_cache_mode = " + plan);
        std::vector<std::uint64_t> looked;
        const auto change = [&](read_model& rows) {
            std::vector<std::string> keys;
            for (int i = 1; i <= wanted; ++i) keys.push_back("k" + std::to_string(i * 100));
            const auto before = looked_at();
            rows.prefetch(keys);
            looked.push_back(looked_at() - before);
            for (const auto& key : keys) rows.put({key, "new" + plan, {{"plan", plan}}});
            // What has gathered is sent before anything is searched for.
            CHECK(rows.find("plan", plan, 1'000).size() == wanted);
            for (const auto& key : keys) rows.put({key, "old", {}});
            rows.erase("k1");
            CHECK(rows.find("plan", plan, 1'000).empty());
            looked.push_back(looked_at() - before);
        };
        const auto at = models.load_checkpoint("many");
        REQUIRE(models.update("many", at, at, change).has_value());
        CHECK(looked[0] >= wanted);
        CHECK(looked[0] <= 2 * wanted);
        // Loaded, changed twice, searched for; indexed and no longer.
        CHECK(looked[1] <= 20 * wanted);
    }
}

TEST_CASE("statements: events of a rare category are found without a look at those of others") {
    if (!has_postgres()) return;
    postgres_database database;
    postgres_connection session{database.options()};
    constexpr std::uint64_t rare = 600;
    session.execute(
        "INSERT INTO events SELECT i, 1, 0, gen_random_uuid(), gen_random_uuid(), "
        "gen_random_uuid(), c || '-' || i, c, 'seen.v1', '', '{}' FROM (SELECT i, CASE i % 50 WHEN "
        "0 THEN 'rare' ELSE 'often' END AS c FROM generate_series(1, 30000) i) AS e; "
        "SELECT setval('positions', 30000); ANALYZE events");
    // Of this session, whether the server has collected them or not.
    const auto looked_at = [&session] {
        auto counted = session.run(
            "SELECT coalesce(idx_tup_fetch, 0) + seq_tup_read FROM pg_stat_xact_user_tables "
            "WHERE relname = 'events'");
        return counted.next() ? counted.number(0) : 0;
    };
    for (const std::string plan : {"force_custom_plan", "force_generic_plan"}) {
        CAPTURE(plan);
        session.execute("SET plan_cache_mode = " + plan + "; BEGIN");
        const auto before = looked_at();
        const auto page = read_log(session, "rare", position{}, 1'000);
        const auto looked = looked_at() - before;
        CHECK(page.events.size() == rare);
        CHECK(looked >= rare);
        CHECK(looked <= rare + 50);
        session.execute("COMMIT");
    }
}
