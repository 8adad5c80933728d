/// What the writers of a PostgreSQL store are given, and in which order.

#include "tidemark/eventstore/contract.hpp"
#include "tidemark/eventstore/postgres_batch.hpp"
#include "tidemark/eventstore/postgres_write_queue.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;

namespace {

const auto any = expected_version::any();

/// Nobody waits for these answers.
struct nobody final : resumption<std::vector<append_outcome>> {
    void resume(std::vector<append_outcome> /*told*/) override {}
};

struct taken_work {
    std::vector<postgres_queued> requests;
    postgres_batch batch;

    [[nodiscard]] std::vector<std::string> keys() const {
        std::vector<std::string> names;
        for (const auto& one : requests) names.emplace_back(one.request().stream.id());
        return names;
    }
    /// What the last event of each is called.
    [[nodiscard]] std::vector<std::string> events() const {
        std::vector<std::string> names;
        for (const auto& one : requests) names.push_back(one.request().events[0].message.name);
        return names;
    }
};

struct queue_under_test {
    explicit queue_under_test(std::size_t writers, postgres_options chosen = {})
        : options{std::move(chosen)}, queue{options, writers} {}

    bool push(std::vector<append_request> requests) {
        std::vector<std::size_t> places;
        for (std::size_t i = 0; i < requests.size(); ++i) places.push_back(i);
        auto batch = std::make_shared<const std::vector<append_request>>(std::move(requests));
        return queue.push(
            std::make_shared<postgres_ticket>(std::move(batch), std::make_unique<nobody>()),
            places);
    }
    bool push(const std::string& stream, const std::string& named = "event.v1") {
        auto one = request(account(stream), any, 0);
        one.events = {event(named)};
        return push({one});
    }
    /// There must be something: otherwise it would wait.
    taken_work take(std::size_t writer) {
        taken_work work;
        REQUIRE(queue.take(writer, work.batch, work.requests));
        return work;
    }

    postgres_options options;
    postgres_write_queue queue;
};

using names = std::vector<std::string>;

}  // namespace

TEST_CASE("write queue: what waits is one statement, in its order") {
    queue_under_test q{1};
    for (const auto* stream : {"a", "b", "a", "c"}) q.push(stream);
    CHECK(q.take(0).keys() == names{"a", "b", "a", "c"});
}

TEST_CASE("write queue: a stream stays with the writer that has a request of it under way") {
    queue_under_test q{2};
    q.push("a", "1");
    const auto first = q.take(0);
    q.push("a", "2");
    q.push("b", "3");
    q.push("a", "4");
    const auto other = q.take(1);
    CHECK(other.events() == names{"3"});
    const auto second = q.take(0);
    CHECK(second.events() == names{"2", "4"});
    q.queue.release(first.requests);
    // Two are still under way.
    q.push("a", "5");
    q.push("c", "6");
    CHECK(q.take(1).events() == names{"6"});
    q.queue.release(second.requests);
    q.push("b", "7");
    CHECK(q.take(0).events() == names{"5"});
}

TEST_CASE("write queue: a stream that nobody works on goes to whoever is free") {
    queue_under_test q{2};
    q.push("a", "1");
    q.queue.release(q.take(0).requests);
    q.push("a", "2");
    CHECK(q.take(1).events() == names{"2"});
}

TEST_CASE("write queue: requests of one stream keep their order across a full statement") {
    postgres_options small;
    small.batch_requests_max = 4;
    queue_under_test q{2, small};
    for (auto i = 1; i <= 6; ++i) q.push("a", std::to_string(i));
    const auto first = q.take(0);
    CHECK(first.events() == names{"1", "2", "3", "4"});
    // Comes behind those that still wait, though its stream belongs to a writer already.
    q.push("a", "7");
    q.push("b", "8");
    CHECK(q.take(1).events() == names{"8"});
    const auto second = q.take(0);
    CHECK(second.events() == names{"5", "6", "7"});
}

