#include "tidemark/eventstore/postgres_read_model.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/eventstore/contract.hpp"
#include "tidemark/eventstore/postgres_database.hpp"

#include <doctest/doctest.h>
#include <pqxx/pqxx>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace tidemark::testing {
namespace {

const std::string model = "totals.v1";
const std::string beside = "totals.v1.rebuild";

/// A database, a store of projections on it, and a session of a reader.
struct fixture {
    /// A real one: the store's threads may still be leaving it when the answer is there.
    io world{{.shards = 1}};
    postgres_database database;
    postgres_projection_store store{database.options()};
    pqxx::connection reader{database.options().url};

    result<void> update(const std::string& name, const checkpoint& from, const checkpoint& to,
                        const std::function<void(postgres_read_model&)>& change) {
        return tidemark::run(world, store.update(name, from, to, [&](projection_rows& rows) {
            auto& here = static_cast<postgres_read_model&>(rows);
            if (here.is_fresh()) here.sql().exec("CREATE TABLE rows(key text, amount int)");
            change(here);
        }));
    }
    checkpoint at(const std::string& name = model) {
        return tidemark::run(world, store.load_checkpoint(name)).value();
    }
    /// One value of a query, "" for none.
    std::string ask(const std::string& query) {
        pqxx::work in{reader};
        const auto rows = in.exec(query);
        return rows.empty() ? "" : rows[0][0].c_str();
    }
    std::string sum(const std::string& schema = "totals_v1") {
        return ask("SELECT sum(amount) FROM " + schema + ".rows");
    }
};

checkpoint point(std::uint64_t at) {
    static const auto log = next_id();
    return {position{at}, log};
}

void insert(postgres_read_model& rows, int amount) {
    rows.sql().exec("INSERT INTO rows VALUES('a', " + std::to_string(amount) + ")");
}

}  // namespace

TEST_CASE("postgres tables: rows and checkpoint are committed together") {
    if (!has_postgres()) return;
    fixture f;
    CHECK(f.at() == checkpoint{});
    REQUIRE(f.update(model, {}, point(5), [](auto& rows) {
        CHECK(rows.is_fresh());
        CHECK(rows.schema() == "totals_v1");
        insert(rows, 40);
    }));
    CHECK(f.at() == point(5));
    REQUIRE(f.update(model, point(5), point(6), [](auto& rows) {
        CHECK(!rows.is_fresh());
        insert(rows, 2);
    }));
    CHECK(f.at() == point(6));
    CHECK(f.sum() == "42");
}

TEST_CASE("postgres tables: a session over the network is protected as demanded, or refused") {
    if (!has_postgres()) return;
    const postgres_database database;
    io world{{.shards = 1}};
    auto options = database.options();
    options.protection = postgres_protection::encrypted;
    {
        postgres_projection_store near{options};
        CHECK(tidemark::run(world, near.load_checkpoint(model)).has_value());
    }
    // The loopback device by an address that is not taken for this machine's.
    options.url += options.url.find('?') == std::string::npos ? "?" : "&";
    options.url += "hostaddr=::ffff:127.0.0.1";
    postgres_projection_store far{options};
    const auto told = tidemark::run(world, far.load_checkpoint(model));
    REQUIRE(told.has_error());
    CHECK(told.error().code() == errc::bad_setting);
    for (const auto* part : {"not encrypted", "sslmode=verify-full", "::ffff:127.0.0.1"}) {
        CHECK_MESSAGE(told.error().message().find(part) != std::string::npos,
                      told.error().message());
    }
}

TEST_CASE("postgres tables: a checkpoint that moved meanwhile is stale, and nothing is written") {
    if (!has_postgres()) return;
    fixture f;
    REQUIRE(f.update(model, {}, point(5), [](auto& rows) { insert(rows, 1); }));
    auto was_called = false;
    const auto late = f.update(model, {}, point(9), [&](auto&) { was_called = true; });
    CHECK(late.error().code() == errc::stale);
    CHECK(!was_called);
    CHECK(f.at() == point(5));
    CHECK(f.sum() == "1");
}

