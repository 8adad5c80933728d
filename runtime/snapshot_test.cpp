#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/runtime/runtime.hpp"
#include "tidemark/runtime/snapshot_comparison.hpp"
#include "tidemark/runtime/test_aggregates.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

using namespace tidemark;
using namespace std::chrono_literals;
using store_test::counter;

namespace {

const store_test::counter_id ada{"ada"};

/// Counts how often a snapshot was asked for.
class asked_storage final : public memory_storage {
  public:
    using memory_storage::memory_storage;

    awaitable<result<std::optional<snapshot>>> latest_snapshot(stream_id stream,
                                                               std::string name) override {
        ++asked;
        return memory_storage::latest_snapshot(std::move(stream), std::move(name));
    }
    int asked = 0;
};

/// Two processes that share a log and keep a snapshot, by default, at every second version.
struct world {
    simulated_scheduler scheduler{{.seed = 3}};
    simulated_execution first{scheduler};
    simulated_execution second{scheduler};
    asked_storage events{first.clock(), {.incarnation = {}, .is_shared = true}};
    store_test::unused_bus bus;
    tidemark::runtime one;
    tidemark::runtime other;

    explicit world(store_options kept = {.snapshot_every = 2}, runtime_options how = {})
        : one{first, events, bus, how}, other{second, events, bus, how} {
        for (auto* each : {&one, &other}) {
            static_cast<void>(each->store<counter>(kept));
            each->start();
        }
    }
    ~world() {
        first.kill();
        second.kill();
    }
    void add(tidemark::runtime& on, simulated_execution& process, int amount) {
        const auto counters = on.store<counter>();
        REQUIRE(run(process, counters.execute<counter::add>(ada, amount)));
        scheduler.run_for(1s);  // a snapshot is saved behind the reply
    }
    std::optional<snapshot> find_newest() {
        auto found = run(first, events.latest_snapshot(ada.stream(), "counter.state.v1"));
        REQUIRE(found.has_value());
        return *found;
    }
    snapshot newest() {
        auto found = find_newest();
        REQUIRE(found.has_value());
        return *found;
    }
    /// The version of the newest one; 0 if there is none.
    std::uint64_t newest_version() {
        const auto found = find_newest();
        return found ? found->version.value() : 0;
    }
};

}  // namespace

TEST_CASE("snapshot: it holds the state of its version") {
    world w;
    w.add(w.one, w.first, 1);
    w.add(w.one, w.first, 10);
    w.add(w.one, w.first, 20);
    CHECK(w.newest().version == version{2});
    CHECK(w.newest().payload == R"({"value":11})");
}

/// Bytes of `{"amount":1}`.
constexpr std::uint64_t event_bytes = 12;

TEST_CASE("snapshot: one is taken when the events since the last one weigh enough") {
    world w{{.snapshot_bytes = 3 * event_bytes}};
    const std::uint64_t expected[] = {0, 0, 3, 3, 3, 6, 6};
    for (const auto version : expected) {
        w.add(w.one, w.first, 1);
        CHECK(w.newest_version() == version);
    }
    CHECK(w.newest().payload == R"({"value":6})");
}

TEST_CASE("snapshot: events that somebody else has stored weigh as well") {
    world w{{.snapshot_bytes = 3 * event_bytes}};
    w.add(w.one, w.first, 1);
    w.add(w.one, w.first, 1);
    // The other process folds two events and adds the third.
    w.add(w.other, w.second, 1);
    CHECK(w.newest_version() == 3);
    // It meets a conflict, folds the snapshot and what lies behind it, and counts from there.
    w.add(w.one, w.first, 1);
    w.add(w.one, w.first, 1);
    CHECK(w.newest_version() == 3);
    w.add(w.one, w.first, 1);
    CHECK(w.newest_version() == 6);
}

TEST_CASE("snapshot: by number or by bytes, whichever comes first") {
    world w{{.snapshot_every = 5, .snapshot_bytes = 3 * event_bytes}};
    const std::uint64_t expected[] = {0, 0, 3, 3, 5, 5, 5, 8};
    for (const auto version : expected) {
        w.add(w.one, w.first, 1);
        CHECK(w.newest_version() == version);
    }
}

