#include "tidemark/core/context.hpp"
#include "tidemark/sagas/saga_type.hpp"
#include "tidemark/sagas/test_transfer.hpp"
#include "tidemark/sagas/test_world.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace std::chrono_literals;
using saga_test::account;
using saga_test::account_id;
using saga_test::money;
using saga_test::transfer;
using saga_test::transfer_id;

namespace {

constexpr int accounts = 4;
constexpr int transfers = 12;
constexpr std::int64_t opening = 100;

account_id account_named(std::uint64_t n) { return account_id{"a" + std::to_string(n)}; }

/// A bank in a bad minute: appends are turned away or not confirmed, the process crashes.
struct bad_minute : saga_test::world {
    random_source random;
    std::size_t blocked = 0;
    std::size_t lost = 0;
    std::size_t crashes = 0;
    std::vector<stream_id> begun;

    explicit bad_minute(std::uint64_t seed)
        : world{[](tidemark::runtime& on) {
                    on.store<account>();
                    on.store<transfer>({.snapshot_every = 3});
                },
                seed},
          random{seed ^ 0x5eedULL} {
        for (int n = 0; n < accounts; ++n) {
            REQUIRE(call<account, account::open>(account_named(static_cast<std::uint64_t>(n)),
                                                 money{opening}));
        }
    }
    void begin_transfers() {
        for (int n = 0; n < transfers; ++n) {
            const transfer_id which{"t" + std::to_string(n)};
            // One of five goes to nobody, some are for more than there is.
            const auto from = account_named(random.below(accounts));
            const auto to = account_named(random.below(accounts + 1));
            const money amount{static_cast<std::int64_t>(1 + random.below(90))};
            REQUIRE(call<transfer, transfer::begin>(which, from, to, amount));
            begun.push_back(which.stream());
        }
    }
    /// Of one kind of append, all fail for a while: what shorter faults never reach.
    void live_badly() {
        for (int spell = 0; spell < 12; ++spell) {
            const auto kind = random.below(4);
            const bool is_saga = random.below(2) == 0;
            events.is_blocked = [this, kind, is_saga](const append_request& sent) {
                if ((sent.stream.category() == "transfer") != is_saga) return false;
                if (kind > 1 && random.below(4) != 0) return false;
                ++blocked;
                return true;
            };
            events.is_lost = [this](const append_request&) {
                if (random.below(10) != 0) return false;
                ++lost;
                return true;
            };
            pass(duration{static_cast<std::int64_t>(random.below(9'000'000))});
            if (random.below(4) != 0) continue;
            ++crashes;
            crash();
            pass(duration{static_cast<std::int64_t>(random.below(5'000'000))});
            boot();
        }
        events.is_blocked = {};
        events.is_lost = {};
    }
    std::int64_t total() {
        std::int64_t out = 0;
        for (int n = 0; n < accounts; ++n) {
            auto folded = run(
                *process, runtime->state_of(account_named(static_cast<std::uint64_t>(n)).stream(),
                                            std::nullopt));
            auto state = decode<account::state>(folded.value().state);
            out += state.value().balance.value();
        }
        return out;
    }
    /// Puts right what ran out of attempts, as an operator would.
    void replay_dead_letters() {
        auto letters = run(outside(), events.dead_letters({}));
        for (const auto& one : letters.value()) {
            audit_entry who{"ann", "the store is back"};
            REQUIRE(run(outside(), events.replay(one.work.effect.id, std::move(who))));
        }
        runtime->wake_effects();
    }
};

}  // namespace

TEST_CASE("saga: no crash, lost confirmation or failing store creates or destroys money") {
    std::size_t crashes = 0;
    std::size_t lost = 0;
    std::size_t undone = 0;
    std::size_t completed = 0;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        CAPTURE(seed);
        bad_minute world{seed};
        world.begin_transfers();
        world.live_badly();
        world.pass(3min);
        world.replay_dead_letters();
        world.pass(3min);
        REQUIRE(world.total() == accounts * opening);
        for (const auto& saga : world.begun) {
            CAPTURE(saga);
            const auto phase = world.events.phases.at(saga.text());
            REQUIRE(is_final(phase));
            REQUIRE(world.pending(saga) == 0);
            if (phase == saga_phase::completed) ++completed;
            for (const auto& moved : world.stored<saga_step_outcome>(saga)) {
                if (moved.state == step_state::undone) ++undone;
            }
        }
        crashes += world.crashes;
        lost += world.lost;
    }
    // The faults must have landed, or the property says nothing.
    CHECK(crashes > 200);
    CHECK(lost > 150);
    CHECK(undone > 100);
    CHECK(completed > 500);
}
