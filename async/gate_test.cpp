#include "tidemark/async/gate.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/async/spawn.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <utility>

using namespace tidemark;
using namespace std::chrono_literals;

namespace {

awaitable<void> nap(execution& on, duration span, int& done) {
    auto sleep = on.make_timer(0);
    co_await sleep->wait(span);
    ++done;
}

awaitable<int> drained(gate& inside, int& done) {
    co_await inside.close();
    co_return done;
}

awaitable<void> fail() {
    throw std::runtime_error{"broken"};
    co_return;
}

awaitable<void> raise(bool& flag) {
    flag = true;
    co_return;
}

/// On its shard: what `spawn_here` and `spawn` have done by the time they return.
awaitable<std::pair<bool, bool>> start_both(io& on, gate& inside, bool& here, bool& later) {
    std::pair<bool, bool> seen;
    spawn_here(inside, on.shard(0), raise(here));
    seen.first = here;
    spawn(inside, on.shard(0), raise(later));
    seen.second = later;
    co_return seen;
}

}  // namespace

TEST_CASE("gate: an open gate lets in and counts") {
    gate inside;
    {
        auto first = inside.try_enter();
        auto second = inside.try_enter();
        CHECK(first);
        CHECK(second);
        CHECK(inside.inside() == 2);
    }
    CHECK(inside.inside() == 0);
}

TEST_CASE("gate: moving a holder does not count twice") {
    gate inside;
    auto first = inside.try_enter();
    auto moved = std::move(first);
    CHECK(inside.inside() == 1);
    moved = gate::holder{};
    CHECK(inside.inside() == 0);
}

TEST_CASE("gate: a closed gate lets nobody in") {
    gate inside;
    inside.shut();
    CHECK_FALSE(inside.try_enter());
    CHECK(inside.inside() == 0);
    CHECK(inside.is_closed());
}

TEST_CASE("gate: close returns when the last one has left") {
    simulated_scheduler world;
    simulated_execution on{world};
    gate inside;
    int done = 0;
    CHECK(spawn(inside, on.shard(0), nap(on, 5s, done)));
    CHECK(spawn(inside, on.shard(0), nap(on, 9s, done)));
    CHECK(run(on, drained(inside, done)) == 2);
    CHECK(on.clock().steady() >= 9s);
}

TEST_CASE("gate: close of an empty gate returns at once, also a second time") {
    simulated_scheduler world;
    simulated_execution on{world};
    gate inside;
    run(on, inside.close());
    run(on, inside.close());
    CHECK(on.clock().steady() < 1ms);
}

TEST_CASE("spawn: nothing starts behind a closed gate") {
    simulated_scheduler world;
    simulated_execution on{world};
    gate inside;
    inside.shut();
    int done = 0;
    CHECK_FALSE(spawn(inside, on.shard(0), nap(on, 1s, done)));
    CHECK(world.run_until_idle() == run_end::idle);
    CHECK(done == 0);
}

TEST_CASE("spawn: what escapes goes to the sink and the gate is left") {
    simulated_scheduler world;
    simulated_execution on{world};
    gate inside;
    std::string heard;
    spawn(inside, on.shard(0), fail(), [&heard](const std::exception_ptr& failure) {
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& e) {
            heard = e.what();
        }
    });
    world.run_until_idle();
    CHECK(heard == "broken");
    CHECK(inside.inside() == 0);
}

TEST_CASE("spawn_here: runs up to its first suspension before it returns, spawn never does") {
    io on{{.shards = 1}};
    gate inside;
    bool here = false;
    bool later = false;
    CHECK(run(on, start_both(on, inside, here, later)) == std::pair{true, false});
    run(on, inside.close());
    CHECK(later);
    CHECK_FALSE(spawn_here(inside, on.shard(0), raise(here)));
}