TEST_CASE("write queue: a stream that never rests does not keep the others out") {
    postgres_options small;
    small.batch_requests_max = 4;
    queue_under_test q{1, small};
    q.push("hot");
    auto under_way = q.take(0);
    for (auto i = 0; i < 20; ++i) q.push("hot");
    q.push("cold");
    const auto next = q.take(0).keys();
    CHECK(next.size() == 4);
    CHECK(std::ranges::count(next, "cold") == 1);
}

TEST_CASE("write queue: many requests are shared among the free writers") {
    queue_under_test q{2};
    for (auto i = 0; i < 100; ++i) q.push(std::to_string(i));
    CHECK(q.take(0).requests.size() == 50);
    CHECK(q.take(1).requests.size() == 50);
}

TEST_CASE("write queue: few requests are one statement, though another writer is free") {
    queue_under_test q{2};
    for (auto i = 0; i < 10; ++i) q.push(std::to_string(i));
    CHECK(q.take(0).requests.size() == 10);
}

TEST_CASE("write queue: requests that name the same thing go with different statements") {
    queue_under_test q{1};
    auto first = request(account("a"), any);
    q.push({first, first, request(account("b"), any)});
    CHECK(q.take(0).requests.size() == 1);
    CHECK(q.take(0).requests.size() == 2);
}

TEST_CASE("write queue: a full queue takes no more, but one large batch when nothing waits") {
    postgres_options small;
    small.writes_queued_max = 3;
    queue_under_test q{1, small};
    CHECK(q.push(std::vector<append_request>(5, request(account("a"), any))));
    CHECK_FALSE(q.push("b"));
    std::ignore = q.take(0);
    // The others name the same event and wait for their turns.
    CHECK_FALSE(q.push("b"));
    for (auto i = 0; i < 4; ++i) std::ignore = q.take(0);
    for (auto i = 0; i < 3; ++i) CHECK(q.push("b"));
    CHECK_FALSE(q.push("b"));
}

TEST_CASE("write queue: a statement is bounded by bytes, but never empty") {
    postgres_options small;
    small.batch_bytes_max = 1;
    queue_under_test q{1, small};
    q.push("a");
    q.push("b");
    CHECK(q.take(0).keys() == names{"a"});
    CHECK(q.take(0).keys() == names{"b"});
}

TEST_CASE("write queue: stopping ends pauses, and the writers once nothing is left") {
    queue_under_test q{2};
    q.push("a");
    q.queue.stop();
    CHECK_FALSE(q.queue.pause(std::chrono::hours{1}));
    CHECK(q.take(0).keys() == names{"a"});
    taken_work none;
    CHECK_FALSE(q.queue.take(0, none.batch, none.requests));
    CHECK_FALSE(q.queue.take(1, none.batch, none.requests));
}

TEST_CASE("write queue: nothing is lost or taken twice between sleeping and waking writers") {
    queue_under_test q{3};
    std::atomic<int> taken{0};
    std::vector<std::thread> writers;
    for (std::size_t w = 0; w < 3; ++w) {
        writers.emplace_back([&, w] {
            for (;;) {
                taken_work work;
                if (!q.queue.take(w, work.batch, work.requests)) return;
                taken += static_cast<int>(work.requests.size());
                q.queue.release(work.requests);
            }
        });
    }
    constexpr auto each = 3'000;
    std::vector<std::thread> callers;
    for (auto c = 0; c < 2; ++c) {
        callers.emplace_back([&] {
            for (auto i = 0; i < each; ++i) {
                while (!q.push(std::to_string(i % 7))) std::this_thread::yield();
                // Now and then everybody has gone to sleep.
                while (i % 100 == 0 && taken < i) std::this_thread::yield();
            }
        });
    }
    for (auto& one : callers) one.join();
    q.queue.stop();
    for (auto& one : writers) one.join();
    CHECK(taken == 2 * each);
}
