#include "tidemark/testing/workload.hpp"

#include "tidemark/sagas/saga_type.hpp"

#include <set>
#include <vector>

namespace ledger {
namespace {

using tidemark::testing::simulated_store;
using tidemark::testing::simulation;
using namespace std::chrono_literals;

constexpr coins filling{100};

void count_row(tidemark::read_model& rows, const tidemark::event_context& at, coins amount) {
    tidemark::document row{.key = at.stream.text(), .body = "0 0", .indexes = {}};
    if (const auto found = rows.get(row.key)) row = *found;
    const auto gap = row.body.find(' ');
    const auto events = std::stoll(row.body.substr(0, gap)) + 1;
    const auto sum = std::stoll(row.body.substr(gap + 1)) + amount.value();
    row.body = std::to_string(events) + " " + std::to_string(sum);
    rows.put(std::move(row));
}

purse_id purse_number(std::uint64_t number) { return purse_id{"p" + std::to_string(number)}; }

/// What callers want, drawn from the world's seed.
struct callers {
    simulation& world;
    const workload_size& size;
    simulated_store<purse> purses;

    [[nodiscard]] std::uint64_t below(std::uint64_t bound) const {
        return world.random().below(bound);
    }
    /// Half of the traffic meets at one purse.
    [[nodiscard]] purse_id some_purse() const {
        return purse_number(below(2) == 0 ? 0 : below(static_cast<std::uint64_t>(size.purses)));
    }
    [[nodiscard]] coins some_coins() const {
        return coins{1 + static_cast<std::int64_t>(below(60))};
    }

