#include "tidemark/http/server.hpp"

#include "tidemark/async/spawn.hpp"
#include "tidemark/http/test_listener.hpp"

#include <doctest/doctest.h>

#include <future>
#include <string>
#include <vector>

using namespace tidemark;
using namespace tidemark::http;
using namespace std::chrono_literals;
using testing::listener;
using testing::raw_socket;
using testing::status_of;

namespace {

awaitable<response> echo(request r) {
    auto out = text(200, std::string{to_string(r.method)} + " " + r.path + " " + r.body);
    out.headers.add("X-Seen-ID", r.request_id);
    co_return out;
}

awaitable<response> fail(request) {
    throw std::runtime_error{"out of cheese"};
    co_return no_content();
}

router plain() {
    router out;
    out.get("/a", echo).post("/a", echo).get("/a/{id}", echo).get("/broken", fail);
    return out;
}

std::string get(std::string_view path, std::string_view lines = {}) {
    return "GET " + std::string{path} + " HTTP/1.1\r\nHost: a\r\n" + std::string{lines} + "\r\n";
}

/// An action that waits until it is let go; tells when it was entered.
struct turnstile {
    event entered, go;
    static awaitable<response> pass(turnstile* self) {
        self->entered.notify();
        co_await self->go.wait();
        co_return text(200, "through");
    }
    [[nodiscard]] action as_action() {
        return [this](request) { return pass(this); };
    }
};

}  // namespace

TEST_CASE("server: a request is answered with its length, id and security headers") {
    listener on{plain()};
    raw_socket peer{on.port()};
    peer.send(get("/a?x=1", "X-Request-ID: order-7\r\n"));
    const auto answer = peer.read_answer();
    CHECK(status_of(answer) == 200);
    CHECK(answer.ends_with("\r\n\r\nGET /a "));
    for (const auto line :
         {"Content-Length: 7\r\n", "X-Request-ID: order-7\r\n", "X-Seen-ID: order-7\r\n",
          "X-Content-Type-Options: nosniff\r\n", "Cache-Control: no-store\r\n", "\r\nDate: ",
          "Content-Security-Policy: default-src 'none'", "Referrer-Policy: no-referrer\r\n"}) {
        CAPTURE(line);
        CHECK(answer.find(line) != std::string::npos);
    }
    CHECK(answer.find("Connection: close") == std::string::npos);
}

TEST_CASE("server: a request id that is missing or not printable is replaced by a UUID") {
    listener on{plain()};
    for (const auto line : {"", "X-Request-ID: a b\r\n", "X-Request-ID: \r\n"}) {
        raw_socket peer{on.port()};
        peer.send(get("/a", line));
        const auto answer = peer.read_answer();
        const auto at = answer.find("X-Request-ID: ");
        REQUIRE(at != std::string::npos);
        CHECK(message_id::parse(answer.substr(at + 14, 36)));
    }
}

TEST_CASE("server: a connection is kept for the next request, up to its limit") {
    server_options options;
    options.limits.requests_per_connection_max = 3;
    listener on{plain(), std::move(options)};
    raw_socket peer{on.port()};
    for (int i = 0; i < 3; ++i) {
        peer.send(get("/a"));
        const auto answer = peer.read_answer();
        CHECK(status_of(answer) == 200);
        CHECK((answer.find("Connection: close") != std::string::npos) == (i == 2));
    }
    CHECK(peer.is_at_end());
    CHECK(on->counts().connections_accepted == 1);
}

TEST_CASE("server: pipelined requests are answered in their order") {
    listener on{plain()};
    raw_socket peer{on.port()};
    std::string all;
    for (int i = 0; i < 999; ++i) all += get("/a/" + std::to_string(i));
    auto sending = std::async(std::launch::async, [&] { return peer.send(all); });
    for (int i = 0; i < 999; ++i) {
        REQUIRE(peer.read_answer().ends_with("GET /a/" + std::to_string(i) + " "));
    }
    CHECK(sending.get());
}

