#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/output.hpp"
#include "tidemark/cli/postgres_watch.hpp"
#include "tidemark/cli/session.hpp"
#include "tidemark/cli/tool_run.hpp"
#include "tidemark/eventstore/postgres_connection.hpp"
#include "tidemark/eventstore/postgres_database.hpp"
#include "tidemark/eventstore/postgres_event_store.hpp"
#include "tidemark/eventstore/postgres_migrations.hpp"

#include <doctest/doctest.h>
#include <boost/json/parse.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;
using cli::exit_code;

namespace {

ran run_with(const std::vector<std::string>& arguments) {
    return testing::run_with(cli::app{}, arguments);
}

std::size_t steps_in(const ran& r) {
    return boost::json::parse(r.results).at("steps").as_array().size();
}

}  // namespace

TEST_CASE("tool: migrate up, status and verify speak of a PostgreSQL database") {
    if (!has_postgres()) return;
    const postgres_database database{postgres_database::content::empty};
    const auto url = database.options().url;
    const auto known = postgres_migrations().size();
    CHECK(is(run_with({"migrate", "status", "--store", url}), exit_code::failed));
    const auto rehearsed = run_with({"migrate", "up", "--dry-run", "--json", "--store", url});
    CHECK(is(rehearsed, exit_code::ok));
    CHECK(steps_in(rehearsed) == known);
    const auto applied = run_with({"migrate", "up", "--json", "--store", url});
    CHECK(is(applied, exit_code::ok));
    CHECK(steps_in(applied) == known);
    CHECK(steps_in(run_with({"migrate", "--json", "--store", url})) == 0);
    CHECK(is(run_with({"migrate", "status", "--store", url}), exit_code::ok));
    CHECK(is(run_with({"migrate", "verify", "--store", url}), exit_code::ok));

    postgres_connection{database.options()}.execute("CREATE TABLE foreign_table(id int)");
    const auto differing = run_with({"migrate", "verify", "--store", url});
    CHECK(is(differing, exit_code::failed));
    CHECK(differing.results.find("foreign_table") != std::string::npos);
}

TEST_CASE("tool: migrate dump prints every step without asking a database") {
    const auto dumped = run_with({"migrate", "dump", "--store", "postgres://u@127.0.0.1:1/d"});
    CHECK(is(dumped, exit_code::ok));
    for (const auto& step : postgres_migrations()) {
        CHECK(dumped.results.find(step.sql) != std::string::npos);
    }
}

TEST_CASE("tool: what is wrong with a PostgreSQL store is said, with its remedy and no password") {
    if (!has_postgres()) return;
    struct row {
        const char* name;
        std::string url;
        const char* remedy;
    };
    const postgres_database empty{postgres_database::content::empty};
    const auto server = postgres_server_url();
    auto wrong_password = server;
    const auto colon = wrong_password.find(':', wrong_password.find("://") + 3);
    wrong_password.replace(colon, wrong_password.find('@') - colon, ":wr0ng");
    const row rows[] = {
        {"not migrated", empty.options().url, "tidemark migrate up"},
        {"wrong database", with_database(server, "no_such_database"), "create the database"},
        {"refused login", wrong_password, "check user and password"},
        {"wrong URL", "postgres://u:wr0ng@[127.0.0.1/d", "write store.url as postgres://"},
        {"unescaped password", "postgres://u:1/wr0ng@127.0.0.1/d", "%2F"},
        {"broken escape", "postgres://u:wr0ng%zz@127.0.0.1/d", "percent-encoded"},
        {"unknown parameter", "postgres://u:wr0ng@127.0.0.1/d?sslmod=x",
         "write store.url as postgres://"},
        {"no server", "postgres://u:wr0ng@127.0.0.1:1/d", "check that the server runs"},
    };
    for (const auto& [name, url, remedy] : rows) {
        CAPTURE(name);
        const auto told =
            run_with({"stream", "ls", "--store", url, "--set", "postgres.acquire_timeout=100ms"});
        CHECK(is(told, exit_code::unreachable));
        CHECK(told.remarks.starts_with("tidemark-CLI-006  "));
        CHECK_MESSAGE(told.remarks.find(remedy) != std::string::npos, told.remarks);
        CHECK(told.remarks.find("wr0ng") == std::string::npos);
    }
}

TEST_CASE("tool: check, also called doctor, names the session that holds readers back") {
    if (!has_postgres()) return;
    const postgres_database database;
    const auto url = database.options().url;
    const std::vector<std::string> ask{"check", "--json",      "--store", url,
                                       "--set", "http.port=0", "--set",   "http.admin_port=0"};
    const auto horizon = [](const ran& r) -> std::string {
        const auto told = boost::json::parse(r.results);
        for (const auto& item : told.at("items").as_array()) {
            if (cli::cell(item, "name") == "horizon") return cli::cell(item, "seen");
        }
        return "";
    };
    CHECK(horizon(run_with(ask)) == "nothing holds readers back");
    postgres_connection open{database.options()};
    open.execute(
        "BEGIN; SELECT pg_advisory_xact_lock_shared((lock_tag::bigint << 48) | 7) "
        "FROM meta");
    const auto seen = horizon(run_with(ask));
    CHECK(seen.find("session " + std::to_string(open.backend())) != std::string::npos);
    CHECK(seen.find("position 7") != std::string::npos);
    CHECK(seen.find("idle in transaction") != std::string::npos);
    auto ask_doctor = ask;
    ask_doctor.front() = "doctor";
    CHECK(horizon(run_with(ask_doctor)).find("session " + std::to_string(open.backend())) !=
          std::string::npos);
}

