#include "tidemark/testing/simulation.hpp"

#include "tidemark/testing/own_program.hpp"
#include "tidemark/testing/workload.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <iostream>
#include <string>

using ledger::coins, ledger::purse;
using tidemark::testing::program_end;
using tidemark::testing::seeds;
using tidemark::testing::simulation;
using tidemark::testing::simulation_failure;
using namespace std::chrono_literals;

namespace {

/// A world without a storm, for what has nothing to do with one.
const tidemark::testing::simulation_settings calm{.crash = 0,
                                                  .crash_at_commit = 0,
                                                  .pause = 0,
                                                  .duplicate = 0,
                                                  .delay_max = 1s,
                                                  .database_crash = 0,
                                                  .refuse = 0,
                                                  .hold_horizon = 0,
                                                  .lose = 0,
                                                  .rollback = 0,
                                                  .heal_max = 1min,
                                                  .swarm = false};

/// Sets an environment variable while it lives.
struct variable {
    const char* name;
    variable(const char* of, const char* value) : name{of} { ::setenv(of, value, 1); }
    variable(const variable&) = delete;
    variable& operator=(const variable&) = delete;
    ~variable() { ::unsetenv(name); }
};

std::string judge_of(simulation& world) {
    try {
        world.run_until_idle();
    } catch (const simulation_failure& failure) {
        return failure.judge();
    }
    return "nobody";
}

program_end fingerprints_elsewhere() {
    return tidemark::testing::run_own_program({"--no-skip", "--test-case=elsewhere: fingerprints"});
}

}  // namespace

TEST_CASE("elsewhere: fingerprints" * doctest::skip()) {
    for (const auto seed : {1U, 2U, 3U}) {
        std::cout << "seed " << seed << ": " << ledger::play(seed, {}) << '\n';
    }
}

TEST_CASE("simulation: coins are neither made nor lost, whatever the storm does") {
    for (const auto seed : seeds(200)) {
        CHECK_NOTHROW_MESSAGE(ledger::play(seed, {}), "replay with --seed=", seed);
    }
}

TEST_CASE("simulation: the same seed gives the same history, another seed another") {
    const auto first = ledger::play(7, {});
    CHECK(ledger::play(7, {}) == first);
    CHECK(ledger::play(8, {}) != first);
}

TEST_CASE("simulation: the same seed gives the same history in two processes") {
    const auto one = fingerprints_elsewhere();
    const auto other = fingerprints_elsewhere();
    REQUIRE(one.exit_code == 0);
    REQUIRE(one.output.find("seed 3: ") != std::string::npos);
    CHECK(one.output == other.output);
    CHECK(one.output.find("seed 3: " + std::to_string(ledger::play(3, {}))) != std::string::npos);
}

TEST_CASE("simulation: the storm is rough") {
    ledger::played total;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        const auto each = ledger::play_and_count(seed, {});
        total.crashes += each.crashes;
        total.pauses += each.pauses;
        total.database_crashes += each.database_crashes;
        total.refused += each.refused;
        total.repeated += each.repeated;
        total.attempts += each.attempts;
        total.commands += each.commands;
    }
    CHECK(total.crashes > 30);
    CHECK(total.pauses > 10);
    CHECK(total.database_crashes > 5);
    CHECK(total.refused > 100);
    CHECK(total.repeated > 100);
    CHECK(total.attempts > total.commands + total.commands / 20);
}

TEST_CASE("simulation: execute decides at once, and the log tells the state") {
    simulation world{1, calm};
    const auto purses = world.store<purse>();
    CHECK(purses.execute<purse::mint>("a", coins{5}).is_committed());
    const auto refused = purses.execute<purse::take>("a", coins{6});
    REQUIRE(refused.is_refused());
    CHECK(refused.rejection().code == "too_little");
    purses.start<purse::take>("a", coins{2});
    world.run_until_idle();
    CHECK(purses.state_of("a").amount == coins{3});
    CHECK(purses.events_of("a").size() == 2);
    CHECK(purses.streams() == std::vector<ledger::purse_id>{"a"});
}

