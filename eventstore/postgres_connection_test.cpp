#include "tidemark/eventstore/postgres_connection.hpp"

#include "tidemark/eventstore/postgres_connect.hpp"
#include "tidemark/eventstore/postgres_database.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <limits>
#include <map>
#include <string>
#include <thread>

using namespace tidemark;
using namespace tidemark::testing;
using namespace std::chrono_literals;

namespace {

using verdict = postgres_verdict;
using moment = postgres_moment;

postgres_options server() { return {.url = postgres_server_url()}; }

/// What the work throws.
template <class Work>
postgres_failure failure_of(const Work& work) {
    try {
        work();
    } catch (const postgres_failure& failed) {
        return failed;
    }
    FAIL("nothing was thrown");
    return postgres_failure{"", moment::connecting, ""};
}

}  // namespace

TEST_CASE("postgres failure: the SQLSTATE and the moment decide what to do") {
    struct row {
        const char* sqlstate;
        moment when;
        verdict means;
    };
    const row rows[] = {{"40001", moment::after_send, verdict::repeat},
                        {"40P01", moment::after_send, verdict::repeat},
                        {"40003", moment::after_send, verdict::unknown},
                        {"23505", moment::after_send, verdict::duplicate},
                        {"53100", moment::after_send, verdict::full},
                        {"53300", moment::connecting, verdict::busy},
                        {"57P03", moment::connecting, verdict::unsent},
                        {"57P01", moment::before_send, verdict::unsent},
                        {"57P01", moment::after_send, verdict::unknown},
                        {"57P02", moment::after_send, verdict::unknown},
                        {"08006", moment::before_send, verdict::unsent},
                        {"08006", moment::after_send, verdict::unknown},
                        {"", moment::before_send, verdict::unsent},
                        {"", moment::after_send, verdict::unknown},
                        {"25006", moment::after_send, verdict::read_only},
                        {"57014", moment::after_send, verdict::busy},
                        {"55P03", moment::after_send, verdict::busy},
                        {"42501", moment::after_send, verdict::permanent},
                        {"22021", moment::after_send, verdict::permanent},
                        {"28P01", moment::connecting, verdict::permanent}};
    for (const auto& [sqlstate, when, means] : rows) {
        CAPTURE(sqlstate);
        CHECK(judge(sqlstate, when) == means);
    }
}

TEST_CASE("postgres failure: callers hear a code and a remedy") {
    struct row {
        const char* sqlstate;
        errc code;
        const char* remedy;
    };
    const row rows[] = {{"28P01", errc::bad_setting, "store.url"},
                        {"42501", errc::bad_setting, "tidemark_writer"},
                        {"42P01", errc::schema_mismatch, "tidemark migrate up"},
                        {"53100", errc::disk_full, "make room"},
                        {"53300", errc::unavailable, "again later"},
                        {"XX001", errc::corrupt, "backup"},
                        {"", errc::unknown_outcome, "same request again"}};
    for (const auto& [sqlstate, code, remedy] : rows) {
        CAPTURE(sqlstate);
        const auto said = postgres_failure{sqlstate, moment::after_send, "the reason"}.as_error(
            "postgres://shop@db/orders", postgres_failure::purpose::write);
        CHECK(said.code() == code);
        CHECK(said.message().find(remedy) != std::string::npos);
        CHECK(said.message().find("postgres://shop@db/orders") != std::string::npos);
        CHECK(said.message().find("the reason") != std::string::npos);
    }
    const postgres_failure lost{"", moment::after_send, "gone"};
    CHECK(lost.as_error("x", postgres_failure::purpose::read).code() == errc::unavailable);
}

TEST_CASE("postgres url: the password is never shown") {
    CHECK(mask_postgres_url("postgres://shop:s3cret@db:5433/orders?sslmode=require") ==
          "postgres://shop@db:5433/orders");
    CHECK(mask_postgres_url("postgres://shop:s3cret@a:1,b:2/orders") ==
          "postgres://shop@a:1,b:2/orders");
    CHECK(mask_postgres_url("host=db user=shop password=s3cret dbname=orders") ==
          "postgres://shop@db/orders");
    CHECK(mask_postgres_url("postgres://shop:s3cret@[broken").find("s3cret") == std::string::npos);
}

