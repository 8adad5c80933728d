#include "tidemark/http/client.hpp"

#include "tidemark/http/test_listener.hpp"

#include <doctest/doctest.h>

#include <future>
#include <string>

using namespace tidemark;
using namespace tidemark::http;
using namespace std::chrono_literals;
using testing::listener;

namespace {

awaitable<response> echo(request r) {
    auto out = json(201, r.body);
    out.headers.add("X-Method", to_string(r.method));
    out.headers.add("X-Key", r.headers.find("Idempotency-Key").value_or("none"));
    co_return out;
}

awaitable<response> repeat(request r) {
    co_return text(200, std::string(std::stoul(r.parameter("size")), 'a'));
}

/// Never answers until its event is notified.
awaitable<response> hang(event* until) {
    co_await until->wait();
    co_return no_content();
}

router echoing() {
    router out;
    out.get("/echo", echo).post("/echo", echo).get("/bytes/{size}", repeat);
    return out;
}

outgoing to(const listener& on, std::string_view path, method m = method::get) {
    outgoing out;
    out.method = m;
    out.url = "http://127.0.0.1:" + std::to_string(on.port()) + std::string{path};
    return out;
}

}  // namespace

TEST_CASE("client: URLs are taken apart") {
    const auto full = parse_url("http://shop.test:8080/a/b?c=d#e");
    REQUIRE(full.has_value());
    CHECK(full->host == "shop.test");
    CHECK(full->port == 8080);
    CHECK(full->target == "/a/b?c=d");
    CHECK(parse_url("http://h")->target == "/");
    CHECK(parse_url("http://h?q")->target == "/?q");
    CHECK(parse_url("http://[::1]:81/")->host == "::1");
    CHECK(parse_url("http://[::1]:81/")->authority() == "[::1]:81");
    for (const auto bad :
         {"", "h", "ftp://h", "https://h", "http://", "http://:80", "http://h:0", "http://h:x",
          "http://h:70000", "http://h/a b", "http://u@h/", "http://h\r\n", "http://[::1"}) {
        CAPTURE(bad);
        const auto parsed = parse_url(bad);
        REQUIRE(parsed.has_error());
        CHECK(parsed.error().code() == errc::bad_setting);
    }
}

TEST_CASE("client: sends method, headers and body, and gets status, headers and body") {
    listener on{echoing()};
    blocking_client client;
    auto o = to(on, "/echo", method::post);
    o.headers.add("Idempotency-Key", "k1");
    o.body = R"({"a":1})";
    const auto got = client.fetch(o);
    REQUIRE(got.has_value());
    CHECK(got->status == 201);
    CHECK(got->body == R"({"a":1})");
    CHECK(got->headers.find("x-method") == "POST");
    CHECK(got->headers.find("x-key") == "k1");
}

TEST_CASE("client: a refusal is a reply, not an error") {
    listener on{echoing()};
    blocking_client client;
    const auto got = client.fetch(to(on, "/nothing"));
    REQUIRE(got.has_value());
    CHECK(got->status == 404);
    CHECK(got->headers.find("Content-Type") == "application/problem+json");
}

TEST_CASE("client: one connection serves one request after the other") {
    listener on{echoing()};
    blocking_client client;
    for (int i = 0; i < 5; ++i) REQUIRE(client.fetch(to(on, "/echo")).has_value());
    CHECK(on->counts().connections_accepted == 1);
}

TEST_CASE("client: a kept connection that the server closed is replaced unseen") {
    server_options options;
    options.limits.requests_per_connection_max = 2;
    listener on{echoing(), std::move(options)};
    blocking_client client;
    for (int i = 0; i < 6; ++i) REQUIRE(client.fetch(to(on, "/echo"))->status == 201);
    CHECK(on->counts().connections_accepted == 3);
}

TEST_CASE("client: HEAD has no body to wait for") {
    listener on{echoing()};
    blocking_client client;
    const auto got = client.fetch(to(on, "/bytes/10", method::head));
    REQUIRE(got.has_value());
    CHECK(got->body.empty());
    CHECK(got->headers.find("Content-Length") == "10");
    CHECK(client.fetch(to(on, "/bytes/10"))->body.size() == 10);
    CHECK(on->counts().connections_accepted == 1);
}

TEST_CASE("client: an answer over its limit is too large") {
    listener on{echoing()};
    blocking_client client{{.body_bytes_max = 1000}};
    CHECK(client.fetch(to(on, "/bytes/1000")).has_value());
    const auto got = client.fetch(to(on, "/bytes/1001"));
    REQUIRE(got.has_error());
    CHECK(got.error().code() == errc::too_large);
}

TEST_CASE("client: nobody there is unavailable, by name of the URL") {
    std::uint16_t free_port = 0;
    {
        listener on{echoing()};
        free_port = on.port();
    }
    blocking_client client;
    outgoing o;
    o.url = "http://localhost:" + std::to_string(free_port) + "/x";
    const auto got = client.fetch(o);
    REQUIRE(got.has_error());
    CHECK(got.error().code() == errc::unavailable);
    CHECK(got.error().message().find(o.url) != std::string::npos);
    CHECK(got.error().message().find("is the server running") != std::string::npos);
}

TEST_CASE("client: no answer in time is timed out for a GET, unknown for a POST") {
    event until_get, until_post;
    router routes;
    routes.get("/hang", [&](request) { return hang(&until_get); });
    routes.post("/hang", [&](request) { return hang(&until_post); });
    listener on{std::move(routes)};
    blocking_client client;
    auto o = to(on, "/hang");
    o.timeout = 50ms;
    CHECK(client.fetch(o).error().code() == errc::timed_out);
    o.method = method::post;
    CHECK(client.fetch(o).error().code() == errc::unknown_outcome);
    until_get.notify();
    until_post.notify();
}

TEST_CASE("client: what does not speak HTTP is an I/O error") {
    const auto fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    auto* address = reinterpret_cast<sockaddr*>(&at);
    REQUIRE(::bind(fd, address, size) == 0);
    REQUIRE(::listen(fd, 1) == 0);
    REQUIRE(::getsockname(fd, address, &size) == 0);
    auto speaking = std::async(std::launch::async, [fd] {
        const auto peer = ::accept(fd, nullptr, nullptr);
        char bytes[1024];
        const auto got = ::recv(peer, bytes, sizeof bytes, 0);
        const std::string_view banner = "SSH-2.0-none\r\n\r\n";
        const auto sent = ::send(peer, banner.data(), banner.size(), MSG_NOSIGNAL);
        ::close(peer);
        return got > 0 && sent > 0;
    });
    blocking_client client;
    outgoing o;
    o.url = "http://127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    const auto got = client.fetch(o);
    CHECK(speaking.get());
    ::close(fd);
    REQUIRE(got.has_error());
    CHECK(got.error().code() == errc::io_error);
}

TEST_CASE("client: a stream that is not there says what the server answered") {
    listener on{echoing()};
    blocking_client client;
    const auto got = client.follow(to(on, "/nothing"), [](const sse_event&) { return true; });
    REQUIRE(got.has_error());
    CHECK(got.error().code() == errc::not_found);
    CHECK(got.error().message().find("404") != std::string::npos);
}