TEST_CASE("tool: check names what the role of a pooled user lacks, with the statements") {
    if (!has_postgres()) return;
    const postgres_database database;
    const auto user = database.name() + "_pooled";
    postgres_connection owner{database.options()};
    owner.execute("CREATE ROLE " + user + " LOGIN PASSWORD 'p'; GRANT tidemark_writer TO " + user);
    const auto url = database.options().url;
    const auto ask = [&] {
        const auto mark = url.find('?') == std::string::npos ? "?" : "&";
        return run_with({"check", "--json", "--store", url + mark + "user=" + user, "--set",
                         "postgres.password=p", "--set", "postgres.pooled=true", "--set",
                         "http.port=0", "--set", "http.admin_port=0"});
    };
    const auto cell = [](const ran& r, std::string_view name, const char* field) -> std::string {
        const auto told = r.json();
        for (const auto& item : told.at("items").as_array()) {
            if (cli::cell(item, "name") == name) return cli::cell(item, field);
        }
        return "";
    };
    const auto lost = ask();
    CHECK(cell(lost, "database", "seen").find("search_path of user '" + user) != std::string::npos);
    CHECK(cell(lost, "database", "seen").find("ALTER ROLE") != std::string::npos);

    const auto set = [&](const char* setting) {
        owner.execute("ALTER ROLE " + user + " SET " + setting);
    };
    set("search_path = tidemark, pg_catalog, pg_temp");
    set("jit = on");
    set("default_transaction_isolation = serializable");
    const auto lacking = ask();
    CHECK(cell(lacking, "pooler", "seen") ==
          "statement_timeout is 0, idle_in_transaction_session_timeout is 0, jit is on, "
          "default_transaction_isolation is serializable");
    const auto fix = cell(lacking, "pooler", "fix");
    CHECK_MESSAGE(fix.starts_with("ALTER ROLE " + user + " SET statement_timeout = '20000ms'; "),
                  fix);
    owner.execute(fix);
    CHECK(cell(ask(), "pooler", "seen") ==
          "the user's own settings are those that a session would set");
}

TEST_CASE("tool: a PostgreSQL store is read without a process that serves it") {
    if (!has_postgres()) return;
    const auto url = postgres_database{}.options().url;
    const auto listed = run_with({"stream", "ls", "--json", "--store", url});
    CHECK_MESSAGE(is(listed, exit_code::ok), listed.remarks);
}

namespace {

/// The value of a series at /metrics; -1 if it is not served.
double value_of(const metrics_registry& registry, const std::string& series) {
    const auto text = registry.text();
    const auto at = text.find("\n" + series + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size() + 2));
}

std::unique_ptr<postgres_storage> open(const postgres_options& options) {
    auto opened = postgres_storage::open(options);
    const auto text = opened ? std::string{} : opened.error().message();
    REQUIRE_MESSAGE(opened.has_value(), text);
    return std::move(*opened);
}

}  // namespace

TEST_CASE("watch: the pool's connections, callers that wait and what they were told are measured") {
    if (!has_postgres()) return;
    const postgres_database database;
    auto options = database.options();
    options.connections_min = options.connections_max = 1;
    io world{{.shards = 1}};
    const auto events = open(options);
    metrics_registry registry;
    const runtime_metrics catalog{registry};
    std::vector<metrics::registration> observed;
    cli::observe_connections(registry, catalog, *events, observed);
    const auto value = [&](const std::string& name) {
        return value_of(registry, "tidemark_store_connection" + name);
    };
    CHECK(value("s_max") == 1);
    CHECK(value("s{state=\"idle\"}") == 1);
    CHECK(value("s{state=\"busy\"}") == 0);
    CHECK(value("s_opened_total{outcome=\"done\"}") == 1);
    CHECK(value("s_opened_total{outcome=\"failed\"}") == 0);
    const auto before = value("s_taken_total");
    REQUIRE(run(world, events->status()).has_value());
    CHECK(value("s_taken_total") > before);

    // The one connection waits for a lock; the next caller waits for the connection.
    postgres_connection holding{database.options()};
    holding.execute("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE");
    std::atomic<int> ended{0};
    std::vector<std::thread> callers;
    for (auto i = 0; i < 2; ++i) {
        callers.emplace_back([&] {
            const auto stream = stream_id::parse("account-1").value();
            std::ignore = run(world, events->read(stream, version{}, 1));
            ++ended;
        });
    }
    const auto is_full = [&] {
        return value("s{state=\"busy\"}") == 1 && value("s{state=\"waiting\"}") == 1;
    };
    while (!is_full() && ended == 0) std::this_thread::yield();
    CHECK(ended == 0);
    holding.execute("COMMIT");
    for (auto& one : callers) one.join();
    CHECK(value("s{state=\"waiting\"}") == 0);
    CHECK(value("_wait_seconds_total") > 0);
}

TEST_CASE("watch: how far and for how long an open append holds readers back is measured") {
    if (!has_postgres()) return;
    const postgres_database database;
    io world{{.shards = 1}};
    const auto events = open(database.options());
    const auto lag = [&](std::uint64_t end) {
        return run(world, cli::find_horizon_lag(*events, position{end})).value();
    };
    CHECK(lag(9).events == 0);
    CHECK(lag(9).seconds == 0);
    postgres_connection open_append{database.options()};
    open_append.execute(
        "BEGIN; SELECT pg_advisory_xact_lock_shared((lock_tag::bigint << 48) | 7) FROM meta");
    const auto first = lag(9);
    CHECK(first.events == 2);
    CHECK(first.seconds > 0);
    CHECK(lag(7).events == 0);
    CHECK(lag(9).seconds > first.seconds);
    open_append.execute("COMMIT");
    CHECK(lag(9).events == 0);
    CHECK(lag(9).seconds == 0);
}
