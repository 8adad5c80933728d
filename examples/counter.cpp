#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/runtime/runtime.hpp"
#include "tidemark/testing/scenario.hpp"

#include <doctest/doctest.h>
// clang-format off
// [counter]
struct counter {
    static constexpr std::string_view category = "counter";
    struct add { int amount; };    using command = std::variant<add>;
    struct added { int amount; };  using event = std::variant<added>;
    struct state { int total; };   using decision = tidemark::decision<counter>;
    static decision decide(const state& s, const add& c) {
        if (s.total + c.amount > 10) return tidemark::reject("too_much");
        return added{c.amount};
    }
    static void evolve(state& s, const added& e) { s.total += e.amount; }
};
TIDEMARK_MESSAGE(counter::add, "counter.add.v1", amount)
TIDEMARK_MESSAGE(counter::added, "counter.added.v1", amount)
TIDEMARK_STATE(counter::state, "counter.state.v1", total)
TEST_CASE("counter: nothing beyond ten is added") {
    const auto at_eight = tidemark::testing::given<counter>(counter::added{8});
    CHECK(at_eight.when(counter::add{2}) == counter::added{2});
    CHECK(at_eight.when(counter::add{3}) == tidemark::reject("too_much"));
}
// [/counter]
TEST_CASE("counter: a receipt says what was committed") {
    tidemark::io io;
    tidemark::memory_storage events{io.clock()};
    tidemark::memory_event_bus bus;
    tidemark::runtime app{io, events, bus};
    const auto counters = app.store<counter>();
    app.start();
    CHECK(run(io, counters.execute<counter::add>("a", 8)).receipt().version.value() == 1);
    CHECK(run(io, app.drain()).is_complete);
}
