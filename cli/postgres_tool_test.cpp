#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/output.hpp"
#include "tidemark/cli/session.hpp"
#include "tidemark/cli/tool_run.hpp"
#include "tidemark/eventstore/postgres_connection.hpp"
#include "tidemark/eventstore/postgres_database.hpp"
#include "tidemark/eventstore/postgres_migrations.hpp"

#include <doctest/doctest.h>
#include <boost/json/parse.hpp>

#include <string>
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

TEST_CASE("tool: a PostgreSQL store is read without a process that serves it") {
    if (!has_postgres()) return;
    const auto url = postgres_database{}.options().url;
    const auto listed = run_with({"stream", "ls", "--json", "--store", url});
    CHECK_MESSAGE(is(listed, exit_code::ok), listed.remarks);
}