    void fill() const {
        for (int i = 0; i < size.purses; ++i) {
            const auto filled =
                purses.execute<purse::mint>(purse_number(static_cast<std::uint64_t>(i)), filling);
            world.require(filled.is_committed(), "answers", "a purse could not be filled");
        }
    }
    /// A burst: takes that cannot all succeed, decided one upon the other by several processes.
    void move() const {
        for (int i = 0; i < size.moves; ++i) {
            const auto to = some_purse();
            const auto amount = some_coins();
            if (below(2) == 0) {
                purses.start<purse::take>(to, amount);
            } else {
                purses.start<purse::mint>(to, amount);
            }
        }
    }
    void pay() const {
        for (int i = 0; i < size.payments; ++i) {
            purses.start<purse::pay>(some_purse(), some_purse(), some_coins());
        }
        for (int i = 0; i < size.nudges; ++i) {
            purses.start<purse::nudge>(some_purse(), some_purse(), std::int64_t{i});
        }
    }
    void lend_and_close() const {
        for (int i = 0; i < size.loans; ++i) {
            const tidemark::duration after{static_cast<std::int64_t>(below(30'000'000))};
            purses.start<purse::lend>(some_purse(), "loan" + std::to_string(i), some_coins(),
                                      after);
        }
        for (int i = 0; i < size.closings; ++i) {
            purses.start<purse::close>(some_purse());
            purses.start<purse::reopen>(some_purse());
            purses.start<purse::put>(some_purse(), coins{1});
        }
    }
    void hand_over(const simulated_store<handover>& sagas) const {
        for (int i = 0; i < size.handovers; ++i) {
            const tidemark::duration patience{static_cast<std::int64_t>(below(20'000'000))};
            sagas.start<handover::begin>(handover_id{"h" + std::to_string(i)}, some_purse(),
                                         some_purse(), some_coins(), patience);
        }
    }
};

/// Coins that callers brought in from outside or took out, as the log tells.
coins expected_total(const simulation& world) {
    coins total{};
    for (const auto& of : world.operations()) {
        if (of.stream.category() != purse::category || !of.replies.front().is_committed()) continue;
        const auto command = of.command();
        const auto& given = static_cast<const tidemark::typed_command<purse>&>(*command).value();
        if (const auto* minted = std::get_if<purse::mint>(&given)) total += minted->amount;
        if (const auto* put = std::get_if<purse::put>(&given)) total += put->amount;
        if (const auto* taken = std::get_if<purse::take>(&given)) total -= taken->amount;
    }
    return total;
}

void judge_coins(const simulation& world, const simulated_store<purse>& purses) {
    coins total{};
    for (const auto& each : purses.streams()) {
        coins amount{};
        purse::state state;
        for (const auto& event : purses.events_of(each)) {
            tidemark::evolve<purse>(state, event);
            amount = state.amount;
            world.require(amount >= coins{}, "debts", each.text() + " fell below none");
        }
        total += amount;
        for (const auto& [name, lent] : state.loans) total += lent;
    }
    const auto expected = expected_total(world);
    world.require(total == expected, "coins",
                  std::to_string(total.value()) + " coins where there should be " +
                      std::to_string(expected.value()));
}

void judge_nudges(const simulation& world, const simulated_store<purse>& purses) {
    std::multiset<std::int64_t> arrived;
    for (const auto& each : purses.streams()) {
        for (const auto& event : purses.events_of(each)) {
            if (const auto* one = std::get_if<purse::counted>(&event)) arrived.insert(one->number);
        }
    }
    for (const auto& of : world.operations()) {
        if (of.stream.category() != purse::category) continue;
        const auto command = of.command();
        const auto& given = static_cast<const tidemark::typed_command<purse>&>(*command).value();
        const auto* nudge = std::get_if<purse::nudge>(&given);
        if (nudge == nullptr || !of.replies.front().is_committed()) continue;
        const auto count = arrived.count(nudge->number);
        world.require(count == 1, "nudges",
                      "nudge " + std::to_string(nudge->number) + " arrived " +
                          std::to_string(count) + " times");
    }
}

}  // namespace

void turnovers::project(tidemark::read_model& rows, const purse::minted& e,
                        const tidemark::event_context& at) {
    count_row(rows, at, e.amount);
}
void turnovers::project(tidemark::read_model& rows, const purse::was_put& e,
                        const tidemark::event_context& at) {
    count_row(rows, at, e.amount);
}
void turnovers::project(tidemark::read_model& rows, const purse::taken& e,
                        const tidemark::event_context& at) {
    count_row(rows, at, -e.amount);
}
void turnovers::project(tidemark::read_model& rows, const purse::counted&,
                        const tidemark::event_context& at) {
    count_row(rows, at, {});
}
void turnovers::project(tidemark::read_model& rows, const purse::lent& e,
                        const tidemark::event_context& at) {
    count_row(rows, at, -e.amount);
}
void turnovers::project(tidemark::read_model& rows, const purse::given_back& e,
                        const tidemark::event_context& at) {
    count_row(rows, at, e.amount);
}
void turnovers::project(tidemark::read_model& rows, const purse::closed&,
                        const tidemark::event_context& at) {
    count_row(rows, at, {});
}
void turnovers::project(tidemark::read_model& rows, const purse::reopened&,
                        const tidemark::event_context& at) {
    count_row(rows, at, {});
}

played play_and_count(std::uint64_t seed, const workload_size& size,
                      const tidemark::testing::simulation_settings& settings) {
    simulation world{seed, settings};
    const callers all{world, size, world.store<purse>({.snapshot_every = 1 + seed % 16})};
    const auto sagas = world.store<handover>();
    world.project<turnovers>();
    world.relay({.topic = "coins"});
    all.fill();
    all.move();
    all.pay();
    all.lend_and_close();
    all.hand_over(sagas);
    world.run_until_idle();
    judge_coins(world, all.purses);
    judge_nudges(world, all.purses);
    played out{.fingerprint = world.fingerprint(),
               .crashes = world.hardships().crashes,
               .pauses = world.hardships().pauses,
               .database_crashes = world.hardships().database_crashes,
               .commands = world.operations().size()};
    for (const auto& of : world.operations()) {
        out.attempts += of.attempts;
        out.refused += of.replies.front().is_refused() ? 1 : 0;
        out.repeated += of.replies.size() - 1;
    }
    return out;
}

std::uint64_t play(std::uint64_t seed, const workload_size& size,
                   const tidemark::testing::simulation_settings& settings) {
    return play_and_count(seed, size, settings).fingerprint;
}

}  // namespace ledger
