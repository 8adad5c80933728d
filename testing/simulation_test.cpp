#include "tidemark/testing/simulation.hpp"

#include "tidemark/testing/workload.hpp"

#include <doctest/doctest.h>

#include <iostream>

TEST_CASE("simulation: coins are neither made nor lost, whatever the storm does") {
    for (const auto seed : tidemark::testing::seeds(20)) {
        std::cout << seed << ": " << ledger::play(seed, {}) << std::endl;
    }
}