TEST_CASE("simulation: effects, timers and projections have come to rest") {
    simulation world{2, calm};
    const auto purses = world.store<purse>();
    world.project<ledger::turnovers>();
    REQUIRE(purses.execute<purse::mint>("a", coins{9}));
    purses.start<purse::pay>("a", ledger::purse_id{"b"}, coins{2});
    purses.start<purse::lend>("a", "tea", coins{3}, tidemark::duration{30s});
    world.run_until_idle();
    CHECK(purses.state_of("a").amount == coins{7});
    CHECK(purses.state_of("b").amount == coins{2});
    const auto rows = world.database().models().query("turnovers.v1", {});
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].body == "4 7");
}

TEST_CASE("simulation: a timer that is not due within the time to heal is named") {
    simulation world{3, calm};
    const auto purses = world.store<purse>();
    REQUIRE(purses.execute<purse::mint>("a", coins{9}));
    purses.start<purse::lend>("a", "tea", coins{3}, tidemark::duration{1h});
    CHECK_THROWS_WITH_AS(world.run_until_idle(),
                         "rest: not at rest: 1 timers; ; replay with --seed=3", simulation_failure);
}

TEST_CASE("simulation: a read model that is not the fold of the log is found") {
    simulation world{4, calm};
    const auto purses = world.store<purse>();
    world.project<ledger::turnovers>();
    purses.start<purse::mint>("a", coins{9});
    CHECK(judge_of(world) == "nobody");
    const auto at = world.database().models().load_checkpoint("turnovers.v1");
    const auto falsified =
        world.database().models().update("turnovers.v1", at, at, [](tidemark::read_model& rows) {
            rows.put({.key = "purse-a", .body = "1 8", .indexes = {}});
        });
    REQUIRE(falsified.has_value());
    CHECK(judge_of(world) == "projections");
}

TEST_CASE("simulation: a command carried out twice is found") {
    simulation world{5, calm};
    const auto purses = world.store<purse>();
    const auto& minted = purses.start<purse::mint>("a", coins{9});
    purses.start<purse::mint>("a", coins{1});
    CHECK(judge_of(world) == "nobody");
    tidemark::append_request again;
    again.stream = {"purse", "a"};
    again.events.push_back(
        {tidemark::message_id::derive({"again"}), tidemark::encode(purse::minted{coins{9}})});
    again.trace.causation = minted.id();
    const auto stored = world.database().log().append(again, world.database().now());
    REQUIRE(std::holds_alternative<tidemark::append_committed>(stored));
    CHECK(judge_of(world) == "versions");
}

TEST_CASE("simulation: require names the judge, the reason and the seed") {
    const simulation world{42, calm};
    CHECK_NOTHROW(world.require(true, "mine", "all is well"));
    CHECK_THROWS_WITH_AS(world.require(false, "mine", "3 is not 4"),
                         "mine: 3 is not 4; replay with --seed=42", simulation_failure);
}

TEST_CASE("simulation: what registers too late is told so") {
    simulation world{6, calm};
    REQUIRE(world.store<purse>().execute<purse::mint>("a", coins{1}));
    CHECK_NOTHROW(world.store<purse>());
    CHECK_THROWS_AS(world.project<ledger::turnovers>(), std::logic_error);
}

TEST_CASE("seeds: from one upwards, as many as asked for, or the one that is asked for") {
    if (tidemark::testing::asked_seed()) return;  // this run replays one seed
    CHECK(seeds(3) == std::vector<std::uint64_t>{1, 2, 3});
    const variable count{"TIDEMARK_SEEDS", "2"};
    CHECK(seeds(3) == std::vector<std::uint64_t>{1, 2});
    const variable one{"TIDEMARK_SEED", "77"};
    CHECK(seeds(3) == std::vector<std::uint64_t>{77});
    const variable wrong{"TIDEMARK_SEED", "7x"};
    CHECK_THROWS_WITH_AS(static_cast<void>(seeds(3)),
                         "\"7x\" from TIDEMARK_SEED is no seed: give a whole number from 0 to "
                         "2^64 - 1",
                         std::invalid_argument);
}
