/// Every way in which readers of a log with positions from a sequence were seen to lose events.

#include "tidemark/eventstore/contract.hpp"
#include "tidemark/eventstore/postgres_batch.hpp"
#include "tidemark/eventstore/postgres_connection.hpp"
#include "tidemark/eventstore/postgres_database.hpp"
#include "tidemark/eventstore/postgres_event_reads.hpp"
#include "tidemark/eventstore/postgres_migrations.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;

namespace {

const auto any = expected_version::any();

/// Appends on that session, inside its transaction if it is in one; the last position.
position append_on(postgres_connection& session, std::vector<append_request> requests) {
    postgres_batch batch;
    for (const auto& one : requests) REQUIRE(batch.try_add(one));
    const auto told = batch.run(session, 0, requests.size(), std::nullopt, false);
    REQUIRE(told.size() == requests.size());
    return get_or_fail<append_committed>(told.back()).position;
}

position append_on(postgres_connection& session, const std::string& stream,
                   std::size_t events = 1) {
    return append_on(session, std::vector{request(account(stream), any, events)});
}

/// One append for each of the functions that append: of one event, of events, of anything.
std::vector<append_request> each_way(const std::string& stream) {
    auto wide = request(account(stream), any);
    wide.timers_set = {timer_at("late", instant{})};
    return {request(account(stream), any), request(account(stream), any, 2), wide};
}

std::vector<std::uint64_t> positions_of(const event_page& page) {
    std::vector<std::uint64_t> found;
    for (const auto& event : page.events) found.push_back(event.position.value());
    return found;
}

using list = std::vector<std::uint64_t>;

event_page read_from(postgres_connection& session, position after = {}) {
    return read_log(session, {}, after, 1000);
}

/// The SQLSTATE that `work` fails with; "" if it does not.
template <class Work>
std::string state_of(const Work& work) {
    try {
        work();
    } catch (const postgres_failure& failed) {
        return failed.sqlstate();
    }
    return {};
}

std::int64_t number(postgres_connection& session, std::string_view sql) {
    auto rows = session.run(sql);
    REQUIRE(rows.next());
    return rows.integer(0);
}

/// A database with three sessions: two that write, one that reads.
struct log_under_test {
    postgres_database database;
    postgres_connection slow{database.options()};
    postgres_connection quick{database.options()};
    postgres_connection reader{database.options()};
};

}  // namespace

TEST_CASE("horizon: the first append of all is waited for, whatever it stores") {
    if (!has_postgres()) return;
    for (const auto& first : each_way("slow")) {
        log_under_test log;
        const auto size = first.events.size();
        CAPTURE(size);
        // The sequence was never called: its last value is 1, but nothing is drawn.
        CHECK(read_from(log.reader).horizon == position{0});
        log.slow.execute("BEGIN");
        CHECK(append_on(log.slow, {first}) == position{size});
        CHECK(append_on(log.quick, "quick") == position{size + 1});
        const auto early = read_from(log.reader);
        CHECK(early.events.empty());
        CHECK(early.horizon == position{0});
        CHECK(early.seen == position{0});
        log.slow.execute("COMMIT");
        CHECK(read_from(log.reader).events.size() == size + 1);
    }
}

TEST_CASE("horizon: every way to append publishes how far the log was before") {
    if (!has_postgres()) return;
    log_under_test log;
    append_on(log.quick, "before", 3);
    for (const auto& late : each_way("slow")) {
        const auto before = read_from(log.reader).seen;
        log.slow.execute("BEGIN");
        append_on(log.slow, {late});
        append_on(log.quick, "after");
        CHECK(read_from(log.reader).seen == before);
        CHECK(read_from(log.reader).horizon == before);
        log.slow.execute("COMMIT");
        CHECK(read_from(log.reader, before).events.size() == late.events.size() + 1);
    }
}

TEST_CASE("horizon: a late commit holds back what was drawn after it, not what was before") {
    if (!has_postgres()) return;
    log_under_test log;
    append_on(log.quick, "before", 3);
    log.slow.execute("BEGIN");
    append_on(log.slow, "slow", 2);
    append_on(log.quick, "after");
    const auto early = read_from(log.reader);
    CHECK(positions_of(early) == list{1, 2, 3});
    CHECK(early.seen == position{3});
    CHECK(read_from(log.reader, early.seen).events.empty());
    log.slow.execute("COMMIT");
    CHECK(positions_of(read_from(log.reader, early.seen)) == list{4, 5, 6});
}

