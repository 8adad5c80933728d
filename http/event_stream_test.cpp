#include "tidemark/http/event_stream.hpp"

#include "tidemark/http/client.hpp"
#include "tidemark/http/test_listener.hpp"

#include <doctest/doctest.h>

#include <future>
#include <stdexcept>
#include <string>

using namespace tidemark;
using namespace tidemark::http;
using namespace std::chrono_literals;
using testing::listener;
using testing::raw_socket;
using testing::status_of;

namespace {

/// A log of `last` numbered events, yielded from behind the reader's Last-Event-ID.
awaitable<void> number(event_stream& into, int last) {
    auto at = into.last_event_id().empty() ? 0 : std::stoi(into.last_event_id());
    for (++at; at <= last; ++at) {
        sse_event e;
        e.id = std::to_string(at);
        e.content = "n" + e.id;
        const auto is_taken = co_await into.push(std::move(e));
        if (!is_taken) co_return;
    }
}

/// Sleeps until it is cancelled; tells when it begins and how it ends.
struct sleeper {
    event begun, ended, never;
    static awaitable<void> sleep(sleeper* self) {
        self->begun.notify();
        bool was_cancelled = false;
        try {
            co_await self->never.wait();
        } catch (const std::exception&) {
            was_cancelled = true;
        }
        if (was_cancelled) self->ended.notify();
    }
};

awaitable<response> stream_of(event_producer producer) { co_return stream(std::move(producer)); }

router with_stream(event_producer producer) {
    router out;
    out.get("/events", [producer = std::move(producer)](request) { return stream_of(producer); });
    return out;
}

awaitable<void> fill_without_waiting(event_stream& into) {
    const sse_event e{"", "", std::string(1000, 'a')};
    while (into.try_push(e)) {
    }
    co_return;
}

awaitable<void> fail(event_stream&) {
    throw std::runtime_error{"no log"};
    co_return;
}

constexpr std::string_view ask = "GET /events HTTP/1.1\r\nHost: a\r\n";

}  // namespace

TEST_CASE("event stream: events come as they are yielded, then the stream ends in order") {
    listener on{with_stream([](event_stream& s) { return number(s, 3); })};
    raw_socket peer{on.port()};
    peer.send(std::string{ask} + "\r\n");
    const auto answer = peer.read_all();
    CHECK(status_of(answer) == 200);
    CHECK(answer.find("Content-Type: text/event-stream\r\n") != std::string::npos);
    CHECK(answer.find("id: 1\ndata: n1\n\nid: 2\ndata: n2\n\nid: 3\ndata: n3\n\n") !=
          std::string::npos);
    CHECK(answer.ends_with("\r\n0\r\n\r\n"));
}

TEST_CASE("event stream: HTTP/1.0 gets it without chunks") {
    listener on{with_stream([](event_stream& s) { return number(s, 1); })};
    const auto answer = on.exchange("GET /events HTTP/1.0\r\n\r\n");
    CHECK(answer.find("chunked") == std::string::npos);
}

TEST_CASE("event stream: a client follows it, and goes on behind its Last-Event-ID") {
    listener on{with_stream([](event_stream& s) { return number(s, 5000); })};
    blocking_client client;
    outgoing o;
    o.url = "http://127.0.0.1:" + std::to_string(on.port()) + "/events";
    o.headers.add("Last-Event-ID", "10");
    int at = 10;
    bool is_in_order = true;
    const auto ended = client.follow(o, [&](const sse_event& e) {
        is_in_order = is_in_order && e.id == std::to_string(at + 1);
        ++at;
        return true;
    });
    CHECK(ended.has_value());
    CHECK(is_in_order);
    CHECK(at == 5000);
}

TEST_CASE("event stream: a silent stream says that it lives") {
    sleeper s;
    server_options options;
    options.limits.stream.heartbeat = 5ms;
    listener on{with_stream([&](event_stream&) { return sleeper::sleep(&s); }), options};
    raw_socket peer{on.port()};
    peer.send(std::string{ask} + "\r\n");
    CHECK(peer.read_until(": heartbeat\n\n").ends_with(": heartbeat\n\n"));
    CHECK(peer.read_until(": heartbeat\n\n").ends_with(": heartbeat\n\n"));
}

TEST_CASE("event stream: a client that leaves ends the producer's wait") {
    sleeper s;
    listener on{with_stream([&](event_stream&) { return sleeper::sleep(&s); })};
    {
        raw_socket peer{on.port()};
        peer.send(std::string{ask} + "\r\n");
        run(on.threads(), s.begun.wait());
        CHECK(on->counts().streams == 1);
    }
    run(on.threads(), s.ended.wait());
    CHECK(on.answered("/events").status == 200);
    CHECK(on->counts().streams == 0);
}

TEST_CASE("event stream: drain ends it in order") {
    sleeper s;
    listener on{with_stream([&](event_stream&) { return sleeper::sleep(&s); })};
    raw_socket peer{on.port()};
    peer.send(std::string{ask} + "\r\n");
    run(on.threads(), s.begun.wait());
    const auto report = run(on.threads(), on->drain(10s));
    CHECK(report.streams_ended == 1);
    CHECK(report.connections_cut == 0);
    CHECK(peer.read_all().ends_with("0\r\n\r\n"));
    run(on.threads(), s.ended.wait());
}

TEST_CASE("event stream: try_push closes a stream whose reader lags too far behind") {
    server_options options;
    options.limits.stream.events_max = 10;
    listener on{with_stream([](event_stream& s) { return fill_without_waiting(s); }), options};
    const auto answer = on.exchange(std::string{ask} + "\r\n");
    CHECK_FALSE(answer.ends_with("0\r\n\r\n"));
    CHECK(on.answered("/events").failure == "the reader lagged behind the event stream");
}

TEST_CASE("event stream: a reader that takes nothing is closed, however patient the producer") {
    server_options options;
    options.limits.write_timeout = 50ms;
    listener on{with_stream([](event_stream& s) { return number(s, 100'000'000); }), options};
    raw_socket peer{on.port(), 4096};
    peer.send(std::string{ask} + "\r\n");
    CHECK(on.answered("/events").failure == "the reader took nothing in time");
    CHECK(on->counts().streams == 0);
}

TEST_CASE("event stream: a producer that throws ends its stream alone") {
    listener on{with_stream(fail)};
    const auto answer = on.exchange(std::string{ask} + "\r\n");
    CHECK_FALSE(answer.ends_with("0\r\n\r\n"));
    CHECK(on.answered("/events").failure == "event producer threw: no log");
}

TEST_CASE("event stream: one stream more than allowed is a 429 that may be repeated") {
    server_options options;
    options.limits.streams_max = 0;
    listener on{with_stream(fail), options};
    const auto answer = on.exchange(std::string{ask} + "\r\n");
    CHECK(status_of(answer) == 429);
    CHECK(answer.find("Retry-After: 1\r\n") != std::string::npos);
}
