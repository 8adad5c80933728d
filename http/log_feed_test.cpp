#include "tidemark/http/log_feed.hpp"

#include "tidemark/eventstore/contract.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/http/test_listener.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <optional>
#include <string>

namespace {

using namespace tidemark;
using namespace tidemark::http;
using namespace std::chrono_literals;
using http::testing::listener;
using http::testing::raw_socket;

constexpr std::string_view ask = "GET /feed HTTP/1.1\r\nHost: here\r\n\r\n";

/// A log that can be out of reach.
class failing_storage : public memory_storage {
  public:
    using memory_storage::memory_storage;

    awaitable<result<event_page>> read_all(position after, std::size_t limit) override {
        ++reads;
        if (is_away) co_return error{errc::unavailable, "gone"};
        auto page = co_await memory_storage::read_all(after, limit);
        co_return page;
    }

    std::atomic<bool> is_away = false;
    std::atomic<int> reads = 0;
};

struct world {
    explicit world(told_as tell, position after = {}) {
        routes.get("/feed", [this, tell, after](request) { return answer(tell, after); });
        on.emplace(std::move(routes));
    }

    awaitable<response> answer(told_as tell, position after) {
        co_return stream([this, tell, after](event_stream& to) {
            return feed_log(to, log, on->threads(), after, tell);
        });
    }
    void append(std::size_t events) {
        auto batch = std::make_shared<const std::vector<append_request>>(
            1, tidemark::testing::request(tidemark::testing::account("ada"),
                                          expected_version::any(), events));
        (void)tidemark::testing::run(log.append(std::move(batch)));
    }

    real_clock time;
    failing_storage log{time};
    router routes;
    std::optional<listener> on;
};

std::optional<sse_event> as_id(const recorded_event& e) {
    return sse_event{std::to_string(e.position.value()), "", "stored"};
}

std::string told(int id) { return "id: " + std::to_string(id) + "\ndata: stored\n\n"; }

}  // namespace

TEST_CASE("log feed: what is stored comes first, then what is committed, each once") {
    world w{as_id, position{1}};
    w.append(2);
    raw_socket peer{w.on->port()};
    peer.send(ask);
    CHECK(peer.read_until(told(2)).find(told(1)) == std::string::npos);
    const auto reads = w.log.reads.load();
    w.append(1);
    w.append(1);
    const auto rest = peer.read_until(told(4));
    CHECK(rest.find(told(3)) < rest.find(told(4)));
    CHECK(rest.find(told(2)) == std::string::npos);
    CHECK_MESSAGE(w.log.reads <= reads + 8, "the log is read when something was committed");
}

TEST_CASE("log feed: more than a page comes whole and in order") {
    world w{as_id};
    w.append(450);
    raw_socket peer{w.on->port()};
    peer.send(ask);
    const auto all = peer.read_until(told(450));
    auto at = std::size_t{0};
    for (auto id = 1; id <= 450; ++id) {
        at = all.find(told(id), at);
        REQUIRE_MESSAGE(at != std::string::npos, id);
    }
}

TEST_CASE("log feed: what is not for the reader is passed over") {
    world w{[](const recorded_event& e) {
        return e.position.value() % 2 == 0 ? as_id(e) : std::nullopt;
    }};
    w.append(4);
    raw_socket peer{w.on->port()};
    peer.send(ask);
    const auto all = peer.read_until(told(4));
    CHECK(all.find(told(2)) != std::string::npos);
    CHECK(all.find(told(1)) == std::string::npos);
    CHECK(all.find(told(3)) == std::string::npos);
}

TEST_CASE("log feed: a log out of reach ends the stream in order") {
    world w{as_id};
    w.log.is_away = true;
    raw_socket peer{w.on->port()};
    peer.send(ask);
    CHECK(peer.read_all().ends_with("0\r\n\r\n"));
}

TEST_CASE("log feed: a reader that leaves, and a drain, end the wait for a commit") {
    world w{as_id};
    w.append(1);
    {
        raw_socket peer{w.on->port()};
        peer.send(ask);
        CHECK(peer.read_until(told(1)).ends_with(told(1)));
    }
    CHECK(w.on->answered("/feed").status == 200);
    raw_socket peer{w.on->port()};
    peer.send(ask);
    CHECK(peer.read_until(told(1)).ends_with(told(1)));
    const auto report = run(w.on->threads(), (*w.on)->drain(10s));
    CHECK(report.streams_ended == 1);
    CHECK(report.connections_cut == 0);
}
