#include "tidemark/async/simulated_execution.hpp"

#include "tidemark/async/gate.hpp"
#include "tidemark/async/mailbox.hpp"
#include "tidemark/async/spawn.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tidemark;
using namespace std::chrono_literals;

namespace {

awaitable<void> wander(execution& on, std::size_t home, std::string& trace, char name) {
    auto sleep = on.make_timer(home);
    for (auto i = 0; i < 20; ++i) {
        trace += name;
        const duration span{static_cast<duration::rep>(on.random().next() % 3)};
        co_await sleep->wait(span);
    }
}

struct history {
    std::string trace;
    std::uint64_t fingerprint = 0;
    std::uint64_t steps = 0;
    duration elapsed{};
    friend bool operator==(const history&, const history&) = default;
};

history play(std::uint64_t seed) {
    simulated_scheduler world{{.seed = seed}};
    simulated_execution on{world, 3};
    gate inside;
    history seen;
    for (std::size_t i = 0; i < 3; ++i) {
        spawn(inside, on.shard(i), wander(on, i, seen.trace, static_cast<char>('a' + i)));
    }
    CHECK(world.run_until_idle() == run_end::idle);
    seen.fingerprint = world.fingerprint();
    seen.steps = world.steps();
    seen.elapsed = world.elapsed();
    return seen;
}

awaitable<void> count_seconds(execution& on, int& seconds) {
    auto sleep = on.make_timer(0);
    for (;;) {
        co_await sleep->wait(1s);
        ++seconds;
    }
}

awaitable<void> serve(mailbox<int>& box, std::shared_ptr<int> token) {
    for (;;) {
        const auto next = co_await box.pop();
        if (!next) co_return;
        *token += *next;
    }
}

awaitable<void> step_by_step(std::string& trace, char name, executor home, int depth, gate& in) {
    trace += name;
    if (depth > 0) spawn(in, home, step_by_step(trace, name, home, depth - 1, in));
    co_return;
}

awaitable<void> note_order(std::vector<int>& order, int value) {
    order.push_back(value);
    co_return;
}

/// The objects of a process, in the order a real one would have them.
struct graph {
    explicit graph(execution& on) : token{std::make_shared<int>(0)} {
        spawn(inside, on.shard(0), serve(box, token));
        spawn(inside, on.shard(1), count_seconds(on, seconds));
    }
    std::shared_ptr<int> token;
    mailbox<int> box{16};
    int seconds = 0;
    gate inside;
};

}  // namespace

TEST_CASE("simulation: the same seed gives the same history, another seed another one") {
    const auto first = play(1);
    CHECK(first == play(1));
    CHECK(first.fingerprint != play(2).fingerprint);
    CHECK(first.trace != play(2).trace);
}

TEST_CASE("simulation: the schedule of a seed is the same in every build") {
    const auto seen = play(42);
    CHECK(seen.steps == 69);
    CHECK(seen.fingerprint == 930738150654756995ULL);
}

