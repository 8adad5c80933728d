#include "tidemark/eventstore/postgres_calls.hpp"
#include "tidemark/eventstore/postgres_database.hpp"
#include "tidemark/eventstore/run.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <future>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;
using namespace std::chrono_literals;

namespace {

using purpose = postgres_failure::purpose;

postgres_options server() {
    return {.url = postgres_server_url(), .connections_max = 2, .acquire_timeout = 30s};
}

duration in(duration from_now) {
    return std::chrono::duration_cast<duration>(
               std::chrono::steady_clock::now().time_since_epoch()) +
           from_now;
}

postgres_pool::lease take(postgres_pool& from) {
    auto got = from.acquire(in(30s));
    const auto text = got ? std::string{} : got.error().message();
    REQUIRE_MESSAGE(got.has_value(), text);
    return std::move(*got);
}

int backend_of(postgres_pool& from) { return take(from)->backend(); }

void end_session(int backend) {
    postgres_connection{server()}.run("SELECT pg_terminate_backend($1)",
                                      {postgres_value::int4(backend)});
}

}  // namespace

TEST_CASE("postgres pool: warming up opens the least, and they are used again") {
    if (!has_postgres()) return;
    auto options = server();
    options.connections_min = 2;
    postgres_pool pool{options};
    CHECK_FALSE(pool.warm_up().has_value());
    CHECK(pool.count().idle == 2);
    const auto first = backend_of(pool);
    CHECK(backend_of(pool) == first);
    CHECK(pool.count().opened == 2);
}

TEST_CASE("postgres pool: each connection is prepared once, and each wait is counted") {
    if (!has_postgres()) return;
    auto options = server();
    options.connections_min = 2;
    auto prepared = 0;
    postgres_pool pool{options, [&prepared](postgres_connection& fresh) {
                           fresh.execute("SELECT 1");
                           ++prepared;
                       }};
    CHECK_FALSE(pool.warm_up().has_value());
    CHECK(prepared == 2);
    CHECK(backend_of(pool) != 0);
    CHECK(prepared == 2);
    CHECK(pool.count().taken == 3);
    CHECK(pool.count().waited > duration{0});
    CHECK(pool.connections_max() == 2);
}

TEST_CASE("postgres pool: what nobody needs for long is closed, but for the least") {
    if (!has_postgres()) return;
    auto options = server();
    options.connections_min = 1;
    options.connections_max = 3;
    options.idle_close = -1ms;
    postgres_pool pool{options};
    {
        const auto first = take(pool);
        const auto second = take(pool);
        const auto third = take(pool);
        CHECK(pool.count().busy == 3);
    }
    // Each one that came back closed the one that lay there for longest.
    CHECK(pool.count().idle == 1);
    CHECK(pool.count().opened == 3);
    CHECK(backend_of(pool) != 0);
    CHECK(pool.count().idle == 1);
}

TEST_CASE("postgres pool: beyond the most a caller waits, until one is given back or too long") {
    if (!has_postgres()) return;
    postgres_pool pool{server()};
    const auto one = take(pool);
    {
        const auto two = take(pool);
        const auto refused = pool.acquire(in(10ms));
        REQUIRE(refused.has_error());
        CHECK(refused.error().code() == errc::overloaded);
        CHECK(refused.error().message().find("postgres.connections_max") != std::string::npos);
        CHECK(pool.count().busy == 2);
        CHECK(pool.count().timed_out == 1);
    }
    CHECK(take(pool)->is_alive());
}

TEST_CASE("postgres pool: a connection that ended, is too old or was left at work is replaced") {
    if (!has_postgres()) return;
    auto options = server();
    SUBCASE("ended by the server") {
        options.idle_max = 0ms;
        postgres_pool pool{options};
        const auto gone = backend_of(pool);
        end_session(gone);
        CHECK(backend_of(pool) != gone);
    }
    SUBCASE("older than its lifetime") {
        options.lifetime = 0ms;
        postgres_pool pool{options};
        const auto old = backend_of(pool);
        CHECK(backend_of(pool) != old);
    }
    SUBCASE("left inside a transaction") {
        postgres_pool pool{options};
        const auto left = [&] {
            const auto held = take(pool);
            held->execute("BEGIN");
            return held->backend();
        }();
        CHECK(backend_of(pool) != left);
    }
}

TEST_CASE("postgres pool: a server that is not there is unavailable at the deadline") {
    postgres_options options{.url = "postgres://u@127.0.0.1:1/d"};
    postgres_pool pool{options};
    const auto refused = pool.acquire(in(300ms));
    REQUIRE(refused.has_error());
    CHECK(refused.error().code() == errc::unavailable);
    CHECK(refused.error().message().find("postgres://u@127.0.0.1:1/d") != std::string::npos);
    // Pauses of 0 to 50, 100, 200… ms: without them thousands of attempts would fit.
    CHECK(pool.count().failed > 0);
    CHECK(pool.count().failed < 100);
}

