#include "tidemark/runtime/store.hpp"

#include "tidemark/async/event.hpp"
#include "tidemark/async/gate.hpp"
#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/async/spawn.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/runtime/runtime.hpp"
#include "tidemark/runtime/test_aggregates.hpp"

#include <doctest/doctest.h>
#include <boost/asio/post.hpp>

#include <latch>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace std::chrono_literals;
using store_test::counter;

namespace {

/// A runtime over the memory store on two real shards, drained at the end.
struct world {
    tidemark::io io{{.shards = 2}};
    memory_storage events{io.clock()};
    store_test::unused_bus bus;
    tidemark::runtime runtime;
    tidemark::store<counter> counters;

    explicit world(runtime_options options = {}, store_options kept = {})
        : runtime{io, events, bus, options}, counters{runtime.store<counter>(kept)} {
        runtime.start();
    }
    ~world() {
        const auto drained = run(io, runtime.drain());
        CHECK(drained.is_complete);
    }

    template <class Command, class... Fields>
    outcome call(tidemark::call how, const id<counter>& to, Fields... fields) {
        return run(io, counters.execute<Command>(std::move(how), to, fields...));
    }
    std::vector<recorded_event> read(const id<counter>& of) {
        auto page = run(io, events.read(of.stream(), version{}, 1000));
        REQUIRE(page.has_value());
        return *page;
    }
};

/// Counts what is read of streams: bytes of the payloads of a page, and of all.
class counting_storage final : public memory_storage {
  public:
    using memory_storage::memory_storage;

    awaitable<result<std::vector<recorded_event>>> read(stream_id stream, version after,
                                                        std::size_t limit) override {
        auto page = co_await memory_storage::read(std::move(stream), after, limit);
        if (!page) co_return page;
        std::size_t bytes = 0;
        for (const auto& event : *page) bytes += event.message.payload.size();
        page_bytes = std::max(page_bytes, bytes);
        all_bytes += bytes;
        co_return page;
    }

    std::size_t page_bytes = 0;
    std::size_t all_bytes = 0;
};

/// Events of the counter, one version each, that take so many bytes.
append_request added(std::size_t events, std::size_t bytes) {
    append_request made{.stream = store_test::counter_id{"a"}.stream()};
    for (std::size_t i = 0; i < events; ++i) {
        std::string text = R"({"amount":1})";
        text.resize(bytes, ' ');
        made.events.push_back(
            {message_id::derive({"added", std::to_string(i)}), {"counter.added.v1", text}});
    }
    return made;
}

}  // namespace

TEST_CASE("store: a committed command is told with its version and position") {
    world w;
    const auto told = w.call<counter::add>({}, "a", 5);
    REQUIRE(told);
    CHECK(told.receipt().version == version{1});
    CHECK(told.receipt().position > position{});
    CHECK(w.read("a").front().message.name == "counter.added.v1");
}

TEST_CASE("store: commands of one stream are decided on each other") {
    world w;
    for (int i = 0; i < 10; ++i) REQUIRE(w.call<counter::add>({}, "a", 10));
    const auto told = w.call<counter::add>({}, "a", 1);
    REQUIRE(told.is_refused());
    CHECK(told.rejection().code == "too_much");
    CHECK(w.read("a").size() == 10);
}

TEST_CASE("store: a repeated key is answered as the first time, refusals included") {
    world w;
    REQUIRE(w.call<counter::add>({}, "a", 95));
    const auto refused = w.call<counter::add>(call{}.once("k1"), "a", 10);
    REQUIRE(refused.is_refused());
    REQUIRE(w.call<counter::clear>({}, "a"));
    const auto again = w.call<counter::add>(call{}.once("k1"), "a", 10);
    REQUIRE(again.is_refused());
    CHECK(again.is_repeated());
    const auto first = w.call<counter::add>(call{}.once("k2"), "a", 10);
    const auto second = w.call<counter::add>(call{}.once("k2"), "a", 10);
    REQUIRE(first);
    REQUIRE(second);
    CHECK(second.is_repeated());
    CHECK(second.receipt().version == first.receipt().version);
}

TEST_CASE("store: a key used for another command is refused as reused") {
    world w;
    REQUIRE(w.call<counter::add>(call{}.once("k"), "a", 1));
    const auto told = w.call<counter::add>(call{}.once("k"), "a", 2);
    REQUIRE(told.is_error());
    CHECK(told.error().code() == errc::key_reused);
}

TEST_CASE("store: a wrong expected version conflicts, a right one does not") {
    world w;
    REQUIRE(w.call<counter::add>({}, "a", 1));
    const auto wrong = w.call<counter::add>(call{}.expecting(version{7}), "a", 1);
    REQUIRE(wrong.is_error());
    CHECK(wrong.error().code() == errc::conflict);
    CHECK(w.call<counter::add>(call{}.expecting(version{1}), "a", 1));
}