TEST_CASE("postgres url: each host is a target with our settings, and the URL's win") {
    const auto targets = parse_postgres_url(
        {.url = "postgres://u@a:1,b/d?application_name=mine&keepalives_idle=77"});
    REQUIRE(targets.size() == 2);
    CHECK(targets[0].settings.at("host") == "a");
    CHECK(targets[0].settings.at("port") == "1");
    CHECK(targets[1].settings.at("host") == "b");
    CHECK(targets[1].settings.at("keepalives_idle") == "77");
    CHECK(targets[1].settings.at("application_name") == "mine");
    CHECK(targets[1].settings.at("target_session_attrs") == "read-write");
    const auto bad = failure_of(
        [] { std::ignore = parse_postgres_url({.url = "postgres://u@a/d", .schema = "x; DROP"}); });
    CHECK(std::string{bad.what()}.find("no schema name") != std::string::npos);
}

TEST_CASE("postgres url: only sockets and loopback addresses need no encryption") {
    for (const auto* address : {"", "127.0.0.1", "127.0.5.6", "::1"}) CHECK(is_near(address));
    for (const auto* address : {"10.0.0.1", "192.168.127.1", "::ffff:127.0.0.1", "2001:db8::1"}) {
        CHECK_FALSE_MESSAGE(is_near(address), address);
    }
}

TEST_CASE("postgres protection: what a session over the network lacks is named with its remedy") {
    using enum postgres_protection;
    const auto fault = [](bool is_encrypted, const char* mode, postgres_protection demanded) {
        const session_protection of{.address = "10.0.0.1",
                                    .is_encrypted = is_encrypted,
                                    .is_gssapi = false,
                                    .sslmode = mode,
                                    .sslmode_source = "the URL"};
        const auto found = find_protection_fault(of, demanded);
        if (!found) return std::string{};
        CHECK(found->verdict() == postgres_verdict::permanent);
        const auto told = found->as_error("postgres://db", postgres_failure::purpose::read);
        CHECK(told.code() == errc::bad_setting);
        for (const auto* part : {mode, "from the URL", "10.0.0.1", "sslmode=verify-full"}) {
            CHECK_MESSAGE(told.message().find(part) != std::string::npos, part);
        }
        return found->sqlstate();
    };
    CHECK(fault(false, "disable", none).empty());
    CHECK(fault(false, "prefer", encrypted) == not_encrypted_state);
    CHECK(fault(false, "prefer", verified) == not_encrypted_state);
    for (const auto* mode : {"allow", "prefer", "require", "verify-ca"}) {
        CHECK(fault(true, mode, encrypted).empty());
        CHECK(fault(true, mode, verified) == not_verified_state);
    }
    CHECK(fault(true, "verify-full", verified).empty());
    CHECK_FALSE(find_protection_fault({.address = "10.0.0.1",
                                       .is_encrypted = true,
                                       .is_gssapi = true,
                                       .sslmode = "prefer",
                                       .sslmode_source = ""},
                                      verified));
    for (const auto* address : {"", "127.0.0.1", "::1"}) {
        CHECK_FALSE(find_protection_fault({.address = address}, verified));
    }
}

TEST_CASE("postgres protection: who connects otherwise is held to what was seen") {
    struct row {
        session_protection seen;
        std::map<std::string, std::string> becomes;
    };
    const auto seen = [](bool is_encrypted, bool is_gssapi, const char* mode) {
        return session_protection{.address = "10.0.0.1",
                                  .is_encrypted = is_encrypted,
                                  .is_gssapi = is_gssapi,
                                  .sslmode = mode,
                                  .sslmode_source = ""};
    };
    const row rows[] = {
        {seen(true, false, "prefer"), {{"hostaddr", "10.0.0.1"}, {"sslmode", "require"}}},
        {seen(true, false, "verify-ca"), {{"hostaddr", "10.0.0.1"}, {"sslmode", "verify-ca"}}},
        {seen(true, false, "verify-full"), {{"hostaddr", "10.0.0.1"}, {"sslmode", "verify-full"}}},
        {seen(true, true, "prefer"), {{"hostaddr", "10.0.0.1"}, {"gssencmode", "require"}}},
        {seen(false, false, "disable"), {{"hostaddr", "10.0.0.1"}}},
        {{}, {}}};
    for (const auto& [of, becomes] : rows) CHECK(hold_to(of, {}).settings == becomes);
}

