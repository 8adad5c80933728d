#include "tidemark/core/planted.hpp"

#include "tidemark/testing/own_program.hpp"
#include "tidemark/testing/workload.hpp"

#include <doctest/doctest.h>

#include <iostream>
#include <string>

namespace {

constexpr std::size_t seeds_tried = 300;

/// Tries every seed in a process of its own, where the bug of this name is planted.
std::string hunt(const std::string& bug) {
    const auto end = tidemark::testing::run_own_program(
        {"--no-skip", "--test-case=elsewhere: hunt"}, {{"TIDEMARK_PLANTED_BUG", bug}});
    REQUIRE(end.exit_code == 0);
    const auto begin = end.output.find("hunt: ");
    REQUIRE(begin != std::string::npos);
    return end.output.substr(begin, end.output.find('\n', begin) - begin);
}

void require_caught(const std::string& bug) {
    const auto told = hunt(bug);
    MESSAGE(bug << ": " << told);
    CHECK(told.starts_with("hunt: caught"));
}

}  // namespace

TEST_CASE("elsewhere: hunt" * doctest::skip()) {
    for (const auto seed : tidemark::testing::seeds(seeds_tried)) {
        try {
            ledger::play(seed, {});
        } catch (const tidemark::testing::simulation_failure& failure) {
            std::cout << "hunt: caught with seed " << seed << " by " << failure.what() << '\n';
            return;
        }
    }
    std::cout << "hunt: nothing caught\n";
}

TEST_CASE("planted: without a bug the same seeds are clean") {
    CHECK(hunt("none") == "hunt: nothing caught");
}
TEST_CASE("planted: an expected version without the event's id is caught") {
    require_caught("expected_version_without_event_id");
}
TEST_CASE("planted: refusals that are not stored are caught") {
    require_caught("refusals_not_stored");
}
TEST_CASE("planted: an effect key from the version is caught") {
    require_caught("effect_key_from_version");
}
TEST_CASE("planted: undoing without settling is caught") {
    require_caught("undo_without_settling");
}
TEST_CASE("planted: a checkpoint at the horizon is caught") {
    require_caught("checkpoint_is_horizon");
}
