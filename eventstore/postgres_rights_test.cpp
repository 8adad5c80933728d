#include "tidemark/eventstore/contract.hpp"
#include "tidemark/eventstore/postgres_batch.hpp"
#include "tidemark/eventstore/postgres_connection.hpp"
#include "tidemark/eventstore/postgres_database.hpp"
#include "tidemark/eventstore/postgres_event_reads.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>

using namespace tidemark;
using namespace tidemark::testing;

namespace {

/// Stores one event on an open stream and says how that ended.
append_outcome append_on(postgres_connection& session) {
    const auto sent = request(account("ada"), expected_version::any());
    postgres_batch batch;
    REQUIRE(batch.try_add(sent));
    return batch.run(session, 0, 1, std::nullopt, false).at(0);
}

std::string state_of(postgres_connection& session, const std::string& statement) {
    try {
        session.execute(statement);
    } catch (const postgres_failure& failed) {
        return failed.sqlstate();
    }
    return {};
}

constexpr auto denied = "42501";
constexpr auto refused = "23001";

}  // namespace

TEST_CASE("postgres rights: events are never changed, not even by their owner") {
    if (!has_postgres()) return;
    const postgres_database database;
    postgres_connection owner{database.options()};
    get_or_fail<append_committed>(append_on(owner));
    CHECK(state_of(owner, "UPDATE events SET payload = 'x'") == refused);
    CHECK(state_of(owner, "DELETE FROM events") == refused);
    CHECK(state_of(owner, "TRUNCATE events") == refused);
    CHECK(state_of(owner, "SET session_replication_role = replica; DELETE FROM events") != "");
    CHECK(read_stream(owner, account("ada"), version{}, 10).size() == 1);
}

TEST_CASE("postgres rights: the writer appends and can do nothing else to the log") {
    if (!has_postgres()) return;
    const postgres_database database;
    postgres_connection session{database.options()};
    session.execute("SET ROLE tidemark_writer");
    get_or_fail<append_committed>(append_on(session));
    CHECK(read_stream(session, account("ada"), version{}, 10).size() == 1);
    CHECK(read_log(session, {}, position{}, 10).events.size() == 1);
    for (const std::string statement :
         {"INSERT INTO events SELECT * FROM events", "UPDATE events SET payload = 'x'",
          "DELETE FROM events", "TRUNCATE events", "SELECT nextval('positions')",
          "SELECT setval('positions', 1)", "DELETE FROM answers", "UPDATE meta SET lock_tag = 7",
          "UPDATE effects SET token = 0", "SELECT end_effects('{}')", "DROP TABLE events",
          "ALTER TABLE events DISABLE TRIGGER ALL"}) {
        CAPTURE(statement);
        CHECK(state_of(session, statement) == denied);
    }
}

TEST_CASE("postgres rights: a reader cannot append") {
    if (!has_postgres()) return;
    const postgres_database database;
    postgres_connection session{database.options()};
    session.execute("SET ROLE tidemark_reader");
    CHECK(read_log(session, {}, position{}, 10).events.empty());
    try {
        append_on(session);
        FAIL("a reader has appended");
    } catch (const postgres_failure& failed) {
        CHECK(failed.sqlstate() == denied);
        CHECK(failed.as_error("here", postgres_failure::purpose::write).code() ==
              errc::bad_setting);
    }
}

TEST_CASE("postgres rights: functions do not look where a caller points them") {
    if (!has_postgres()) return;
    const postgres_database database;
    postgres_connection session{database.options()};
    // A table of the caller's in front of ours; the function must not take it for its own.
    session.execute(
        "CREATE TEMP TABLE events(LIKE events); CREATE TEMP TABLE meta(lock_tag integer)");
    session.execute("SET search_path = pg_temp, " + session.schema());
    get_or_fail<append_committed>(append_on(session));
    session.execute("SET search_path = " + session.schema() + ", pg_temp");
    CHECK(read_stream(session, account("ada"), version{}, 10).size() == 1);
}

TEST_CASE("postgres views: payloads are readable as jsonb, whatever they hold") {
    if (!has_postgres()) return;
    const postgres_database database;
    postgres_connection session{database.options()};
    auto sent = request(account("ada"), expected_version::none(), 0);
    sent.events = {event("account.opened.v1", R"({"owner":"Ada"})"), event("raw.v1", "\xff\x01")};
    postgres_batch batch;
    REQUIRE(batch.try_add(sent));
    get_or_fail<append_committed>(batch.run(session, 0, 1, std::nullopt, false).at(0));
    auto rows = session.run(
        "SELECT coalesce(payload->>'owner', payload#>>'{}') FROM readable_events ORDER BY "
        "position");
    REQUIRE(rows.next());
    CHECK(rows.text(0) == "Ada");
    REQUIRE(rows.next());
    CHECK(rows.text(0) == "/wE=");
}