TEST_CASE("postgres tables: what throws or breaks a statement undoes rows, schema and checkpoint") {
    if (!has_postgres()) return;
    fixture f;
    const auto thrown = f.update(model, {}, point(5), [](auto& rows) {
        insert(rows, 1);
        throw std::runtime_error{"seven"};
    });
    CHECK(thrown.error().code() == errc::user_code_threw);
    CHECK(thrown.error().message().find("seven") != std::string::npos);
    CHECK(f.at() == checkpoint{});
    CHECK(f.ask("SELECT 1 FROM pg_namespace WHERE nspname = 'totals_v1'").empty());

    REQUIRE(f.update(model, {}, point(5), [](auto& rows) { insert(rows, 1); }));
    const auto wrong = f.update(model, point(5), point(6), [](auto& rows) {
        insert(rows, 2);
        rows.sql().exec("INSERT INTO no_such_table VALUES(1)");
    });
    CHECK(wrong.error().code() == errc::user_code_threw);
    CHECK(wrong.error().message().find("no_such_table") != std::string::npos);
    const auto odd = f.update(model, point(5), point(6), [](auto& rows) {
        insert(rows, 2);
        throw 42;
    });
    CHECK(odd.error().code() == errc::user_code_threw);
    CHECK(odd.error().message().find("no std::exception") != std::string::npos);
    const auto swallowed = f.update(model, point(5), point(6), [](auto& rows) {
        try {
            rows.sql().exec("INSERT INTO no_such_table VALUES(1)");
        } catch (const pqxx::sql_error&) {
        }
    });
    CHECK(swallowed.error().code() == errc::user_code_threw);
    CHECK(f.at() == point(5));
    CHECK(f.sum() == "1");
}

TEST_CASE("postgres tables: a projection cannot commit its rows without their checkpoint") {
    if (!has_postgres()) return;
    fixture f;
    REQUIRE(f.update(model, {}, point(5), [](auto& rows) { insert(rows, 1); }));
    const auto early = f.update(model, point(5), point(6), [](auto& rows) {
        insert(rows, 2);
        static_cast<pqxx::subtransaction&>(rows.sql()).commit();
        throw std::runtime_error{"behind its own commit"};
    });
    CHECK(early.error().code() == errc::user_code_threw);
    CHECK(f.at() == point(5));
    CHECK(f.sum() == "1");
}

TEST_CASE("postgres tables: a lost server is no fault of the code, and the next call connects") {
    if (!has_postgres()) return;
    fixture f;
    REQUIRE(f.update(model, {}, point(5), [](auto& rows) { insert(rows, 1); }));
    const auto lost = f.update(model, point(5), point(6), [&f](auto& rows) {
        const std::string backend = rows.sql().exec("SELECT pg_backend_pid()")[0][0].c_str();
        CHECK(f.ask("SELECT pg_terminate_backend(" + backend + ")") == "t");
        // The session ends a moment later; statements go on until then.
        for (;;) insert(rows, 7);
    });
    CHECK_MESSAGE(lost.error().code() == errc::unavailable, lost.error().message());
    CHECK(f.sum() == "1");
    REQUIRE(f.update(model, f.at(), point(6), [](auto& rows) { insert(rows, 2); }));
    CHECK(f.sum() == "3");
}

TEST_CASE("postgres tables: a deadlock or a time-out is no fault of the code") {
    if (!has_postgres()) return;
    fixture f;
    REQUIRE(f.update(model, {}, point(5), [](auto& rows) { insert(rows, 1); }));
    for (const auto* state : {"40P01", "40001", "57014", "55P03"}) {
        const auto refused = f.update(model, point(5), point(6), [&](auto& rows) {
            rows.sql().exec("DO $$BEGIN RAISE EXCEPTION 'later' USING ERRCODE = '" +
                            std::string{state} + "'; END$$");
        });
        CHECK_MESSAGE(refused.error().code() == errc::unavailable, state);
    }
    CHECK(f.at() == point(5));
}

TEST_CASE("postgres tables: a process that stands still inside a transaction holds up no other") {
    if (!has_postgres()) return;
    fixture f;
    REQUIRE(f.update(model, {}, point(5), [](auto& rows) { insert(rows, 1); }));
    auto options = f.database.options();
    options.idle_in_transaction_timeout = std::chrono::milliseconds{200};
    postgres_projection_store frozen{options};
    std::optional<error> refused;
    const auto late =
        tidemark::run(f.world, frozen.update(model, point(5), point(6), [&](projection_rows& rows) {
            insert(static_cast<postgres_read_model&>(rows), 100);
            // Where it stands still: it goes on when the other one has gone ahead.
            const auto done =
                f.update(model, point(5), point(7), [](auto& mine) { insert(mine, 10); });
            if (!done) refused = done.error();
        }));
    CHECK_MESSAGE(!refused, refused->message());
    REQUIRE(!late);
    CHECK_MESSAGE(late.error().code() == errc::unavailable, late.error().message());
    CHECK(f.at() == point(7));
    CHECK(f.sum() == "11");
}

