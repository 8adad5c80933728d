#include "tidemark/eventstore/subscription.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/eventstore/contract.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"

#include <doctest/doctest.h>

#include <map>
#include <thread>

namespace tidemark::testing {
namespace {

using namespace std::chrono_literals;

/// Only a wake or a close ends a wait in these tests.
constexpr auto never = 1h;

/// A memory store whose horizon stays behind until a moment, as that of a database with an open
/// transaction.
class late_storage : public memory_storage {
  public:
    late_storage(const clock& time, position behind, duration until)
        : memory_storage{time}, time_{time}, behind_{behind}, until_{until} {}

    awaitable<result<event_page>> read_all(position after, std::size_t limit) override {
        ++reads;
        auto page = co_await memory_storage::read_all(after, limit);
        if (time_.steady() >= until_) co_return page;
        std::erase_if(page->events, [this](const auto& e) { return e.position > behind_; });
        page->horizon = behind_;
        page->seen = page->events.empty() ? after : page->events.back().position;
        co_return page;
    }

    int reads = 0;

  private:
    const clock& time_;
    position behind_;
    duration until_;
};

/// A memory store that cannot be reached the first time.
class failing_storage : public memory_storage {
  public:
    using memory_storage::memory_storage;

    awaitable<result<event_page>> read_all(position after, std::size_t limit) override {
        if (!std::exchange(has_failed_, true)) co_return error{errc::unavailable, "gone"};
        auto page = co_await memory_storage::read_all(after, limit);
        co_return page;
    }

