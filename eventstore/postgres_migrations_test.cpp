#include "tidemark/eventstore/postgres_migrations.hpp"

#include "tidemark/eventstore/postgres_database.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;

namespace {

using state = postgres_step::state;
using content = postgres_database::content;

template <class T>
T unwrap(result<T> answer) {
    const auto text = answer ? std::string{} : answer.error().message();
    REQUIRE_MESSAGE(answer.has_value(), text);
    return std::move(*answer);
}

template <class T>
error error_of(const result<T>& answer) {
    REQUIRE(answer.has_error());
    return answer.error();
}

auto count(const std::vector<postgres_step>& steps, state wanted) {
    return static_cast<std::size_t>(std::ranges::count(steps, wanted, &postgres_step::is));
}

std::vector<postgres_step> steps_of(const postgres_options& options) {
    postgres_connection connection{options};
    return read_postgres_schema(connection);
}

}  // namespace

TEST_CASE("postgres migrations: an empty database gets every step once") {
    if (!has_postgres()) return;
    const postgres_database database{content::empty};
    const auto options = database.options();
    const auto known = postgres_migrations().size();
    CHECK(count(steps_of(options), state::pending) == known);
    CHECK(unwrap(migrate_postgres(options, false)).size() == known);
    CHECK(count(steps_of(options), state::applied) == known);
    CHECK(unwrap(migrate_postgres(options, false)).empty());
    CHECK_FALSE(find_schema_fault(steps_of(options), "here").has_value());
}

TEST_CASE("postgres migrations: a dry run says what it would do and changes nothing") {
    if (!has_postgres()) return;
    const postgres_database database{content::empty};
    const auto options = database.options();
    CHECK(unwrap(migrate_postgres(options, true)).size() == postgres_migrations().size());
    CHECK(count(steps_of(options), state::applied) == 0);
    postgres_connection connection{options};
    CHECK(connection.run("SELECT 1 FROM pg_namespace WHERE nspname = 'tidemark'").size() == 0);
}

TEST_CASE("postgres migrations: of several processes one migrates and the others wait") {
    if (!has_postgres()) return;
    const postgres_database database{content::empty};
    const auto options = database.options();
    std::array<std::size_t, 4> applied{};
    std::array<bool, 4> succeeded{};
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < applied.size(); ++i) {
        threads.emplace_back([&, i] {
            const auto done = migrate_postgres(options, false);
            succeeded[i] = done.has_value();
            if (done) applied[i] = done->size();
        });
    }
    for (auto& one : threads) one.join();
    std::size_t sum = 0;
    for (const auto n : applied) sum += n;
    CHECK(sum == postgres_migrations().size());
    CHECK(std::ranges::all_of(succeeded, std::identity{}));
}

TEST_CASE("postgres migrations: two stores live in one database") {
    if (!has_postgres()) return;
    const postgres_database database;
    auto options = database.options();
    options.schema = "second_store";
    CHECK(unwrap(migrate_postgres(options, false)).size() == postgres_migrations().size());
    CHECK(unwrap(verify_postgres(options)).empty());
}

TEST_CASE("postgres migrations: an edited step and a newer schema are refused") {
    if (!has_postgres()) return;
    const postgres_database database;
    const auto options = database.options();
    postgres_connection connection{options};
    SUBCASE("edited") {
        connection.execute("UPDATE migrations SET checksum = 'x' WHERE version = 1");
        CHECK(count(steps_of(options), state::edited) == 1);
        const auto refused = error_of(migrate_postgres(options, false));
        CHECK(refused.code() == errc::schema_mismatch);
        CHECK(refused.message().find("another text") != std::string::npos);
    }
    SUBCASE("newer") {
        connection.execute("INSERT INTO migrations VALUES(9999, 'from the future', 'x', 0)");
        CHECK(count(steps_of(options), state::newer) == 1);
        const auto refused = error_of(migrate_postgres(options, false));
        CHECK(refused.code() == errc::schema_mismatch);
        CHECK(refused.message().find("from the future") != std::string::npos);
    }
    SUBCASE("behind") {
        connection.execute(
            "DELETE FROM migrations WHERE version = (SELECT max(version) "
            "FROM migrations)");
        const auto refused = find_schema_fault(steps_of(options), "here");
        REQUIRE(refused.has_value());
        CHECK(refused->code() == errc::schema_mismatch);
        CHECK(refused->message().find("tidemark migrate up") != std::string::npos);
    }
}

TEST_CASE("postgres migrations: a foreign table named like ours is told") {
    if (!has_postgres()) return;
    const postgres_database database{content::empty};
    const auto options = database.options();
    postgres_connection{options}.execute("CREATE SCHEMA tidemark; CREATE TABLE events(id int)");
    const auto refused = error_of(migrate_postgres(options, false));
    CHECK(refused.code() == errc::schema_mismatch);
    CHECK(refused.message().find("postgres.schema") != std::string::npos);
    CHECK(count(steps_of(options), state::applied) == 0);
}