TEST_CASE("postgres tables: a rebuilt model replaces the live one in one step") {
    if (!has_postgres()) return;
    fixture f;
    REQUIRE(f.update(model, {}, point(5), [](auto& rows) { insert(rows, 1); }));
    REQUIRE(f.update(beside, {}, point(4), [](auto& rows) {
        CHECK(rows.schema() == "totals_v1_rebuild");
        insert(rows, 10);
    }));
    CHECK(tidemark::run(f.world, f.store.swap(model, beside)).error().code() == errc::stale);
    CHECK(f.sum() == "1");
    REQUIRE(f.update(beside, point(4), point(5), [](auto& rows) { insert(rows, 20); }));
    REQUIRE(tidemark::run(f.world, f.store.swap(model, beside)));
    CHECK(f.sum() == "30");
    CHECK(f.at() == point(5));
    CHECK(f.at(beside) == checkpoint{});
    CHECK(f.ask("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'totals%'") == "1");
    REQUIRE(f.update(model, point(5), point(6), [](auto& rows) { insert(rows, 3); }));
    CHECK(f.sum() == "33");
}

TEST_CASE("postgres tables: a reader of the replaced rows does not hold a swap up") {
    if (!has_postgres()) return;
    fixture f;
    REQUIRE(f.update(model, {}, point(5), [](auto& rows) { insert(rows, 1); }));
    REQUIRE(f.update(beside, {}, point(5), [](auto& rows) { insert(rows, 2); }));
    {
        pqxx::work reading{f.reader};
        CHECK(std::string{reading.exec("SELECT sum(amount) FROM totals_v1.rows")[0][0].c_str()} ==
              "1");
        REQUIRE(tidemark::run(f.world, f.store.swap(model, beside)));
        CHECK(std::string{reading.exec("SELECT sum(amount) FROM totals_v1.rows")[0][0].c_str()} ==
              "2");
    }
    CHECK(f.sum("totals_v1_old") == "1");
    REQUIRE(f.update(beside, {}, point(5), [](auto& rows) { insert(rows, 3); }));
    REQUIRE(tidemark::run(f.world, f.store.swap(model, beside)));
    CHECK(f.sum() == "3");
    CHECK(f.ask("SELECT 1 FROM pg_namespace WHERE nspname = 'totals_v1_old'").empty());
}

TEST_CASE("postgres tables: a schema of somebody else is never touched") {
    if (!has_postgres()) return;
    fixture f;
    {
        pqxx::work in{f.reader};
        in.exec("CREATE SCHEMA totals_v1; CREATE TABLE totals_v1.rows AS SELECT 5 AS amount");
        in.commit();
    }
    const auto refused = f.update(model, {}, point(5), [](auto&) {});
    CHECK(refused.error().code() == errc::schema_mismatch);
    CHECK(tidemark::run(f.world, f.store.erase_model(model)).error().code() ==
          errc::schema_mismatch);
    CHECK(f.sum() == "5");
    REQUIRE(f.update("other.v1", {}, point(1), [](auto& rows) { insert(rows, 1); }));
    REQUIRE(tidemark::run(f.world, f.store.erase_model("other.v1")));
    CHECK(f.at("other.v1") == checkpoint{});
    CHECK(f.ask("SELECT 1 FROM pg_namespace WHERE nspname = 'other_v1'").empty());
    CHECK(f.update("Bad-Name", {}, point(1), [](auto&) {}).error().code() ==
          errc::invalid_argument);
}

TEST_CASE("postgres tables: a server that is not there is unavailable, without its password") {
    io world{{.shards = 1}};
    postgres_projection_store store{{.url = "postgres://u:wr0ng@127.0.0.1:1/d"}};
    const auto told = tidemark::run(world, store.load_checkpoint(model));
    CHECK(told.error().code() == errc::unavailable);
    CHECK(told.error().message().find("wr0ng") == std::string::npos);
}

}  // namespace tidemark::testing
