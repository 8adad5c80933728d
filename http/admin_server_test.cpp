#include "tidemark/http/admin_server.hpp"

#include "tidemark/http/test_listener.hpp"

#include <doctest/doctest.h>
#include <boost/asio/this_coro.hpp>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>

using namespace tidemark;
using namespace tidemark::http;
using namespace std::chrono_literals;
using testing::raw_socket;
using testing::status_of;

namespace {

awaitable<result<void>> pass() { co_return result<void>{}; }
awaitable<result<void>> fail(std::string why) { co_return error{errc::unavailable, why}; }
awaitable<result<void>> fail_by_throwing() {
    throw std::runtime_error{"no driver"};
    co_return result<void>{};
}
awaitable<result<void>> hang(event* never) {
    co_await never->wait();
    co_return result<void>{};
}
/// Does not let itself be cancelled, as a driver stuck in a system call. Let go once, it stays so:
/// the check may ask again before it is drained.
struct stuck_driver {
    event until;
    std::atomic<bool> is_free{false};

    static awaitable<result<void>> ask(stuck_driver* self) {
        co_await boost::asio::this_coro::reset_cancellation_state(
            boost::asio::disable_cancellation());
        if (!self->is_free) co_await self->until.wait();
        co_return result<void>{};
    }
    void let_go() {
        is_free = true;
        until.notify();
    }
};

health_check check(std::string name, std::function<awaitable<result<void>>()> ask) {
    health_check out;
    out.name = std::move(name);
    out.ask = std::move(ask);
    out.period = 1ms;
    out.patience = 20ms;
    return out;
}

awaitable<response> told() { co_return json(200, "[]"); }

/// An admin listener with its checks; both drained when the test ends.
struct operators {
    io threads{{.shards = 1, .blocking_threads = 1}};
    health checks{threads, threads.shard(0)};
    std::unique_ptr<admin_server> server;

    void start(admin_options options = {}) {
        router routes;
        routes.get("/admin/v1/streams", [](request) { return told(); });
        server = std::make_unique<admin_server>(threads, threads.shard(0), checks,
                                                std::move(routes), std::move(options));
        REQUIRE(server->listen().has_value());
        checks.start();
    }
    ~operators() {
        run(threads, checks.drain());
        if (server) run(threads, server->drain(5s));
    }
    std::string get(std::string_view path, std::string_view host = "localhost",
                    std::string_view lines = {}) {
        raw_socket peer{server->port()};
        peer.send("GET " + std::string{path} + " HTTP/1.1\r\nHost: " + std::string{host} + "\r\n" +
                  std::string{lines} + "Connection: close\r\n\r\n");
        return peer.read_all();
    }
    /// Asks until the answer has `mark`.
    std::string get_until(std::string_view path, std::string_view mark) {
        for (int i = 0; i < 10'000; ++i) {
            const auto answer = get(path);
            if (answer.find(mark) != std::string::npos) return answer;
        }
        return {};
    }
};

}  // namespace

TEST_CASE("admin: ready when started and every critical check passes") {
    operators o;
    o.checks.add(check("store", pass));
    auto bus = check("bus", [] { return fail("broker is away"); });
    bus.is_critical = false;
    o.checks.add(std::move(bus));
    o.start();
    CHECK(status_of(o.get("/startupz")) == 503);
    CHECK(o.get("/readyz").find(R"("status":"starting")") != std::string::npos);
    o.checks.set_started();
    CHECK(status_of(o.get("/startupz")) == 200);
    const auto answer = o.get_until("/readyz", "broker is away");
    CHECK(status_of(o.get_until("/readyz", R"("status":"ready")")) == 200);
    CHECK(answer.find(R"({"name":"bus","status":"failing","critical":false)") != std::string::npos);
}

TEST_CASE("admin: a failing or throwing critical check is not ready, yet alive") {
    operators o;
    o.checks.add(check("store", [] { return fail("disk is gone"); }));
    o.checks.add(check("driver", fail_by_throwing));
    o.checks.set_started();
    o.start();
    const auto answer = o.get_until("/readyz", "no driver");
    CHECK(status_of(answer) == 503);
    CHECK(answer.find("disk is gone") != std::string::npos);
    CHECK(answer.find("Retry-After: 1\r\n") != std::string::npos);
    CHECK(status_of(o.get("/livez")) == 200);
}

TEST_CASE("admin: a dependency that hangs fails its check and delays no probe") {
    event never;
    stuck_driver driver;
    operators o;
    o.checks.add(check("soft", [&] { return hang(&never); }));
    o.checks.add(check("hard", [&] { return stuck_driver::ask(&driver); }));
    o.checks.set_started();
    o.start();
    CHECK(status_of(o.get("/livez")) == 200);
    const auto answer = o.get_until("/readyz", R"({"name":"hard","status":"failing","critical":)"
                                               R"(true,"reason":"no answer within)");
    INFO(o.get("/readyz"));
    CHECK(status_of(answer) == 503);
    driver.let_go();
}

TEST_CASE("admin: not ready from the start of a drain, alive until its end") {
    operators o;
    o.checks.set_started();
    o.start();
    CHECK(status_of(o.get("/readyz")) == 200);
    o.checks.set_draining();
    const auto answer = o.get("/readyz");
    CHECK(status_of(answer) == 503);
    CHECK(answer.find(R"("status":"draining")") != std::string::npos);
    CHECK(status_of(o.get("/livez")) == 200);
    CHECK(status_of(o.get("/startupz")) == 200);
}

TEST_CASE("admin: metrics, version and mounted routes") {
    operators o;
    admin_options options;
    options.metrics = [] { return std::string{"up 1\n"}; };
    options.version_json = R"({"version":"0.1.0"})";
    o.start(std::move(options));
    const auto metrics = o.get("/metrics");
    CHECK(metrics.ends_with("\r\n\r\nup 1\n"));
    CHECK(metrics.find("Content-Type: text/plain; version=0.0.4") != std::string::npos);
    CHECK(o.get("/version").ends_with(R"({"version":"0.1.0"})"));
    CHECK(o.get("/admin/v1/streams").ends_with("[]"));
}

TEST_CASE("admin: only hosts of ours are answered, so that no other site's page gets in") {
    operators o;
    admin_options options;
    options.hosts = {"ops.example"};
    o.start(std::move(options));
    for (const auto host :
         {"localhost", "LOCALHOST:8081", "127.0.0.1:8081", "[::1]:8081", "ops.example"}) {
        CAPTURE(host);
        CHECK(status_of(o.get("/livez", host)) == 200);
    }
    for (const auto host : {"evil.example", "localhost.evil.example", "127.0.0.1.nip.example",
                            "[::2]", "", "0.0.0.0"}) {
        CAPTURE(host);
        const auto answer = o.get("/livez", host);
        CHECK(status_of(answer) == 403);
        CHECK(answer.find(R"("code":"forbidden_host")") != std::string::npos);
    }
    CHECK(status_of(o.get("/livez", "localhost", "Origin: http://evil.example\r\n")) == 403);
    CHECK(status_of(o.get("/livez", "localhost", "Origin: null\r\n")) == 403);
    CHECK(status_of(o.get("/livez", "localhost", "Origin: http://localhost:8081\r\n")) == 200);
}

TEST_CASE("health: a check is there once") {
    io threads{{.shards = 1, .blocking_threads = 1}};
    health checks{threads, threads.shard(0)};
    checks.add(check("store", pass));
    CHECK_THROWS_AS(checks.add(check("store", pass)), std::invalid_argument);
}