TEST_CASE("postgres connection: a session on this machine is told to be not encrypted") {
    if (!has_postgres()) return;
    auto options = server();
    options.protection = postgres_protection::verified;
    const postgres_connection session{options};
    CHECK(session.encryption() == "not encrypted");
}

TEST_CASE("postgres connection: values of every type go there and back") {
    if (!has_postgres()) return;
    postgres_connection connection{server()};
    const auto id = message_id::derive({"a", "b"});
    const std::string bytes{"\0\xff'\\", 4};
    const std::int64_t least = std::numeric_limits<std::int64_t>::min();
    auto rows = connection.run(
        "SELECT $1::int8, $2::text, $3::bytea, $4::uuid, $5::bool, $6::int4, $7::int8, $8::int8",
        {least, std::string{"Größe"}, postgres_value::bytes(bytes), id, true,
         postgres_value::int4(-7), instant{duration{123456789}}, std::optional<instant>{}});
    REQUIRE(rows.next());
    CHECK(rows.integer(0) == least);
    CHECK(rows.text(1) == "Größe");
    CHECK(rows.bytes(2) == bytes);
    CHECK(rows.id(3) == id);
    CHECK(rows.boolean(4));
    CHECK(rows.integer(5) == -7);
    CHECK(rows.at(6) == instant{duration{123456789}});
    CHECK(rows.is_null(7));
    CHECK_FALSE(rows.next());
}

TEST_CASE("postgres connection: arrays of every type arrive in order") {
    if (!has_postgres()) return;
    postgres_connection connection{server()};
    postgres_array numbers{postgres_type::int8}, small{postgres_type::int4},
        texts{postgres_type::text}, ids{postgres_type::uuid}, blobs{postgres_type::bytes},
        flags{postgres_type::boolean}, none{postgres_type::text};
    for (const auto n : {3, 1, -2}) numbers.add(n);
    small.add(5);
    small.add_null();
    small.add(-5);
    for (const auto* text : {"z", "", "a,b{}\"\\"}) texts.add(std::string_view{text});
    for (const auto* part : {"1", "2", "3"}) ids.add(message_id::derive({part}));
    for (const auto* blob : {"p", "q", "r"}) blobs.add(std::string_view{blob});
    for (const auto flag : {true, false, true}) flags.add(flag);
    auto rows = connection.run(
        "SELECT a, b, c, d, e, f, cardinality($7::text[])::int8 FROM unnest($1::int8[], $2::int4[],"
        " $3::text[], $4::uuid[], $5::bytea[], $6::bool[]) AS t(a, b, c, d, e, f)",
        {numbers, small, texts, ids, blobs, flags, none});
    REQUIRE(rows.size() == 3);
    REQUIRE(rows.next());
    CHECK(rows.integer(0) == 3);
    CHECK(rows.integer(1) == 5);
    REQUIRE(rows.next());
    CHECK(rows.is_null(1));
    CHECK(rows.text(2).empty());
    REQUIRE(rows.next());
    CHECK(rows.integer(0) == -2);
    CHECK(rows.integer(1) == -5);
    CHECK(rows.text(2) == "a,b{}\"\\");
    CHECK(rows.id(3) == message_id::derive({"3"}));
    CHECK(rows.bytes(4) == "r");
    CHECK(rows.boolean(5));
    CHECK(rows.integer(6) == 0);
}

TEST_CASE("postgres connection: a failed statement leaves the session usable") {
    if (!has_postgres()) return;
    postgres_connection connection{server()};
    const auto failed = failure_of([&] { connection.run("SELECT 1 / $1::int8", {0}); });
    CHECK(failed.sqlstate() == "22012");
    CHECK(failed.verdict() == verdict::permanent);
    CHECK_FALSE(failed.is_lost());
    CHECK(connection.is_alive());
    CHECK(connection.run("SELECT 1").size() == 1);
}