TEST_CASE("simulation: the handlers of one shard run in the order they were posted") {
    simulated_scheduler world{{.seed = 3}};
    simulated_execution on{world, 2};
    gate inside;
    std::vector<int> order;
    for (auto i = 0; i < 50; ++i) spawn(inside, on.shard(0), note_order(order, i));
    world.run_until_idle();
    REQUIRE(order.size() == 50);
    for (auto i = 0; i < 50; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("simulation: shards interleave") {
    simulated_scheduler world{{.seed = 3}};
    simulated_execution on{world, 2};
    gate inside;
    std::string trace;
    spawn(inside, on.shard(0), step_by_step(trace, 'a', on.shard(0), 30, inside));
    spawn(inside, on.shard(1), step_by_step(trace, 'b', on.shard(1), 30, inside));
    world.run_until_idle();
    CHECK(trace.size() == 62);
    CHECK(trace.find("ab") != std::string::npos);
    CHECK(trace.find("ba") != std::string::npos);
}

TEST_CASE("simulation: time jumps to the next alarm and no further than allowed") {
    simulated_scheduler world;
    simulated_execution on{world};
    gate inside;
    int seconds = 0;
    spawn(inside, on.shard(0), count_seconds(on, seconds));
    CHECK(world.run_for(1h) == run_end::out_of_time);
    CHECK(world.elapsed() == 1h);
    CHECK(seconds >= 3590);
    CHECK(seconds <= 3600);
    on.kill();
}

TEST_CASE("simulation: a run stops where it was told to") {
    simulated_scheduler world{{.steps_max = 1000}};
    simulated_execution on{world};
    gate inside;
    int seconds = 0;
    CHECK(world.run_until([] { return false; }) == run_end::idle);
    spawn(inside, on.shard(0), count_seconds(on, seconds));
    CHECK(world.run_until([&] { return seconds == 10; }) == run_end::reached);
    CHECK(world.run_until([] { return false; }) == run_end::out_of_steps);
    on.kill();
}

TEST_CASE("simulation: a paused process does not run while time goes on") {
    simulated_scheduler world;
    simulated_execution first{world};
    simulated_execution second{world};
    gate inside;
    int of_first = 0;
    int of_second = 0;
    spawn(inside, first.shard(0), count_seconds(first, of_first));
    spawn(inside, second.shard(0), count_seconds(second, of_second));
    world.run_for(5500ms);
    first.pause();
    world.run_for(10s);
    CHECK(of_first == 5);
    CHECK(of_second == 15);
    first.resume();
    world.run_for(1ms);
    CHECK(of_first == 6);
    first.kill();
    second.kill();
}

TEST_CASE("simulation: a killed process is unwound and never runs again") {
    simulated_scheduler world;
    auto process = std::make_unique<simulated_execution>(world, 2);
    auto objects = std::make_unique<graph>(*process);
    const auto token = objects->token;
    world.run_for(2500ms);
    CHECK(objects->box.try_push(5));
    CHECK(token.use_count() == 3);
    process->kill();
    CHECK(objects->inside.inside() == 0);
    CHECK(token.use_count() == 2);
    objects.reset();
    process.reset();
    world.run_for(1h);
    CHECK(*token == 0);
}

TEST_CASE("simulation: a process can be killed at any step without leak or crash") {
    for (std::uint64_t steps = 0; steps < 40; ++steps) {
        simulated_scheduler world{{.seed = steps}};
        simulated_execution process{world, 2};
        graph objects{process};
        CHECK(objects.box.try_push(1));
        world.run_until([&] { return world.steps() >= steps; });
        process.kill();
        CHECK(objects.inside.inside() == 0);
        CHECK(objects.token.use_count() == 1);
    }
}

TEST_CASE("simulation: what is posted to a dead process is destroyed at once") {
    simulated_scheduler world;
    simulated_execution process{world};
    gate inside;
    std::vector<int> order;
    process.kill();
    spawn(inside, process.shard(0), note_order(order, 1));
    CHECK(inside.inside() == 0);
    world.run_until_idle();
    CHECK(order.empty());
}

TEST_CASE("simulation: fate strikes between two handlers") {
    simulated_scheduler world;
    simulated_execution process{world, 2};
    graph objects{process};
    world.set_alarm(10s, [&process] { process.kill(); });
    CHECK(world.run_until_idle() == run_end::idle);
    CHECK(objects.seconds >= 9);
    CHECK(objects.seconds <= 10);
    CHECK(process.is_dead());
}

TEST_CASE("simulation: an alarm that is cancelled does not ring") {
    simulated_scheduler world;
    int rung = 0;
    const auto alarm = world.set_alarm(1s, [&rung] { ++rung; });
    world.set_alarm(2s, [&rung] { rung += 10; });
    CHECK(world.cancel_alarm(alarm));
    CHECK_FALSE(world.cancel_alarm(alarm));
    world.run_until_idle();
    CHECK(rung == 10);
    CHECK(world.elapsed() == 2s);
}

TEST_CASE("simulation: an alarm that makes nobody ready does not let the time leap") {
    simulated_scheduler world;
    auto has_rung = false;
    world.set_alarm(0s, [&has_rung] { has_rung = true; });
    world.set_alarm(1h, [] {});
    CHECK(world.run_for(1s) == run_end::out_of_time);
    CHECK(has_rung);
    CHECK(world.elapsed() == 1s);
}

TEST_CASE("simulation: the clocks of processes can disagree") {
    simulated_scheduler world;
    simulated_execution first{world};
    simulated_execution second{world};
    second.set_clock_offset(-3s);
    CHECK(first.clock().now() - second.clock().now() == 3s);
    CHECK(first.clock().steady() == second.clock().steady());
}

TEST_CASE("simulation: work that cannot end is an error with the seed") {
    simulated_scheduler world{{.seed = 77}};
    simulated_execution on{world};
    event never;
    std::string said;
    try {
        run(on, never.wait());
    } catch (const std::runtime_error& e) {
        said = e.what();
    }
    CHECK(said.find("77") != std::string::npos);
}
