#include "tidemark/codec/json_codec.hpp"
#include "tidemark/examples/bank/balances.hpp"
#include "tidemark/examples/bank/transfer.hpp"
#include "tidemark/sagas/saga_type.hpp"
#include "tidemark/testing/simulation.hpp"

#include <doctest/doctest.h>

#include <string>

using bank::account, bank::account_id, bank::money, bank::transfer;
using tidemark::testing::simulated_store;
using tidemark::testing::simulation;
using namespace std::chrono_literals;

namespace {

account_id account_number(std::uint64_t number) { return account_id{"a" + std::to_string(number)}; }

void open_with_balance(const simulated_store<account>& accounts, std::uint64_t count,
                       money balance) {
    for (std::uint64_t i = 0; i < count; ++i) {
        REQUIRE(accounts.execute<account::open>(account_number(i), "owner " + std::to_string(i)));
        REQUIRE(accounts.execute<account::deposit>(account_number(i), balance));
    }
}

/// Some go to an account that was never opened, some take more than there is.
void start_random_transfer(const simulated_store<transfer>& transfers, int number,
                           tidemark::random_source& random) {
    const auto from = account_number(random.below(8));
    const auto to = account_number(random.below(9));
    const money amount{1 + static_cast<std::int64_t>(random.below(1200))};
    transfers.start<transfer::begin>(bank::transfer_id{"t" + std::to_string(number)}, from, to,
                                     amount);
}

money total_balance(const simulated_store<account>& accounts) {
    money total{};
    for (const auto& each : accounts.streams()) total += accounts.state_of(each).balance;
    return total;
}

/// No balance, at any version, is below zero.
bool is_never_negative(const simulated_store<account>& accounts) {
    for (const auto& each : accounts.streams()) {
        account::state state;
        for (const auto& event : accounts.events_of(each)) {
            tidemark::evolve<account>(state, event);
            if (state.balance < money{}) return false;
        }
    }
    return true;
}

}  // namespace

// [property]
TEST_CASE("transfer: no crash, delay or duplicate creates or destroys money") {
    for (const auto seed : tidemark::testing::seeds(200)) {
        simulation world{seed, {.crash = 0.02, .duplicate = 0.1, .delay_max = 5min}};
        const auto accounts = world.store<account>({.snapshot_every = 10});
        const auto transfers = world.store<transfer>();
        world.project<bank::balances>();
        open_with_balance(accounts, 8, money{1000});
        for (auto i = 0; i < 50; ++i) start_random_transfer(transfers, i, world.random());
        world.run_until_idle();
        CHECK_MESSAGE(total_balance(accounts) == money{8000}, "replay with --seed=", seed);
        CHECK_MESSAGE(is_never_negative(accounts), "replay with --seed=", seed);
    }
}
// [/property]