TEST_CASE("postgres migrations: verify names what somebody changed by hand") {
    if (!has_postgres()) return;
    const postgres_database database;
    const auto options = database.options();
    CHECK(unwrap(verify_postgres(options)).empty());
    postgres_connection{options}.execute(
        "ALTER TABLE effects DROP COLUMN options; CREATE TABLE extra(id int); "
        "ALTER SEQUENCE positions CACHE 10; ALTER TABLE events DISABLE TRIGGER events_stay");
    auto found = unwrap(verify_postgres(options));
    const auto has = [&](const char* line) { return std::ranges::count(found, line) == 1; };
    CHECK(has("column effects.options is missing"));
    CHECK(has("column extra.id is not of the migrations"));
    CHECK(has("sequence positions was changed"));
    CHECK(has("trigger events.events_stay was changed"));
    CHECK(found.size() == 4);
}

TEST_CASE("postgres migrations: verify names rights that are not those of the migrations") {
    if (!has_postgres()) return;
    const postgres_database database;
    const auto options = database.options();
    const auto person = database.name() + "_person";
    postgres_connection{options}.execute(
        "CREATE ROLE " + person + "; GRANT SELECT ON events TO " + person +
        "; GRANT USAGE ON SCHEMA tidemark TO " + person +
        "; GRANT UPDATE ON events TO tidemark_writer; GRANT DELETE ON answers TO " + person +
        "; GRANT UPDATE (reason) ON audit TO PUBLIC; GRANT UPDATE ON migrations TO tidemark_reader"
        "; REVOKE SELECT ON events FROM tidemark_reader"
        "; GRANT EXECUTE ON FUNCTION refuse_change() TO PUBLIC");
    auto found = unwrap(verify_postgres(options));
    std::ranges::sort(found);
    std::string lines;
    for (const auto& line : found) lines += line + "\n";
    CHECK(lines == "grant DELETE on answers to " + person +
                       " is not of the migrations\n"
                       "grant EXECUTE on refuse_change() to PUBLIC is not of the migrations\n"
                       "grant SELECT on events to tidemark_reader is missing\n"
                       "grant UPDATE on audit.reason to PUBLIC is not of the migrations\n"
                       "grant UPDATE on events to tidemark_writer is not of the migrations\n"
                       "grant UPDATE on migrations to tidemark_reader is not of the migrations\n");
}

TEST_CASE("postgres migrations: two stores of one database never migrate at once") {
    if (!has_postgres()) return;
    const postgres_database database{content::empty};
    postgres_connection holding{database.options()};
    holding.execute("BEGIN");
    holding.run("SELECT pg_advisory_xact_lock($1, 0)", {postgres_value::int4(migration_lock)});
    std::array<bool, 2> succeeded{};
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < succeeded.size(); ++i) {
        auto options = database.options();
        options.schema = "store_" + std::to_string(i);
        threads.emplace_back([&succeeded, options, i] {
            succeeded[i] = migrate_postgres(options, false).has_value();
        });
    }
    // Both wait, whatever their schemas are called.
    constexpr std::string_view waiting_sql =
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())";
    postgres_connection asking{database.options()};
    while (asking.run(waiting_sql).size() < 2) std::this_thread::yield();
    holding.execute("COMMIT");
    for (auto& one : threads) one.join();
    CHECK(std::ranges::all_of(succeeded, std::identity{}));
    auto tags = asking.execute(
        "SELECT 1 WHERE (SELECT lock_tag FROM store_0.meta) <> (SELECT lock_tag FROM "
        "store_1.meta)");
    CHECK(tags.size() == 1);
}

TEST_CASE("postgres server: what loses acknowledged commits is named") {
    struct row {
        server_durability of;
        const char* named;
    };
    const row rows[] = {{{"on", "on", "on", ""}, ""},
                        {{"on", "on", "local", ""}, ""},
                        {{"on", "on", "remote_write", ""}, ""},
                        {{"on", "on", "on", "s1"}, ""},
                        {{"on", "on", "remote_apply", "s1"}, ""},
                        {{"off", "on", "on", ""}, "fsync = off"},
                        {{"on", "off", "on", ""}, "full_page_writes = off"},
                        {{"on", "on", "off", ""}, "synchronous_commit = off"},
                        {{"on", "on", "off", "s1"}, "synchronous_commit = off"},
                        {{"on", "on", "local", "s1"}, "synchronous_standby_names = 's1'"},
                        {{"on", "on", "remote_write", "s1"}, "synchronous_commit = remote_write"}};
    for (const auto& [of, named] : rows) {
        const auto found = find_durability_fault(of);
        CHECK(found.has_value() == !std::string_view{named}.empty());
        CHECK_MESSAGE(found.value_or("").find(named) != std::string::npos, found.value_or(""));
    }
}

TEST_CASE("postgres server: one that loses acknowledged commits is refused unless told so") {
    if (!has_postgres()) return;
    auto options = postgres_database{content::empty}.options();
    options.url += options.url.find('?') == std::string::npos ? "?" : "&";
    options.url += "options=-c%20synchronous_commit%3Doff";
    postgres_connection connection{options};
    const auto refused = find_server_fault(connection, options);
    REQUIRE(refused.has_value());
    CHECK(refused->code() == errc::bad_setting);
    CHECK(refused->message().find("synchronous_commit") != std::string::npos);
    CHECK(refused->message().find("postgres.unsafe_durability") != std::string::npos);
    options.allows_unsafe_durability = true;
    CHECK_FALSE(find_server_fault(connection, options).has_value());
}
