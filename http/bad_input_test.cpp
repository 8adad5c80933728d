// Every row is a connection of its own: bytes as they are sent, the status they get, and always a
// closed connection afterwards, because where the next request would start is not known.
#include "tidemark/http/test_listener.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace tidemark;
using namespace tidemark::http;
using namespace std::chrono_literals;
using testing::listener;
using testing::raw_socket;
using testing::status_of;

namespace {

awaitable<response> echo(request r) { co_return text(200, r.body); }

router echoing() {
    router out;
    out.get("/", echo).post("/", echo).get("/orders/{id}", echo);
    return out;
}

server_options impatient() {
    server_options out;
    out.limits.header_timeout = 50ms;
    out.limits.body_timeout = 50ms;
    out.limits.linger_timeout = 50ms;
    return out;
}

struct row {
    std::string_view name;
    std::string bytes;
    int status;
};

std::string get_with(std::string_view lines) {
    return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string{lines} + "\r\n";
}

std::string post_with(std::string_view lines, std::string_view body = {}) {
    return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string{lines} + "\r\n" + std::string{body};
}

std::string target(std::string_view text) {
    return "GET " + std::string{text} + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

std::string bytes(std::string_view text) { return std::string{text}; }

void check_refused(const row& r) {
    CAPTURE(r.name);
    listener on{echoing()};
    raw_socket peer{on.port()};
    peer.send(r.bytes);
    const auto answer = peer.read_until("\r\n\r\n");
    CHECK(status_of(answer) == r.status);
    CHECK(answer.find("Connection: close") != std::string::npos);
    const auto body = peer.read_all();
    CHECK(body.find("\"code\":") != std::string::npos);
    CHECK(body.find("X-Request-ID: ") == std::string::npos);
    CHECK(on.exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
              .starts_with("HTTP/1.1 200"));
}

void check_all(std::initializer_list<row> rows) {
    for (const auto& r : rows) check_refused(r);
}

}  // namespace

TEST_CASE("bad input: request lines") {
    check_all({
        {"HTTP/0.9", "GET /\r\n", 400},
        {"line over 8 KiB", "GET /" + std::string(8200, 'a') + " HTTP/1.1\r\n", 414},
        {"line over 8 KiB without an end", "GET /" + std::string(9000, 'a'), 414},
        {"unknown method", "FOO / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"lower-case method", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"HTTP/3 in words", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
        {"no version number", "GET / HTTP/x\r\n\r\n", 400},
        {"TLS hello", bytes("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 400},
        {"leading blank", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"leading empty line", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"two blanks", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"trailing blank", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
        {"tab for blank", "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"NUL in the target", std::string{"GET /\0a HTTP/1.1\r\nHost: a\r\n\r\n", 29}, 400},
        {"bare LF", "GET / HTTP/1.1\nHost: a\n\n", 400},
        {"bare CR", "GET / HTTP/1.1\rHost: a\r\r\n", 400},
    });
}

TEST_CASE("bad input: targets") {
    check_all({
        {"absolute form", target("http://a/"), 400},
        {"authority form", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"plain traversal", target("/orders/../../etc/passwd"), 400},
        {"encoded traversal", target("/orders/..%2f..%2fetc"), 400},
        {"encoded dots", target("/orders/%2e%2e"), 400},
        {"encoded backslash", target("/orders/..%5c"), 400},
        {"encoded NUL", target("/orders/a%00b"), 400},
        {"overlong slash", target("/orders/%c0%af"), 400},
        {"broken encoding", target("/orders/%zz"), 400},
        {"cut encoding", target("/orders/%2"), 400},
        {"raw bytes above ASCII", target("/orders/\xff"), 400},
        {"fragment", target("/orders/1#a"), 400},
    });
}

TEST_CASE("bad input: header blocks") {
    std::string many;
    for (int i = 0; i < 101; ++i) many += "X-" + std::to_string(i) + ": a\r\n";
    check_all({
        {"over 8 KiB", get_with("X: " + std::string(8200, 'a') + "\r\n"), 431},
        {"over 8 KiB without an end", "GET / HTTP/1.1\r\nX: " + std::string(9000, 'a'), 431},
        {"over 100 fields", get_with(many), 431},
        {"folded line", get_with("X: a\r\n b\r\n"), 400},
        {"blank before the colon", get_with("X : a\r\n"), 400},
        {"no colon", get_with("X\r\n"), 400},
        {"no name", get_with(": a\r\n"), 400},
        {"NUL in a value", get_with(std::string_view{"X: a\0b\r\n", 8}), 400},
        {"bare CR in a value", get_with("X: a\rb\r\n"), 400},
        {"bare LF between fields", get_with("X: a\nY: b\r\n"), 400},
        {"control character in a name", get_with("X\x01: a\r\n"), 400},
        {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
        {"two Hosts", get_with("Host: b\r\n"), 400},
        {"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        {"Upgrade", get_with("Connection: Upgrade\r\nUpgrade: h2c\r\n"), 501},
        {"unknown expectation", post_with("Expect: 200-ok\r\nContent-Length: 1\r\n"), 417},
    });
}

TEST_CASE("bad input: framing that two parsers could read differently") {
    check_all({
        {"length and chunks",
         post_with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
        {"chunks and length",
         post_with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), 400},
        {"two lengths", post_with("Content-Length: 1\r\nContent-Length: 2\r\n", "aa"), 400},
        {"the same length twice", post_with("Content-Length: 1\r\nContent-Length: 1\r\n", "a"),
         400},
        {"length list", post_with("Content-Length: 1, 1\r\n", "a"), 400},
        {"length +5", post_with("Content-Length: +5\r\n", "aaaaa"), 400},
        {"length -1", post_with("Content-Length: -1\r\n"), 400},
        {"length 0x5", post_with("Content-Length: 0x5\r\n", "aaaaa"), 400},
        {"length with blanks before", post_with("Content-Length:  5\r\n", "aaaaa"), 400},
        {"length with a blank behind", post_with("Content-Length: 5 \r\n", "aaaaa"), 400},
        {"empty length", post_with("Content-Length:\r\n"), 400},
        {"length overflow", post_with("Content-Length: 18446744073709551616\r\n"), 400},
        {"two codings", post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
         400},
        {"unknown coding", post_with("Transfer-Encoding: gzip, chunked\r\n"), 501},
        {"disguised coding", post_with("Transfer-Encoding: xchunked\r\n"), 501},
        {"chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         400},
    });
}

TEST_CASE("bad input: bodies") {
    const std::string chunked = "Transfer-Encoding: chunked\r\n";
    check_all({
        {"over the limit, announced", post_with("Content-Length: 262145\r\n"), 413},
        {"over the limit, with 100-continue",
         post_with("Content-Length: 262145\r\nExpect: 100-continue\r\n"), 413},
        {"over the limit, absurdly", post_with("Content-Length: 18446744073709551615\r\n"), 413},
        {"over the limit, in chunks",
         post_with(chunked, "40001\r\n" + std::string(262145, 'a') + "\r\n0\r\n\r\n"), 413},
        {"chunk extension of 1 MiB",
         post_with(chunked, "1;a=" + std::string(1024 * 1024, 'b') + "\r\na\r\n0\r\n\r\n"), 400},
        {"chunk size overflow", post_with(chunked, "fffffffffffffffff\r\na\r\n0\r\n\r\n"), 400},
        {"chunk size not hexadecimal", post_with(chunked, "xyz\r\na\r\n0\r\n\r\n"), 400},
        {"chunk size with sign", post_with(chunked, "+1\r\na\r\n0\r\n\r\n"), 400},
        {"chunk size with 0x", post_with(chunked, "0x1\r\na\r\n0\r\n\r\n"), 400},
        {"chunk without its CRLF", post_with(chunked, "1\r\nab0\r\n\r\n"), 400},
        {"bare LF behind a chunk size", post_with(chunked, "1\na\n0\n\n"), 400},
    });
}

TEST_CASE("bad input: a body that was over the limit is refused before it is read") {
    listener on{echoing()};
    raw_socket peer{on.port()};
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
    CHECK(status_of(peer.read_all()) == 413);
    REQUIRE(on.seen().size() == 1);
    CHECK(on.seen().front().status == 413);
}

TEST_CASE("bad input: trailers cannot become headers") {
    listener on{echoing()};
    const auto answer = on.exchange(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        "1\r\na\r\n0\r\nX-Request-ID: forged\r\n\r\n");
    CHECK(status_of(answer) == 200);
    CHECK(answer.find("forged") == std::string::npos);
}

TEST_CASE("bad input: a head that does not come to its end is a 408") {
    listener on{echoing(), impatient()};
    raw_socket peer{on.port()};
    peer.send("GET / HTTP/1.1\r\nHo");
    CHECK(status_of(peer.read_all()) == 408);
}

TEST_CASE("bad input: a head sent byte by byte has no longer than any other") {
    listener on{echoing(), impatient()};
    raw_socket peer{on.port()};
    const std::string head = "GET / HTTP/1.1\r\nX: " + std::string(4000, 'a');
    // Whoever waits for the header timeout anew at each byte takes all of these.
    std::size_t taken = 0;
    for (const auto c : head) {
        if (!peer.send({&c, 1})) break;
        ++taken;
        raw_socket pace{on.port()};
        pace.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        pace.read_all();
        if (!on.seen().empty() && on.seen().back().status == 408) break;
    }
    CHECK(taken < head.size());
    CHECK(status_of(peer.read_all()) == 408);
}

TEST_CASE("bad input: a body that does not come to its end is a 408") {
    listener on{echoing(), impatient()};
    raw_socket peer{on.port()};
    peer.send(post_with("Content-Length: 10\r\n", "abc"));
    CHECK(status_of(peer.read_all()) == 408);
}

TEST_CASE("bad input: who connects and says nothing is closed without an answer") {
    listener on{echoing(), impatient()};
    raw_socket peer{on.port()};
    CHECK(peer.read_all().empty());
    CHECK(on.seen().empty());
}

TEST_CASE("bad input: a reader that takes nothing is closed") {
    router routes;
    routes.get("/", [](request) -> awaitable<response> {
        co_return text(200, std::string(64 * 1024 * 1024, 'a'));
    });
    server_options options;
    options.limits.write_timeout = 50ms;
    listener on{std::move(routes), std::move(options)};
    raw_socket peer{on.port(), 4096};
    peer.send(get_with(""));
    CHECK(on.answered("/").bytes_sent < 64 * 1024 * 1024);
    const auto got = peer.read_all();
    CHECK(got.size() < 64 * 1024 * 1024);
}
