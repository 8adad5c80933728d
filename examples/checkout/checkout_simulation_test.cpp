#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/codec/json_codec.hpp"
#include "tidemark/examples/checkout/checkout.hpp"
#include "tidemark/examples/checkout/provider.hpp"
#include "tidemark/examples/checkout/views.hpp"
#include "tidemark/sagas/saga_type.hpp"
#include "tidemark/testing/simulation.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using shop::checkout, shop::inventory, shop::inventory_id, shop::money, shop::order, shop::order_id;
using shop::order_line, shop::order_status, shop::payment, shop::payment_id, shop::payment_status;
using tidemark::testing::simulated_store;
using tidemark::testing::simulation;
using namespace std::chrono_literals;

namespace {

constexpr std::array<const char*, 3> articles{"apple", "bread", "lamp"};
constexpr std::int64_t first_delivery = 25;
constexpr auto orders_placed = 25;
constexpr auto busy_time = 2min;

/// How the orders of all seeds ended: a storm that never compensates would prove nothing.
struct endings {
    std::uint64_t sold = 0;
    std::uint64_t rejected = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t refunded = 0;
    /// Charged after they had been voided.
    std::uint64_t late_charges = 0;
};

/// The whole shop in one simulated world. The payment provider is outside of it: its memory
/// survives every crash, as a real one's does.
struct simulated_shop {
    simulation world;
    tidemark::simulated_execution elsewhere{world.scheduler()};
    shop::provider bank{elsewhere};
    simulated_store<order> orders = world.store<order>();
    simulated_store<inventory> shelves = world.store<inventory>({.snapshot_every = 10});
    simulated_store<payment> payments = world.store<payment>();

    explicit simulated_shop(std::uint64_t seed)
        : world{seed, {.crash = 0.02, .duplicate = 0.1, .delay_max = busy_time}} {
        world.store<checkout>();
        world.project<shop::orders>();
        world.project<shop::stock>();
        world.wire([this](tidemark::runtime& app) {
            app.perform<shop::charge_card>(
                [this](shop::charge_card asked, tidemark::request_context context) {
                    return bank.charge(std::move(asked), std::move(context));
                });
            app.perform<shop::refund_card>(
                [this](shop::refund_card asked, tidemark::request_context context) {
                    return bank.refund(std::move(asked), std::move(context));
                });
        });
    }

    /// Declines, fails and dawdles, each seed as it likes; some are slower than the shop waits.
    void make_provider_rough() {
        auto& random = world.random();
        bank.set({.decline_rate = 0.3 * random.unit(),
                  .failure_rate = 0.8 * random.unit(),
                  .latency = 1ms * static_cast<std::int64_t>(random.below(9000))});
    }
    void make_provider_calm() { bank.set({.decline_rate = 0, .failure_rate = 0, .latency = 20ms}); }
};

void place_random_order(simulated_shop& shop, int number) {
    auto& random = shop.world.random();
    const order_id id{"o" + std::to_string(number)};
    std::vector<order_line> lines;
    for (const auto* article : articles) {
        if (random.below(2) == 0) continue;
        lines.push_back({article, 1 + static_cast<std::int64_t>(random.below(4)),
                         money{static_cast<std::int64_t>(random.below(5000))}});
    }
    if (lines.empty()) lines.push_back({articles[0], 1, money{45}});
    shop.orders.start<order::place>(id, "ada", std::move(lines));
    if (random.below(6) == 0) shop.orders.start<order::cancel>(id, "changed_mind");
    if (random.below(6) == 0) shop.orders.start<order::ship>(id, "T-" + id.text());
}

bool is_sold(order_status status) {
    return status == order_status::confirmed || status == order_status::shipped;
}

/// What arrived is on the shelf or held by orders that were sold, each exactly as ordered.
bool is_stock_conserved(const simulated_shop& shop, std::int64_t delivered) {
    std::map<std::string, std::map<std::string, std::int64_t>> sold;
    for (const auto& id : shop.orders.streams()) {
        const auto state = shop.orders.state_of(id);
        if (!is_sold(state.status)) continue;
        for (const auto& line : state.lines) sold[line.sku][id.text()] = line.quantity;
    }
    for (const auto* article : articles) {
        const auto shelf = shop.shelves.state_of(inventory_id{std::string{article}});
        auto left = delivered - shelf.available;
        for (const auto& [holder, quantity] : shelf.reservations) left -= quantity;
        if (left != 0 || shelf.reservations != sold[article]) return false;
    }
    return true;
}

/// No shelf, at any version, holds less than nothing.
bool is_never_oversold(const simulated_shop& shop) {
    for (const auto& id : shop.shelves.streams()) {
        inventory::state state{};
        for (const auto& event : shop.shelves.events_of(id)) {
            tidemark::evolve<inventory>(state, event);
            if (state.available < 0) return false;
        }
    }
    return true;
}

/// The provider holds the totals of the orders that were sold, and not a cent of another one.
bool is_money_conserved(const simulated_shop& shop) {
    money owed{};
    for (const auto& id : shop.orders.streams()) {
        const auto state = shop.orders.state_of(id);
        const auto paid = shop.payments.state_of(payment_id{id.text()}).status;
        if (is_sold(state.status)) owed += state.total;
        if (is_sold(state.status) != (paid == payment_status::charged)) return false;
    }
    return shop.bank.books().cents_held == owed.value();
}

void count(const simulated_shop& shop, endings& seen) {
    for (const auto& id : shop.orders.streams()) {
        const auto status = shop.orders.state_of(id).status;
        seen.sold += is_sold(status) ? 1 : 0;
        seen.rejected += status == order_status::rejected ? 1 : 0;
        seen.cancelled += status == order_status::cancelled ? 1 : 0;
    }
    for (const auto& id : shop.payments.streams()) {
        auto is_voided = false;
        for (const auto& event : shop.payments.events_of(id)) {
            if (std::holds_alternative<payment::voided>(event)) is_voided = true;
            if (std::holds_alternative<payment::refunded>(event)) ++seen.refunded;
            if (is_voided && std::holds_alternative<payment::charged>(event)) ++seen.late_charges;
        }
    }
}

}  // namespace

TEST_CASE("shop: no crash, delay, duplicate or provider loses or makes up stock or money") {
    endings seen;
    const auto seeds = tidemark::testing::seeds(100);
    for (const auto seed : seeds) {
        simulated_shop shop{seed};
        shop.make_provider_rough();
        for (const auto* article : articles) {
            const inventory_id id{std::string{article}};
            REQUIRE(shop.shelves.execute<inventory::restock>(id, first_delivery));
            shop.shelves.start<inventory::restock>(id, first_delivery);
        }
        for (auto i = 0; i < orders_placed; ++i) place_random_order(shop, i);
        shop.world.run_for(busy_time + 30s);
        shop.make_provider_calm();
        shop.world.run_until_idle();
        CHECK_MESSAGE(is_stock_conserved(shop, 2 * first_delivery), "replay with --seed=", seed);
        CHECK_MESSAGE(is_never_oversold(shop), "replay with --seed=", seed);
        CHECK_MESSAGE(is_money_conserved(shop), "replay with --seed=", seed);
        count(shop, seen);
    }
    MESSAGE("sold ", seen.sold, ", rejected ", seen.rejected, ", cancelled ", seen.cancelled,
            ", refunded ", seen.refunded, ", charged late ", seen.late_charges);
    if (seeds.size() < 100) return;
    CHECK(seen.sold > 0);
    CHECK(seen.rejected > 0);
    CHECK(seen.cancelled > 0);
    CHECK(seen.refunded > 0);
    CHECK(seen.late_charges > 0);
}
