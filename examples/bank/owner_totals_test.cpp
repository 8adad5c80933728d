#include "tidemark/examples/bank/owner_totals.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/eventstore/postgres_database.hpp"
#include "tidemark/eventstore/postgres_event_store.hpp"
#include "tidemark/runtime/runtime.hpp"

#include <doctest/doctest.h>
#include <pqxx/pqxx>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

using bank::account, bank::account_id, bank::money, bank::owner_totals;
using tidemark::run;
using tidemark::testing::has_postgres;
using tidemark::testing::postgres_database;
using namespace std::chrono_literals;

namespace {

/// The bank on the memory store or on PostgreSQL, its totals in a database.
struct world {
    tidemark::io io{{.shards = 1}};
    postgres_database database;
    std::unique_ptr<tidemark::storage> events;
    tidemark::memory_event_bus bus;
    tidemark::postgres_projection_store tables{database.options()};
    pqxx::connection reader{database.options().url};

    explicit world(bool is_on_postgres) {
        if (is_on_postgres) {
            events = tidemark::postgres_storage::open(database.options()).value();
        } else {
            events = std::make_unique<tidemark::memory_storage>(io.clock());
        }
    }
    std::string ask(const std::string& query) {
        pqxx::work in{reader};
        const auto rows = in.exec(query);
        return rows.empty() ? "" : rows[0][0].c_str();
    }
    std::string total(const std::string& owner) {
        return ask("SELECT balance FROM owner_totals_v1.totals WHERE owner = " +
                   reader.quote(owner));
    }
};

/// One start of the process.
struct process {
    world& w;
    tidemark::runtime app{w.io, *w.events, w.bus};
    tidemark::store<account> accounts{app.store<account>()};

    explicit process(world& on) : w{on} {
        // [register]
        tidemark::projection_options options;
        options.into = &w.tables;
        app.project<owner_totals>(options);
        // [/register]
        app.start();
    }
    ~process() { CHECK(run(w.io, app.drain()).is_complete); }

    void open(const std::string& id, const std::string& owner, money amount) {
        const account_id which{id};
        REQUIRE(run(w.io, accounts.execute<account::open>(which, owner)));
        const auto paid = run(w.io, accounts.execute<account::deposit>(which, amount));
        REQUIRE(paid);
        const auto at = paid.receipt().position;
        CHECK(run(w.io, app.wait_for("owner_totals.v1", at, 1min)).value());
    }
};

}  // namespace

TEST_CASE("owner totals: each event counts once, on any store, over restarts") {
    if (!has_postgres()) return;
    for (const auto is_on_postgres : {false, true}) {
        world w{is_on_postgres};
        {
            process p{w};
            p.open("a1", "ada", money{40});
            p.open("a2", "ada", money{2});
        }
        process p{w};
        p.open("b1", "bob", money{7});
        CHECK(w.total("ada") == "42");
        CHECK(w.total("bob") == "7");
    }
}

TEST_CASE("owner totals: a rebuild beside the live tables replaces them") {
    if (!has_postgres()) return;
    world w{true};
    process p{w};
    p.open("a1", "ada", money{40});
    {
        pqxx::work in{w.reader};
        in.exec("UPDATE owner_totals_v1.accounts SET balance = 1");
        in.commit();
    }
    REQUIRE(p.app.rebuild("owner_totals.v1"));
    tidemark::event never;
    while (w.total("ada") != "40") CHECK(!run(w.io, never.wait_for(w.io, 1ms)));
    p.open("a2", "ada", money{2});
    CHECK(w.total("ada") == "42");
}

TEST_CASE("owner totals: an event that its tables refuse is parked or waited for, by policy") {
    if (!has_postgres()) return;
    world w{true};
    {
        process p{w};
        p.open("a1", "ada", money{40});
    }
    {
        pqxx::work in{w.reader};
        in.exec("ALTER TABLE owner_totals_v1.accounts ADD CHECK (balance < 50)");
        in.commit();
    }
    tidemark::runtime app{w.io, *w.events, w.bus};
    const auto accounts = app.store<account>();
    app.project<owner_totals>({.on_failure = tidemark::projection_failure::park,
                               .attempts_max = 2,
                               .retry_first = 1ms,
                               .into = &w.tables});
    app.start();
    const account_id a1{"a1"};
    REQUIRE(run(w.io, accounts.execute<account::deposit>(a1, money{20})));
    const auto last = run(w.io, accounts.execute<account::deposit>(a1, money{5}));
    REQUIRE(last);
    CHECK(run(w.io, app.wait_for("owner_totals.v1", last.receipt().position, 1min)).value());
    CHECK(w.total("ada") == "45");
    CHECK(app.projections().front().parked == 1);
    CHECK(run(w.io, app.drain()).is_complete);
}

TEST_CASE("owner totals: a projection with tables is not registered to write documents") {
    tidemark::io io{{.shards = 1}};
    tidemark::memory_storage events{io.clock()};
    tidemark::memory_event_bus bus;
    tidemark::runtime app{io, events, bus};
    CHECK_THROWS_WITH_AS(app.project<owner_totals>(),
                         "projection \"owner_totals.v1\" writes PostgreSQL tables, but is "
                         "registered to write into documents; give project<> the store of its "
                         "rows in .into",
                         std::logic_error);
}
