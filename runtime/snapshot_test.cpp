#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/runtime/runtime.hpp"
#include "tidemark/runtime/snapshot_comparison.hpp"
#include "tidemark/runtime/test_aggregates.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace tidemark;
using namespace std::chrono_literals;
using store_test::counter;

namespace {

const store_test::counter_id ada{"ada"};

/// Two processes that share a log and keep a snapshot at every second version.
struct world {
    simulated_scheduler scheduler{{.seed = 3}};
    simulated_execution first{scheduler};
    simulated_execution second{scheduler};
    memory_storage events{first.clock(), {.incarnation = {}, .is_shared = true}};
    store_test::unused_bus bus;
    tidemark::runtime one{first, events, bus};
    tidemark::runtime other{second, events, bus};

    world() {
        for (auto* each : {&one, &other}) {
            static_cast<void>(each->store<counter>({.snapshot_every = 2}));
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
    snapshot newest() {
        auto found = run(first, events.latest_snapshot(ada.stream(), "counter.state.v1"));
        REQUIRE(found.has_value());
        REQUIRE(found->has_value());
        return **found;
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