TEST_CASE("store: on a shared store a wrong expected version is judged on what is there now") {
    tidemark::io io{{.shards = 1}};
    memory_storage events{io.clock(), {.incarnation = {}, .is_shared = true}};
    store_test::unused_bus bus;
    tidemark::runtime runtime{io, events, bus};
    auto counters = runtime.store<counter>();
    runtime.start();
    const id<counter> a{"a"};
    REQUIRE(run(io, counters.execute<counter::add>(a, 1)));
    append_request foreign;
    foreign.stream = a.stream();
    foreign.events.push_back({io.fresh_id(), encode(counter::added{1})});
    auto batch = std::make_shared<std::vector<append_request>>();
    batch->push_back(foreign);
    run(io, events.append(batch));
    CHECK(run(io, counters.execute<counter::add>(call{}.expecting(version{2}), a, 1)));
    const auto wrong = run(io, counters.execute<counter::add>(call{}.expecting(version{2}), a, 1));
    REQUIRE(wrong.is_error());
    CHECK(wrong.error().code() == errc::conflict);
    run(io, runtime.drain());
}

TEST_CASE("store: a repeated key hears its first answer before any version conflict") {
    world w;
    REQUIRE(w.call<counter::add>(call{}.once("k").expecting(version{0}), "a", 1));
    const auto again = w.call<counter::add>(call{}.once("k").expecting(version{0}), "a", 1);
    REQUIRE(again);
    CHECK(again.is_repeated());
}

TEST_CASE("store: a decide that throws stores nothing and the stream goes on") {
    world w;
    REQUIRE(w.call<counter::add>({}, "a", 1));
    const auto thrown = w.call<counter::add>({}, "a", -1);
    REQUIRE(thrown.is_error());
    CHECK(thrown.error().code() == errc::user_code_threw);
    CHECK(w.call<counter::add>({}, "a", 1));
    CHECK(w.read("a").size() == 2);
}

TEST_CASE("store: an evolve that throws stores nothing and the stream goes on") {
    world w;
    REQUIRE(w.call<counter::add>({}, "a", 1));
    const auto thrown = w.call<counter::add>({}, "a", 13);
    REQUIRE(thrown.is_error());
    CHECK(thrown.error().code() == errc::user_code_threw);
    REQUIRE(w.call<counter::add>({}, "a", 1));
    CHECK(w.read("a").size() == 2);
}

TEST_CASE("store: a stream whose events cannot be folded is quarantined by name") {
    world w;
    append_request foreign;
    foreign.stream = id<counter>{"q"}.stream();
    foreign.events.push_back({w.io.fresh_id(), {"counter.unheard_of.v1", "{}"}});
    auto batch = std::make_shared<std::vector<append_request>>();
    batch->push_back(foreign);
    run(w.io, w.events.append(batch));
    const auto told = w.call<counter::add>({}, "q", 1);
    REQUIRE(told.is_error());
    CHECK(told.error().code() == errc::quarantined);
    CHECK(told.error().message().find("counter-q") != std::string::npos);
}

TEST_CASE("store: a foreign write is noticed and the command decided again") {
    world w;
    REQUIRE(w.call<counter::add>({}, "a", 1));
    append_request foreign;
    foreign.stream = id<counter>{"a"}.stream();
    foreign.events.push_back({w.io.fresh_id(), encode(counter::added{98})});
    auto batch = std::make_shared<std::vector<append_request>>();
    batch->push_back(foreign);
    run(w.io, w.events.append(batch));
    CHECK(w.call<counter::add>({}, "a", 1));
    const auto told = w.call<counter::add>({}, "a", 1);
    CHECK(told.is_refused());
}

TEST_CASE("store: a deadline that has passed starts nothing") {
    world w;
    const auto told = w.call<counter::add>(call{}.within(duration{-1}), "a", 1);
    REQUIRE(told.is_error());
    CHECK(told.error().code() == errc::timed_out);
    CHECK(w.read("a").empty());
}

TEST_CASE("store: snapshots are taken, used and outlive an eviction") {
    world w{{.cache_bytes = 1}, {.snapshot_every = 10}};
    for (int i = 0; i < 25; ++i) REQUIRE(w.call<counter::add>({}, "s", 1));
    auto kept = run(w.io, w.events.latest_snapshot(id<counter>{"s"}.stream(), "counter.state.v1"));
    REQUIRE(kept.has_value());
    REQUIRE(kept->has_value());
    CHECK((*kept)->version == version{20});
    CHECK((*kept)->payload == R"({"value":20})");
}

TEST_CASE("store: an unregistered or malformed stream is refused by name") {
    world w;
    const auto bad = w.call<counter::add>({}, id<counter>{std::string("a\nb")}, 1);
    REQUIRE(bad.is_error());
    CHECK(bad.error().code() == errc::invalid_argument);
}