TEST_CASE("postgres pool: a refused login is told at once") {
    if (!has_postgres()) return;
    auto options = server();
    options.password = "wrong";
    postgres_pool pool{options};
    const auto refused = pool.acquire(in(1h));
    REQUIRE(refused.has_error());
    CHECK(refused.error().code() == errc::bad_setting);
}

TEST_CASE("postgres pool: a server without room for one more session is waited for") {
    if (!has_postgres()) return;
    const postgres_database database{postgres_database::content::empty};
    const auto role = database.name() + "_role";
    postgres_connection{server()}.execute("CREATE ROLE " + role +
                                          " LOGIN PASSWORD 'p' CONNECTION LIMIT 1");
    auto options = database.options();
    options.url += options.url.find('?') == std::string::npos ? "?" : "&";
    options.url += "user=" + role + "&password=p";
    postgres_pool pool{options};
    const auto one = take(pool);
    const auto refused = pool.acquire(in(100ms));
    REQUIRE(refused.has_error());
    CHECK(refused.error().code() == errc::unavailable);
    CHECK(refused.error().message().find("53300") != std::string::npos);
}

TEST_CASE("postgres pool: stopped, it refuses") {
    postgres_pool pool{{.url = "postgres://u@127.0.0.1:1/d"}};
    pool.stop();
    const auto refused = pool.acquire(in(1h));
    REQUIRE(refused.has_error());
    CHECK(refused.error().code() == errc::shutting_down);
}

TEST_CASE("postgres calls: a lost answer is asked for again by a read, and unknown to a write") {
    if (!has_postgres()) return;
    postgres_calls calls{server()};
    auto runs = std::make_shared<int>(0);
    const std::function<result<int>(postgres_connection&)> ends_its_session_once =
        [runs](postgres_connection& c) -> result<int> {
        if (++*runs == 1) c.run("SELECT pg_terminate_backend(pg_backend_pid())");
        return *runs;
    };
    SUBCASE("read") {
        const auto answer = run(calls.read<int>(ends_its_session_once));
        REQUIRE(answer.has_value());
        CHECK(*answer == 2);
    }
    SUBCASE("write") {
        const auto answer = run(calls.write<int>(ends_its_session_once));
        REQUIRE(answer.has_error());
        CHECK(answer.error().code() == errc::unknown_outcome);
        CHECK(*runs == 1);
    }
}

TEST_CASE("postgres calls: what the database undid in favour of another is sent again") {
    if (!has_postgres()) return;
    postgres_calls calls{server()};
    auto runs = std::make_shared<int>(0);
    const auto answer = run(calls.write<int>([runs](postgres_connection& c) -> result<int> {
        if (++*runs < 3) {
            c.execute("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$");
        }
        return *runs;
    }));
    REQUIRE(answer.has_value());
    CHECK(*answer == 3);
}

TEST_CASE("postgres calls: a server that takes no writes any more is left for the one that does") {
    if (!has_postgres()) return;
    postgres_calls calls{server()};
    auto seen = std::make_shared<std::set<int>>();
    const auto answer = run(calls.write<int>([seen](postgres_connection& c) -> result<int> {
        seen->insert(c.backend());
        if (seen->size() == 1) {
            c.execute("SET default_transaction_read_only = on");
            c.execute("CREATE TABLE refused(id int)");
        }
        return static_cast<int>(seen->size());
    }));
    REQUIRE(answer.has_value());
    CHECK(*answer == 2);
}

TEST_CASE("postgres calls: one that no connection is free for is overloaded at its deadline") {
    if (!has_postgres()) return;
    auto options = server();
    options.connections_max = 1;
    options.acquire_timeout = 50ms;
    postgres_calls calls{options};
    std::promise<void> is_in;
    std::promise<void> may_go;
    const std::function<result<int>(postgres_connection&)> hold =
        [&is_in, goes = may_go.get_future().share()](postgres_connection&) -> result<int> {
        is_in.set_value();
        goes.wait();
        return 1;
    };
    std::thread holder{[&] { CHECK(run(calls.read<int>(hold)).has_value()); }};
    is_in.get_future().wait();
    const auto late = run(calls.read<int>([](postgres_connection&) -> result<int> { return 2; }));
    CHECK(calls.count().timed_out == 1);
    may_go.set_value();
    holder.join();
    REQUIRE(late.has_error());
    CHECK(late.error().code() == errc::overloaded);
    CHECK(late.error().message().find("postgres.connections_max") != std::string::npos);
}

TEST_CASE("postgres calls: one call too many is overloaded at once") {
    auto options = postgres_options{.url = "postgres://u@127.0.0.1:1/d", .calls_queued_max = 0};
    postgres_calls calls{options};
    const auto refused =
        run(calls.read<int>([](postgres_connection&) -> result<int> { return 1; }));
    REQUIRE(refused.has_error());
    CHECK(refused.error().code() == errc::overloaded);
}