  private:
    bool has_failed_ = false;
};

void append_to(storage& store, std::size_t events) {
    auto batch = std::make_shared<const std::vector<append_request>>(
        1, request(account("ada"), expected_version::any(), events));
    get_or_fail<append_committed>(run(store.append(std::move(batch))).at(0));
}

awaitable<std::vector<recorded_event>> collect(subscription& from, std::size_t count) {
    std::vector<recorded_event> all;
    while (all.size() < count) {
        auto page = co_await from.next();
        if (!page) break;
        all.insert(all.end(), page->events.begin(), page->events.end());
    }
    co_return all;
}

/// Each stream from version 1 without a gap, positions growing.
void check_complete(const std::vector<recorded_event>& events) {
    std::map<std::string, std::uint64_t> versions;
    position last;
    for (const auto& event : events) {
        CHECK(event.position > last);
        last = event.position;
        CHECK(event.version.value() == ++versions[event.stream.text()]);
    }
}

}  // namespace

TEST_CASE("subscription: what is stored already comes in pages, in order") {
    io threads{{.shards = 1}};
    for_each_backend([&](contract_store& c) {
        for (auto i = 0; i < 7; ++i) c.commit(request(account("ada"), expected_version::any()));
        subscription all{c.store(), threads, {.batch_max = 3, .idle_poll = never}};
        const auto first = *run(threads, all.next());
        CHECK(first.events.size() == 3);
        CHECK(all.seen() == first.events.back().position);
        auto events = first.events;
        const auto others = run(threads, collect(all, 4));
        events.insert(events.end(), others.begin(), others.end());
        CHECK(events.size() == 7);
        check_complete(events);
        const auto from = first.events[1].position;
        subscription rest{c.store(), threads, {.from = from, .idle_poll = never}};
        CHECK(run(threads, rest.next())->events.size() == 5);
    });
}

TEST_CASE("subscription: nothing is missed or doubled while writers write") {
    io threads{{.shards = 2}};
    for_each_backend([&](contract_store& c) {
        constexpr auto writers = 3;
        constexpr auto appends = 100;
        subscription all{c.store(), threads, {.batch_max = 7, .idle_poll = never}};
        const auto write = [&](int writer) {
            for (auto i = 0; i < appends; ++i) {
                const auto stream = account(std::to_string((writer * 7 + i) % 11));
                auto batch = std::make_shared<const std::vector<append_request>>(
                    1, request(stream, expected_version::any(), 2));
                std::ignore = run(c.store().append(std::move(batch)));
            }
        };
        std::vector<std::thread> running;
        for (auto i = 0; i < writers; ++i) running.emplace_back(write, i);
        constexpr std::size_t expected = writers * appends * 2UL;
        const auto events = run(threads, collect(all, expected));
        for (auto& thread : running) thread.join();
        CHECK(events.size() == expected);
        check_complete(events);
    });
}

TEST_CASE("subscription: a filtered reader passes what others wrote") {
    io threads{{.shards = 1}};
    for_each_backend([&](contract_store& c) {
        subscription orders{c.store(), threads, {.category = "order", .idle_poll = never}};
        const auto last = c.commit(request(account("ada"), expected_version::any(), 3)).position;
        const auto page = *run(threads, orders.next());
        CHECK(page.events.empty());
        CHECK(page.seen == last);
        c.commit(request(stream_id{"order", "1"}, expected_version::any()));
        CHECK(run(threads, orders.next())->events.at(0).stream == stream_id{"order", "1"});
    });
}

TEST_CASE("subscription: a commit wakes a reader that waits") {
    io threads{{.shards = 2}};
    for_each_backend([&](contract_store& c) {
        subscription all{c.store(), threads, {.idle_poll = never}};
        std::thread writer{[&] {
            auto batch = std::make_shared<const std::vector<append_request>>(
                1, request(account("ada"), expected_version::any()));
            std::ignore = run(c.store().append(std::move(batch)));
        }};
        CHECK(run(threads, all.next())->events.size() == 1);
        writer.join();
    });
}

TEST_CASE("subscription: close ends the wait under way and every later one") {
    io threads{{.shards = 2}};
    for_each_backend([&](contract_store& c) {
        subscription all{c.store(), threads, {.idle_poll = never}};
        std::thread closer{[&] { all.close(); }};
        CHECK(run(threads, all.next()).error().code() == errc::shutting_down);
        closer.join();
        c.commit(request(account("ada"), expected_version::any()));
        CHECK(run(threads, all.next()).error().code() == errc::shutting_down);
    });
}

TEST_CASE("subscription: behind a horizon it polls ever more slowly and skips nothing") {
    simulated_scheduler scheduler{{.seed = 1}};
    simulated_execution process{scheduler};
    late_storage store{process.clock(), position{2}, 1s};
    append_to(store, 4);
    subscription all{store, process};
    CHECK(run(process, all.next())->events.size() == 2);
    // The horizon moves without a commit of this process: nothing but polling finds it.
    const auto page = *run(process, all.next());
    REQUIRE(page.events.size() == 2);
    CHECK(page.events[0].position == position{3});
    CHECK(process.clock().steady() >= 1s);
    CHECK(process.clock().steady() <= 1s + 60ms);
    // 1, 2, 4 … 32, then 50 ms apart.
    CHECK(store.reads > 15);
    CHECK(store.reads < 35);
}

TEST_CASE("subscription: with everything read it looks once per idle poll") {
    simulated_scheduler scheduler{{.seed = 1}};
    simulated_execution process{scheduler};
    late_storage store{process.clock(), position{9}, 0s};
    append_to(store, 1);
    subscription all{store, process};
    CHECK(run(process, all.next())->events.size() == 1);
    const auto before = store.reads;
    auto waiting = with_timeout(process, all.next(), 10s + 500ms);
    CHECK_THROWS_AS(std::ignore = run(process, std::move(waiting)).value(), std::system_error);
    CHECK(store.reads - before == 11);
}

TEST_CASE("subscription: an error of the store is told, and the next call tries again") {
    simulated_scheduler scheduler{{.seed = 1}};
    simulated_execution process{scheduler};
    failing_storage store{process.clock()};
    append_to(store, 1);
    subscription all{store, process};
    CHECK(run(process, all.next()).error().code() == errc::unavailable);
    CHECK(run(process, all.next())->events.size() == 1);
}

}  // namespace tidemark::testing