TEST_CASE("store: after draining new commands are refused") {
    world w;
    REQUIRE(w.call<counter::add>({}, "a", 1));
    run(w.io, w.runtime.drain());
    const auto told = w.call<counter::add>({}, "a", 1);
    REQUIRE(told.is_error());
    CHECK(told.error().code() == errc::shutting_down);
}

namespace {

/// A store whose streams cannot be read before it is told so.
class held_storage final : public memory_storage {
  public:
    using memory_storage::memory_storage;
    awaitable<result<std::vector<recorded_event>>> read(stream_id stream, version after,
                                                        std::size_t limit) override {
        co_await may_read.wait();
        co_return co_await memory_storage::read(std::move(stream), after, limit);
    }
    event may_read;
};

awaitable<void> add_one(tidemark::store<counter> to) {
    const id<counter> a{"a"};
    const auto told = co_await to.execute<counter::add>(a, 1);
    CHECK(told);
}

}  // namespace

TEST_CASE("store: the commands that wait are counted by category") {
    tidemark::io io{{.shards = 2}};
    held_storage events{io.clock()};
    store_test::unused_bus bus;
    tidemark::runtime runtime{io, events, bus};
    auto counters = runtime.store<counter>();
    (void)runtime.store<store_test::asker>();
    runtime.start();
    CHECK(run(io, runtime.live()).waiting.at("counter") == 0);
    gate calls;
    for (auto i = 0; i < 3; ++i) spawn(calls, io.shard(0), add_one(counters));
    while (run(io, runtime.live()).waiting.at("counter") != 3) {
    }
    CHECK(run(io, runtime.live()).waiting.at("asker") == 0);
    events.may_read.notify();
    run(io, calls.close());
    CHECK(run(io, runtime.live()).waiting.at("counter") == 0);
    run(io, runtime.drain());
}

namespace {

tidemark::awaitable<void> add_to_many(tidemark::store<counter> counters, int first, int count) {
    for (int i = first; i < first + count; ++i) {
        const id<counter> to{"c" + std::to_string(i)};
        const auto told = co_await counters.execute<counter::add>(to, 1);
        if (!told) throw std::runtime_error{told.reason()};
    }
}

}  // namespace

TEST_CASE("store: shards are looked at on their own threads, while they work") {
    world w;
    gate working;
    constexpr int each = 200;
    for (int i = 0; i < 4; ++i) {
        auto adding = add_to_many(w.counters, i * each, each);
        spawn(working, w.io.shard(static_cast<std::size_t>(i) % 2), std::move(adding));
    }
    // From a thread that is no shard's, and from each shard: the thread sanitizer sees who touches.
    while (working.inside() > 0) {
        run(w.io, w.runtime.live(), 0);
        run(w.io, w.runtime.live(), 1);
    }
    run(w.io, working.close());
    CHECK(run(w.io, w.runtime.live()).count == 4 * each);
}

TEST_CASE("store: a runner that is to look again is not gone before it does") {
    for (int i = 0; i < 20; ++i) {
        world w;
        w.runtime.wake_effects();  // its turn comes while the runtime drains and goes
    }
}

TEST_CASE("store: a runtime that was only wired may go at once, though it was woken") {
    // As the command line does after it replayed a dead letter of a file that nobody serves.
    std::latch is_gone{1};  // first: the shard's thread may still be leaving it
    io world{{.shards = 1}};
    memory_storage events{world.clock()};
    store_test::unused_bus bus;
    boost::asio::post(world.shard(0), [&is_gone] { is_gone.wait(); });
    {
        tidemark::runtime wired{world, events, bus, runtime_options{}};
        (void)wired.store<counter>(store_options{});
        wired.wake_effects();
    }
    is_gone.count_down();
}

TEST_CASE("store: a stream of long events is loaded without ever being in memory as a whole") {
    tidemark::io io{{.shards = 1}};
    counting_storage events{io.clock()};
    constexpr std::size_t each = 900UL * 1024;
    auto stored = std::make_shared<const std::vector<append_request>>(1, added(20, each));
    REQUIRE(std::holds_alternative<append_committed>(run(io, events.append(stored)).at(0)));
    store_test::unused_bus bus;
    tidemark::runtime runtime{io, events, bus, {}};
    const auto counters = runtime.store<counter>();
    runtime.start();
    const auto told = run(io, counters.execute<counter::add>(store_test::counter_id{"a"}, 1));
    REQUIRE(told);
    CHECK(told.receipt().version == version{21});
    CHECK(events.all_bytes == 20 * each);
    const auto at = run(io, runtime.state_of(store_test::counter_id{"a"}.stream(), version{20}));
    REQUIRE(at.has_value());
    CHECK(at->state == R"({"value":20})");
    CHECK(events.page_bytes >= page_bytes_max);
    CHECK(events.page_bytes < page_bytes_max + each);
    CHECK(run(io, runtime.drain()).is_complete);
}