TEST_CASE("horizon: a rollback leaves a gap that nobody waits for") {
    if (!has_postgres()) return;
    log_under_test log;
    log.slow.execute("BEGIN");
    append_on(log.slow, "slow");
    append_on(log.quick, "quick");
    log.slow.execute("ROLLBACK");
    CHECK(positions_of(read_from(log.reader)) == list{2});
}

TEST_CASE("horizon: a transaction that appends twice is held by its first append") {
    if (!has_postgres()) return;
    log_under_test log;
    log.slow.execute("BEGIN");
    append_on(log.slow, "slow");
    append_on(log.quick, "between");
    append_on(log.slow, "slow");
    CHECK(read_from(log.reader).events.empty());
    log.slow.execute("COMMIT");
    CHECK(positions_of(read_from(log.reader)) == list{1, 2, 3});
}

TEST_CASE("horizon: what a savepoint undid is not waited for, what came after it is") {
    if (!has_postgres()) return;
    log_under_test log;
    log.slow.execute("BEGIN; SAVEPOINT before");
    append_on(log.slow, "slow");
    append_on(log.quick, "quick");
    log.slow.execute("ROLLBACK TO before");
    CHECK(positions_of(read_from(log.reader)) == list{2});
    append_on(log.slow, "slow");
    append_on(log.quick, "quick");
    CHECK(positions_of(read_from(log.reader)) == list{2});
    log.slow.execute("COMMIT");
    CHECK(positions_of(read_from(log.reader)) == list{2, 3, 4});
}

TEST_CASE("horizon: a prepared transaction holds it until it is decided") {
    if (!has_postgres()) return;
    log_under_test log;
    log.slow.execute("BEGIN");
    append_on(log.slow, "slow");
    const auto name = "'" + log.database.name() + "'";
    log.slow.execute("PREPARE TRANSACTION " + name);
    append_on(log.quick, "quick");
    CHECK(read_from(log.reader).events.empty());
    const auto holders = horizon_holders(log.reader);
    REQUIRE(holders.size() == 1);
    CHECK(holders[0].backend == 0);
    CHECK(holders[0].application == log.database.name());
    CHECK_FALSE(holders[0].client.empty());
    CHECK(holders[0].held > duration{0});
    CHECK(horizon_holders(log.reader).at(0).held > holders[0].held);
    log.quick.execute("COMMIT PREPARED " + name);
    CHECK(positions_of(read_from(log.reader)) == list{1, 2});
}

TEST_CASE("horizon: the session that holds it back is known by name") {
    if (!has_postgres()) return;
    log_under_test log;
    append_on(log.quick, "quick");
    CHECK(horizon_holders(log.reader).empty());
    log.slow.execute("BEGIN");
    append_on(log.slow, "slow");
    const auto holders = horizon_holders(log.reader);
    REQUIRE(holders.size() == 1);
    CHECK(holders[0].backend == log.slow.backend());
    CHECK(holders[0].application == "tidemark");
    CHECK(holders[0].position == position{1});
    CHECK(holders[0].state == "idle in transaction");
    CHECK(holders[0].held > duration{0});
    CHECK(horizon_holders(log.reader).at(0).held > holders[0].held);
}

TEST_CASE("horizon: a transaction that only does other things does not hold it back") {
    if (!has_postgres()) return;
    log_under_test log;
    log.slow.execute("BEGIN; CREATE TABLE other(n int); SELECT pg_current_xact_id()");
    append_on(log.quick, "quick");
    CHECK(positions_of(read_from(log.reader)) == list{1});
}

TEST_CASE("horizon: after a crash the sequence can fall back below what was drawn") {
    if (!has_postgres()) return;
    log_under_test log;
    append_on(log.quick, "quick");
    log.slow.execute("BEGIN");
    append_on(log.slow, "slow", 5);
    log.slow.execute("ROLLBACK");
    const auto before = read_from(log.reader);
    CHECK(before.horizon == position{6});
    // Nothing at 2..6 was ever seen, so nothing above 1 may be passed by.
    CHECK(before.seen == position{1});
    // What a crash leaves when the draws of the rolled-back transaction were not on the disk.
    log.quick.execute("SELECT setval('positions', 1, true)");
    CHECK_FALSE(find_log_fault(log.reader).has_value());
    CHECK(append_on(log.quick, "quick") == position{2});
    CHECK(positions_of(read_from(log.reader, before.seen)) == list{2});
}

