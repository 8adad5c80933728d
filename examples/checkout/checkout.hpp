#pragma once

#include "tidemark/examples/checkout/inventory.hpp"
#include "tidemark/examples/checkout/order.hpp"
#include "tidemark/examples/checkout/payment.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace shop {

/// What a checkout knows about itself.
struct checkout_state {
    order_id order{};
    std::string customer{};
    money total{};
    std::size_t lines = 0;
    std::size_t reserved = 0;
};

/// Brings one order, whose id it has, to its end: stock is set aside, money collected, the order
/// confirmed; or everything is taken back and the order rejected.
struct checkout {
    static constexpr std::string_view category = "checkout";
    using targets = tidemark::types<order, inventory, payment>;

    struct begin {
        order_id order;
        std::string customer;
        std::vector<order_line> lines;
        money total;
    };
    struct paid {};
    struct payment_failed {
        std::string reason;
    };
    struct expired {};
    using input = std::variant<begin, inventory::reserved, paid, payment_failed, order::confirmed,
                               tidemark::accepted, tidemark::refused, expired>;

    using state = checkout_state;

    using steps = tidemark::steps<checkout>;
    static steps react(const state&, const begin&);
    static steps react(const state&, const inventory::reserved&);
    static steps react(const state&, const paid&);
    static steps react(const state&, const payment_failed&);
    static steps react(const state&, const order::confirmed&);
    static steps react(const state&, const tidemark::accepted&);
    static steps react(const state&, const tidemark::refused&);
    static steps react(const state&, const expired&);

    static void evolve(state&, const begin&);
    static void evolve(state&, const inventory::reserved&);
    static void evolve(state&, const auto&) {}
};
using checkout_id = tidemark::id<checkout>;

TIDEMARK_MESSAGE(checkout::begin, "checkout.begin.v1", order, customer, lines, total)
TIDEMARK_MESSAGE(checkout::paid, "checkout.paid.v1")
TIDEMARK_MESSAGE(checkout::payment_failed, "checkout.payment_failed.v1", reason)
TIDEMARK_MESSAGE(checkout::expired, "checkout.expired.v1")
TIDEMARK_STATE(checkout_state, "checkout.state.v1", order, customer, total, lines, reserved)

}  // namespace shop
