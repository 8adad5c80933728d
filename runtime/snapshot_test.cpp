#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/runtime/runtime.hpp"
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
