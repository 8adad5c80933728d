#pragma once

#include "tidemark/core/core.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <variant>

namespace shop {

/// The stock of one article (its id is the article's number): never promised twice.
struct inventory {
    static constexpr std::string_view category = "inventory";

    struct restock {
        std::int64_t quantity;
    };
    /// Sets quantity aside for an order; its undo is `release`.
    struct reserve {
        std::string order;
        std::int64_t quantity;
    };
    struct release {
        std::string order;
    };
    using command = std::variant<restock, reserve, release>;

    struct restocked {
        std::int64_t quantity;
    };
    struct reserved {
        std::string order;
        std::int64_t quantity;
    };
    struct released {
        std::string order;
        std::int64_t quantity;
    };
    using event = std::variant<restocked, reserved, released>;

    struct state {
        std::int64_t available;
        /// Order → quantity set aside. Orders that were confirmed stay: what they hold is sold.
        std::map<std::string, std::int64_t> reservations;
    };

    using decision = tidemark::decision<inventory>;
    static decision decide(const state&, const restock&);
    static decision decide(const state&, const reserve&);
    static decision decide(const state&, const release&);

    static void evolve(state&, const restocked&);
    static void evolve(state&, const reserved&);
    static void evolve(state&, const released&);
};
using inventory_id = tidemark::id<inventory>;

TIDEMARK_MESSAGE(inventory::restock, "inventory.restock.v1", quantity)
TIDEMARK_MESSAGE(inventory::reserve, "inventory.reserve.v1", order, quantity)
TIDEMARK_MESSAGE(inventory::release, "inventory.release.v1", order)
TIDEMARK_MESSAGE(inventory::restocked, "inventory.restocked.v1", quantity)
TIDEMARK_MESSAGE(inventory::reserved, "inventory.reserved.v1", order, quantity)
TIDEMARK_MESSAGE(inventory::released, "inventory.released.v1", order, quantity)
TIDEMARK_STATE(inventory::state, "inventory.state.v1", available, reservations)

}  // namespace shop