TEST_CASE("postgres connection: a duplicate names its index") {
    if (!has_postgres()) return;
    postgres_connection connection{server()};
    connection.execute(
        "CREATE TEMP TABLE t(id int CONSTRAINT t_id PRIMARY KEY); "
        "INSERT INTO t VALUES(1)");
    const auto failed = failure_of([&] { connection.execute("INSERT INTO t VALUES(1)"); });
    CHECK(failed.verdict() == verdict::duplicate);
    CHECK(failed.constraint() == "t_id");
}

TEST_CASE("postgres connection: statements that were discarded are prepared again") {
    if (!has_postgres()) return;
    postgres_connection connection{server()};
    constexpr std::string_view sql = "SELECT $1::int8";
    CHECK(connection.run(sql, {1}).size() == 1);
    connection.execute("DEALLOCATE ALL");
    CHECK(connection.run(sql, {2}).size() == 1);
}

TEST_CASE("postgres connection: a session ended while idle is unsent, one ended at work unknown") {
    if (!has_postgres()) return;
    postgres_connection other{server()};
    const auto end = [&](int backend) {
        other.run("SELECT pg_terminate_backend($1)", {postgres_value::int4(backend)});
    };
    {
        postgres_connection idle{server()};
        end(idle.backend());
        // The server's farewell has arrived once the socket can be read.
        const auto gone = failure_of([&] {
            while (idle.is_alive()) std::this_thread::yield();
            idle.run("SELECT 1");
        });
        CHECK(gone.verdict() == verdict::unsent);
        CHECK(gone.is_lost());
    }
    postgres_connection working{server()};
    std::thread killer{[&, backend = working.backend()] {
        constexpr std::string_view is_asleep_sql =
            "SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'";
        while (other.run(is_asleep_sql, {postgres_value::int4(backend)}).size() == 0) {
        }
        end(backend);
    }};
    const auto gone = failure_of([&] { working.run("SELECT pg_sleep(60)"); });
    killer.join();
    CHECK(gone.verdict() == verdict::unknown);
    CHECK_FALSE(working.is_alive());
    CHECK(failure_of([&] { working.run("SELECT 1"); }).verdict() == verdict::unsent);
}

TEST_CASE("postgres connection: a statement beyond its time is undone and told as busy") {
    if (!has_postgres()) return;
    auto options = server();
    options.statement_timeout = 50ms;
    postgres_connection connection{options};
    const auto late = failure_of([&] { connection.run("SELECT pg_sleep(60)"); });
    CHECK(late.sqlstate() == "57014");
    CHECK(late.verdict() == verdict::busy);
    CHECK(connection.is_alive());
}

TEST_CASE("postgres connection: a refused login names its state, and nothing of the password") {
    if (!has_postgres()) return;
    auto options = server();
    options.password = "wr0ng-secret";
    const auto refused = failure_of([&] { postgres_connection{options}; });
    CHECK(refused.sqlstate() == "28P01");
    CHECK(refused.verdict() == verdict::permanent);
    const auto said =
        refused.as_error(mask_postgres_url(options.url), postgres_failure::purpose::write);
    CHECK(said.code() == errc::bad_setting);
    CHECK(said.message().find("wr0ng") == std::string::npos);
    options = server();
    options.url = with_database(options.url, "no_such_database");
    CHECK(failure_of([&] { postgres_connection{options}; }).sqlstate() == "3D000");
}

TEST_CASE("postgres connection: the next host is tried when one does not answer") {
    if (!has_postgres()) return;
    auto options = server();
    const auto at = options.url.find('@') + 1;
    // Port 1 of the loopback device: nothing listens there.
    options.url.insert(at, "127.0.0.1:1,");
    CHECK(postgres_connection{options}.is_alive());
    options.url = "postgres://u@127.0.0.1:1/d";
    const auto refused = failure_of([&] { postgres_connection{options}; });
    CHECK(refused.verdict() == verdict::unsent);
}

TEST_CASE("postgres connection: a notification ends the wait for it") {
    if (!has_postgres()) return;
    postgres_connection listening{server()};
    postgres_connection telling{server()};
    listening.execute("LISTEN news");
    CHECK_FALSE(listening.wait_notification(0ms, -1));
    telling.execute("NOTIFY news");
    CHECK(listening.wait_notification(30s, -1));
}