TEST_CASE("server: HEAD has the headers of GET and no body") {
    listener on{plain()};
    const auto answer = on.exchange("HEAD /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    CHECK(answer.find("Content-Length: 8\r\n") != std::string::npos);
    CHECK(answer.ends_with("\r\n\r\n"));
}

TEST_CASE("server: bodies come by length, in chunks and in pieces") {
    listener on{plain()};
    raw_socket peer{on.port()};
    peer.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    CHECK(peer.read_answer().ends_with("POST /a hello"));
    peer.send("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    peer.send("3;x=y\r\nhel\r\n");
    peer.send("2\r\nlo\r\n0\r\n\r\n");
    CHECK(peer.read_answer().ends_with("POST /a hello"));
    peer.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 262144\r\n\r\n");
    peer.send(std::string(262144, 'b'));
    CHECK(peer.read_answer().size() > 262144);
}

TEST_CASE("server: 100-continue is given to who waits for it") {
    listener on{plain()};
    raw_socket peer{on.port()};
    peer.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    CHECK(peer.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
    peer.send("ok");
    CHECK(peer.read_answer().ends_with("POST /a ok"));
}

TEST_CASE("server: HTTP/1.0 is answered and closed") {
    listener on{plain()};
    raw_socket peer{on.port()};
    peer.send("GET /a HTTP/1.0\r\n\r\n");
    const auto answer = peer.read_all();
    CHECK(status_of(answer) == 200);
    CHECK(answer.find("Connection: close\r\n") != std::string::npos);
}

TEST_CASE("server: an action that throws is a 500 problem, one record, and a living connection") {
    listener on{plain()};
    raw_socket peer{on.port()};
    peer.send(get("/broken", "X-Request-ID: r1\r\n"));
    const auto answer = peer.read_answer();
    CHECK(status_of(answer) == 500);
    CHECK(answer.find("Content-Type: application/problem+json\r\n") != std::string::npos);
    CHECK(answer.find(R"("code":"user_code_threw")") != std::string::npos);
    CHECK(answer.find(R"("instance":"/broken")") != std::string::npos);
    CHECK(answer.find(R"("request_id":"r1")") != std::string::npos);
    CHECK(answer.find("cheese") == std::string::npos);
    peer.send(get("/a"));
    CHECK(status_of(peer.read_answer()) == 200);
    const auto seen = on.answered("/broken");
    CHECK(seen.failure == "action of /broken threw: out of cheese");
    CHECK(seen.request_id == "r1");
}

TEST_CASE("server: admit answers before any route does") {
    server_options options;
    options.admit = [](const request& r) -> std::optional<response> {
        if (r.headers.contains("X-Key")) return std::nullopt;
        return refuse(make_problem("forbidden_host", "no key"));
    };
    listener on{plain(), std::move(options)};
    CHECK(status_of(on.exchange(get("/a"))) == 403);
    CHECK(status_of(on.exchange(get("/a", "X-Key: 1\r\n"))) == 200);
}

TEST_CASE("server: a taken port is refused by port and flag") {
    listener first{plain()};
    server_options options;
    options.listen.port = first.port();
    options.listen.flag = "--admin-port";
    server second{first.threads(), first.threads().shard(0), plain(), std::move(options)};
    const auto outcome = second.listen();
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code() == errc::io_error);
    CHECK(outcome.error().message().find(std::to_string(first.port())) != std::string::npos);
    CHECK(outcome.error().message().find("--admin-port") != std::string::npos);
}

TEST_CASE("server: an address that is none is a bad setting") {
    io threads{{.shards = 1, .blocking_threads = 1}};
    server_options options;
    options.listen.address = "nowhere";
    server on{threads, threads.shard(0), plain(), std::move(options)};
    CHECK(on.listen().error().code() == errc::bad_setting);
}

TEST_CASE("server: one connection more than allowed is told 503 and closed") {
    server_options options;
    options.limits.connections_max = 1;
    listener on{plain(), std::move(options)};
    raw_socket first{on.port()};
    first.send(get("/a"));
    first.read_answer();
    raw_socket second{on.port()};
    const auto answer = second.read_all();
    CHECK(status_of(answer) == 503);
    CHECK(answer.find("Retry-After: 1") != std::string::npos);
    first.send(get("/a"));
    CHECK(status_of(first.read_answer()) == 200);
    CHECK(on->counts().connections_refused == 1);
}

TEST_CASE("server: one request more than allowed is a 429 that may be repeated") {
    turnstile gate;
    router routes;
    routes.get("/wait", gate.as_action());
    server_options options;
    options.limits.requests_max = 1;
    listener on{std::move(routes), std::move(options)};
    raw_socket first{on.port()};
    first.send(get("/wait"));
    run(on.threads(), gate.entered.wait());
    raw_socket second{on.port()};
    second.send(get("/wait"));
    const auto answer = second.read_answer();
    CHECK(status_of(answer) == 429);
    CHECK(answer.find("Retry-After: 1\r\n") != std::string::npos);
    gate.go.notify();
    CHECK(status_of(first.read_answer()) == 200);
    CHECK(on->counts().shed == 1);
}

TEST_CASE("server: an idle connection is closed after its time") {
    server_options options;
    options.limits.idle_timeout = 50ms;
    listener on{plain(), std::move(options)};
    raw_socket peer{on.port()};
    peer.send(get("/a"));
    peer.read_answer();
    CHECK(peer.is_at_end());
}

TEST_CASE("server: drain closes idle connections, lets requests finish and accepts no more") {
    turnstile gate;
    router routes = plain();
    routes.get("/wait", gate.as_action());
    listener on{std::move(routes)};
    raw_socket idle{on.port()};
    idle.send(get("/a"));
    idle.read_answer();
    raw_socket busy{on.port()};
    busy.send(get("/wait"));
    run(on.threads(), gate.entered.wait());
    auto draining =
        std::async(std::launch::async, [&] { return run(on.threads(), on->drain(10s)); });
    CHECK(idle.is_at_end());
    CHECK_FALSE(raw_socket{on.port()}.is_connected());
    gate.go.notify();
    const auto answer = busy.read_all();
    CHECK(answer.ends_with("through"));
    CHECK(answer.find("Connection: close") != std::string::npos);
    const auto report = draining.get();
    CHECK(report.idle_closed == 1);
    CHECK(report.requests_finished == 1);
    CHECK(report.connections_cut == 0);
    CHECK(report.left_behind == 0);
}

TEST_CASE("server: drain cuts what is not done in time and says so") {
    turnstile gate;
    router routes;
    routes.get("/wait", gate.as_action());
    listener on{std::move(routes)};
    raw_socket busy{on.port()};
    busy.send(get("/wait"));
    run(on.threads(), gate.entered.wait());
    const auto report = run(on.threads(), on->drain(20ms));
    CHECK(report.connections_cut == 1);
    CHECK(report.requests_finished == 0);
    CHECK(report.left_behind == 1);
    CHECK(busy.is_at_end());
    gate.go.notify();
    CHECK(run(on.threads(), on->drain(10s)).left_behind == 0);
}
