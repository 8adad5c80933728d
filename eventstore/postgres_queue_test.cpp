/// What the writers of a PostgreSQL store are given, in which order, and what they do when the
/// server undoes it in favour of others.

#include "tidemark/eventstore/contract.hpp"
#include "tidemark/eventstore/postgres_batch.hpp"
#include "tidemark/eventstore/postgres_connection.hpp"
#include "tidemark/eventstore/postgres_database.hpp"
#include "tidemark/eventstore/postgres_event_store.hpp"
#include "tidemark/eventstore/postgres_write_queue.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;
using namespace std::chrono_literals;

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

namespace {

/// A store with one writer, on a database that undoes the first appends that come.
class undoing {
  public:
    /// `times` statements end with this SQLSTATE; what they counted stays counted.
    undoing(const std::string& sqlstate, std::int64_t times) {
        postgres_connection{options_}.execute(
            "CREATE SEQUENCE tries; CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$ "
            "BEGIN IF nextval('tidemark.tries') <= " +
            std::to_string(times) + " THEN RAISE 'undone on purpose' USING ERRCODE = '" + sqlstate +
            "'; END IF; RETURN NULL; END $$; CREATE TRIGGER undone BEFORE INSERT ON events "
            "FOR EACH STATEMENT EXECUTE FUNCTION undo()");
        options_.writers = 1;
        options_.acquire_timeout = 500ms;
        auto opened = postgres_storage::open(options_);
        const auto text = opened ? std::string{} : opened.error().message();
        REQUIRE_MESSAGE(opened.has_value(), text);
        store_ = std::move(*opened);
    }

    std::vector<append_outcome> append(std::size_t streams) {
        std::vector<append_request> requests;
        for (std::size_t i = 0; i < streams; ++i) {
            requests.push_back(command(account(std::to_string(i)), expected_version::none(),
                                       std::to_string(i), 2));
        }
        return run(store_->append(
            std::make_shared<const std::vector<append_request>>(std::move(requests))));
    }
    [[nodiscard]] std::size_t stored() {
        return run(store_->read_all(position{}, 1'000)).value().events.size();
    }
    [[nodiscard]] postgres_commit_counts counts() const { return store_->commits(); }

  private:
    postgres_database database_;
    postgres_options options_ = database_.options();
    std::unique_ptr<postgres_storage> store_;
};

}  // namespace

TEST_CASE("postgres writer: what is undone for others is sent again and stored once") {
    if (!has_postgres()) return;
    for (const auto* sqlstate : {"40001", "40P01"}) {
        CAPTURE(sqlstate);
        for (const std::size_t streams : {1, 8}) {
            constexpr std::int64_t times = 7;
            undoing store{sqlstate, times};
            for (const auto& one : store.append(streams)) get_or_fail<append_committed>(one);
            CHECK(store.counts().repeats == times);
            CHECK(store.counts().commits == 1);
            CHECK(store.stored() == 2 * streams);
        }
    }
}

TEST_CASE("postgres writer: appends that are undone together too often are halved") {
    if (!has_postgres()) return;
    // Ten times again as they are; the eleventh failure parts them.
    undoing store{"40001", 11};
    for (const auto& one : store.append(8)) get_or_fail<append_committed>(one);
    CHECK(store.counts().repeats == 10);
    CHECK(store.counts().commits == 2);
    CHECK(store.stored() == 16);
}

TEST_CASE("postgres writer: one that is undone for as long as it may wait is told to come later") {
    if (!has_postgres()) return;
    undoing store{"40P01", 1'000'000'000};
    const auto told = store.append(1);
    REQUIRE(std::holds_alternative<error>(told.at(0)));
    const auto& why = std::get<error>(told[0]);
    CHECK(why.code() == errc::unavailable);
    CHECK(why.message().find("40P01") != std::string::npos);
    CHECK(why.message().find("try again later") != std::string::npos);
    CHECK(store.counts().repeats > 0);
    CHECK(store.stored() == 0);
}
