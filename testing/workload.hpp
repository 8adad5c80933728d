#pragma once

#include "tidemark/eventstore/read_model.hpp"
#include "tidemark/testing/ledger.hpp"
#include "tidemark/testing/simulation.hpp"

#include <cstdint>
#include <string>

namespace ledger {

/// How many coins each purse has seen come and go: every event changes its row.
struct turnovers {
    static constexpr std::string_view name = "turnovers.v1";
    using sources = tidemark::types<purse>;

    static void project(tidemark::read_model&, const purse::minted&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const purse::was_put&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const purse::taken&, const tidemark::event_context&);
    static void project(tidemark::read_model&, const purse::counted&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const purse::lent&, const tidemark::event_context&);
    static void project(tidemark::read_model&, const purse::given_back&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const purse::closed&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const purse::reopened&,
                        const tidemark::event_context&);
};

/// How much of everything a world gets to do.
struct workload_size {
    int purses = 4;
    /// Takes and puts, spread over few purses so that they meet.
    int moves = 40;
    /// Coins sent from purse to purse by an effect.
    int payments = 20;
    int nudges = 10;
    int loans = 5;
    /// Purses closed and opened again, so that the same command is refused now and accepted then.
    int closings = 8;
    int handovers = 15;
};

/// What happened in a world.
struct played {
    std::uint64_t fingerprint = 0;
    std::uint64_t crashes = 0;
    std::uint64_t pauses = 0;
    std::uint64_t database_crashes = 0;
    std::uint64_t commands = 0;
    std::uint64_t attempts = 0;
    std::uint64_t refused = 0;
    /// Replies beyond the first to the same command.
    std::uint64_t repeated = 0;
};

/// Plays one seed: fills purses, lets callers and sagas move coins about in a storm, and judges:
/// besides the simulation's own judges "coins" (none made or lost), "debts" (no purse below none)
/// and "nudges" (each accepted one arrived, once). Throws `simulation_failure`.
played play_and_count(std::uint64_t seed, const workload_size& size,
                      const tidemark::testing::simulation_settings& settings = {});
/// The same; the fingerprint of the history.
std::uint64_t play(std::uint64_t seed, const workload_size& size,
                   const tidemark::testing::simulation_settings& settings = {});

}  // namespace ledger