TEST_CASE("snapshot: a store that does not say is kept as its runtime says") {
    struct row {
        store_options kept;
        std::uint64_t newest;
    };
    const row rows[] = {{{}, 4},
                        {{.snapshot_every = 0}, 0},
                        {{.snapshot_every = 5}, 5},
                        {{.snapshot_every = 0, .snapshot_bytes = event_bytes}, 5}};
    for (const auto& [kept, newest] : rows) {
        world w{kept, {.snapshots = {.every = 2, .bytes = 0}}};
        for (int i = 0; i < 5; ++i) w.add(w.one, w.first, 1);
        CHECK(w.newest_version() == newest);
    }
}

TEST_CASE("snapshot: a stream that is too short for one is read without asking for one") {
    world w{{.snapshot_every = 3, .snapshot_bytes = 100 * event_bytes}};
    w.add(w.one, w.first, 1);
    w.add(w.one, w.first, 10);
    w.add(w.other, w.second, 20);  // loads two events
    CHECK(w.events.asked == 0);
    // The first process has lost its place and loads three: there is a snapshot of them.
    w.add(w.one, w.first, 4);
    CHECK(w.events.asked == 1);
    const auto told = run(w.first, w.one.state_of(ada.stream(), std::nullopt));
    REQUIRE(told.has_value());
    CHECK(told->state == R"({"value":35})");
}

TEST_CASE("snapshot: one of a decision that met a conflict is not kept for the next decision") {
    world w;
    w.add(w.one, w.first, 1);
    w.add(w.other, w.second, 10);
    // The first process decides on version 1, meets a conflict and decides again on version 2.
    w.add(w.one, w.first, 5);
    CHECK(w.newest().version == version{2});
    CHECK(w.newest().payload == R"({"value":11})");
}

namespace {

/// Compares the newest snapshot of ada as `taken` says it is.
snapshot_comparison compare(world& w, const stream_type* type, snapshot taken) {
    snapshot_summary which{taken.stream, taken.name, taken.version, taken.payload.size()};
    REQUIRE(run(w.first, w.events.save_snapshot(std::move(taken))));
    auto told = run(w.first, compare_snapshot(w.events, type, std::move(which), 2));
    REQUIRE(told.has_value());
    return std::move(*told);
}

}  // namespace

TEST_CASE("snapshot: a comparison with a replay names the first member that differs") {
    using enum snapshot_comparison::verdict;
    world w;
    for (const auto amount : {1, 10, 20, 3, 4}) w.add(w.one, w.first, amount);
    const auto* const type = w.one.type_of("counter");
    const auto good = w.newest();
    CHECK(good.version == version{4});
    CHECK(compare(w, type, good).outcome == equal);

    auto edited = good;
    edited.payload = R"({"value":35})";
    const auto told = compare(w, type, edited);
    CHECK(told.outcome == differs);
    CHECK(told.reason == "$.value: 35 -> 34");
    CHECK(told.stream == ada.stream());
    CHECK(told.version == version{4});

    auto of_another_event = good;
    of_another_event.head = message_id::derive({"somebody", "else"});
    CHECK(compare(w, type, of_another_event).reason.starts_with("head: "));

    auto ahead = good;
    ahead.version = version{9};
    CHECK(compare(w, type, ahead).reason == "version: 9 -> the stream ends at 5");
}

TEST_CASE("snapshot: what no load would use is ignored, never a difference") {
    using enum snapshot_comparison::verdict;
    world w;
    w.add(w.one, w.first, 1);
    w.add(w.one, w.first, 10);
    const auto* const type = w.one.type_of("counter");
    const auto good = w.newest();

    auto older_schema = good;
    older_schema.name = "counter.state.v0";
    const auto older = compare(w, type, older_schema);
    CHECK(older.outcome == ignored);
    CHECK(older.reason == "of another schema: this program's is \"counter.state.v1\"");

    auto broken = good;
    broken.payload = "{";
    CHECK(compare(w, type, broken).outcome == ignored);
    CHECK(compare(w, nullptr, good).outcome == ignored);
}