TEST_CASE("horizon: below a reader's checkpoint it means nothing to read") {
    if (!has_postgres()) return;
    log_under_test log;
    append_on(log.quick, "quick");
    const auto page = read_from(log.reader, position{40});
    CHECK(page.events.empty());
    CHECK(page.seen == position{40});
    CHECK(page.horizon == position{1});
}

TEST_CASE("horizon: a log whose sequence would lose events is not served") {
    if (!has_postgres()) return;
    log_under_test log;
    append_on(log.quick, "quick", 9);
    const auto fault_after = [&](const std::string& change) {
        log.quick.execute(change);
        const auto fault = find_log_fault(log.reader);
        return fault ? fault->message() : std::string{};
    };
    CHECK(fault_after("ALTER SEQUENCE positions CACHE 10").find("CACHE 10") != std::string::npos);
    CHECK(fault_after("ALTER SEQUENCE positions CACHE 1").empty());
    CHECK(fault_after("ALTER SEQUENCE positions INCREMENT 2").find("INCREMENT 2") !=
          std::string::npos);
    CHECK(fault_after("ALTER SEQUENCE positions INCREMENT 1 CYCLE").find("CYCLE") !=
          std::string::npos);
    CHECK(fault_after("ALTER SEQUENCE positions NO CYCLE").empty());
    CHECK(fault_after("SELECT setval('positions', 8)").find("stands at 8") != std::string::npos);
    CHECK(fault_after("SELECT setval('positions', 9)").empty());
}

TEST_CASE("horizon: appends and readers demand read committed") {
    if (!has_postgres()) return;
    log_under_test log;
    for (const std::string level : {"REPEATABLE READ", "SERIALIZABLE"}) {
        CAPTURE(level);
        for (const auto& one : each_way("slow")) {
            log.slow.execute("BEGIN ISOLATION LEVEL " + level);
            CHECK(state_of([&] { append_on(log.slow, {one}); }) == "25000");
            log.slow.execute("ROLLBACK");
        }
        log.slow.execute("BEGIN ISOLATION LEVEL " + level);
        CHECK(state_of([&] { std::ignore = read_from(log.slow); }) == "25000");
        log.slow.execute("ROLLBACK");
    }
    append_on(log.slow, "slow");
}

TEST_CASE("horizon: horizon and events are two snapshots, even within one call") {
    if (!has_postgres()) return;
    log_under_test log;
    // In one transaction: a snapshot kept from the first call would hide what came after it.
    log.reader.execute("BEGIN");
    CHECK(read_from(log.reader).events.empty());
    append_on(log.quick, "quick");
    CHECK(positions_of(read_from(log.reader)) == list{1});
    log.reader.execute("COMMIT");
}

TEST_CASE("horizon: two stores in one database do not hold each other back") {
    if (!has_postgres()) return;
    log_under_test log;
    auto beside = log.database.options();
    beside.schema = "beside";
    REQUIRE(migrate_postgres(beside, false).has_value());
    postgres_connection other{beside};
    const auto tag = number(log.reader, "SELECT lock_tag FROM meta");
    CHECK(number(other, "SELECT lock_tag FROM meta") != tag);
    log.slow.execute("BEGIN");
    append_on(log.slow, "slow");
    append_on(log.quick, "quick");
    append_on(other, "other");
    CHECK(positions_of(read_from(other)) == list{1});
    CHECK(read_from(log.reader).events.empty());
    CHECK(horizon_holders(other).empty());
}

TEST_CASE("horizon: a call holds one lock, however many appends it stores") {
    if (!has_postgres()) return;
    log_under_test log;
    std::vector<append_request> many;
    for (auto i = 0; i < 200; ++i) many.push_back(request(account(std::to_string(i)), any, 5));
    log.slow.execute("BEGIN");
    append_on(log.slow, std::move(many));
    const auto locks = number(log.reader,
                              "SELECT count(*) FROM pg_locks WHERE locktype = "
                              "'advisory' AND database = (SELECT oid FROM pg_database "
                              "WHERE datname = current_database())");
    CHECK(locks == 1);
}

TEST_CASE("horizon: the long way of appending publishes it as well") {
    if (!has_postgres()) return;
    log_under_test log;
    auto wide = request(account("wide"), any, 1);
    wide.timers_set = {timer_at("late", instant{std::chrono::seconds{1}})};
    log.slow.execute("BEGIN");
    append_on(log.slow, std::vector{wide});
    append_on(log.quick, "quick");
    CHECK(read_from(log.reader).events.empty());
    log.slow.execute("COMMIT");
    CHECK(positions_of(read_from(log.reader)) == list{1, 2});
}
