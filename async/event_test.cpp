#include "tidemark/async/event.hpp"

#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/async/spawn.hpp"

#include <doctest/doctest.h>

#include <memory>

using namespace tidemark;
using namespace std::chrono_literals;

namespace {

awaitable<void> notify_after(execution& on, event& e, duration span) {
    auto sleep = on.make_timer(0);
    co_await sleep->wait(span);
    e.notify();
}

awaitable<void> hold_while_waiting(event& e, std::shared_ptr<int> token) {
    co_await e.wait();
    *token = 2;
}

struct fixture {
    simulated_scheduler world;
    simulated_execution on{world};
    gate inside;
};

}  // namespace

TEST_CASE("event: a notification before the wait is kept, several count as one") {
    fixture f;
    event e;
    e.notify();
    e.notify();
    run(f.on, e.wait());
    CHECK_FALSE(run(f.on, e.wait_for(f.on, 1s)));
}

TEST_CASE("event: a notification during the wait ends it") {
    fixture f;
    event e;
    spawn(f.inside, f.on.shard(0), notify_after(f.on, e, 3s));
    CHECK(run(f.on, e.wait_for(f.on, 10s)));
    CHECK(f.world.elapsed() >= 3s);
    CHECK(f.world.elapsed() < 4s);
}

TEST_CASE("event: a wait ends without notification when its time is over") {
    fixture f;
    event e;
    CHECK_FALSE(run(f.on, e.wait_for(f.on, 10s)));
    CHECK(f.world.elapsed() >= 10s);
}

TEST_CASE("event: an alarm that is late does not end the next wait") {
    fixture f;
    event e;
    e.notify();
    CHECK(run(f.on, e.wait_for(f.on, 5s)));
    spawn(f.inside, f.on.shard(0), notify_after(f.on, e, 20s));
    CHECK(run(f.on, e.wait_for(f.on, 60s)));
    CHECK(f.world.elapsed() >= 20s);
}

TEST_CASE("event: the timer of a notified wait does not linger") {
    fixture f;
    event e;
    spawn(f.inside, f.on.shard(0), notify_after(f.on, e, 1s));
    CHECK(run(f.on, e.wait_for(f.on, 24h)));
    f.world.run_until_idle();
    CHECK(f.world.elapsed() < 2s);
}

TEST_CASE("event: its end unwinds the waiter without resuming it") {
    fixture f;
    auto token = std::make_shared<int>(1);
    {
        event e;
        spawn(f.inside, f.on.shard(0), hold_while_waiting(e, token));
        f.world.run_until_idle();
        CHECK(token.use_count() == 2);
    }
    f.world.run_until_idle();
    CHECK(token.use_count() == 1);
    CHECK(*token == 1);
    CHECK(f.inside.inside() == 0);
}

TEST_CASE("event: a notifier may outlive it") {
    auto e = std::make_unique<event>();
    const auto notify = e->notifier();
    e.reset();
    notify();
    CHECK(e == nullptr);
}
