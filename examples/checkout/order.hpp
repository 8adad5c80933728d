#pragma once

#include "tidemark/core/core.hpp"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace shop {

/// Cents.
TIDEMARK_VALUE(money, std::int64_t)

/// What a customer wants of one article.
struct order_line {
    std::string sku;
    std::int64_t quantity = 1;
    money price{};
};
TIDEMARK_STRUCT(order_line, sku, quantity, price)

/// How far an order is.
enum class order_status { none, placed, confirmed, shipped, rejected, cancelled };
TIDEMARK_ENUM(order_status, none, placed, confirmed, shipped, rejected, cancelled)

/// What an order knows about itself.
struct order_state {
    order_status status = order_status::none;
    std::string customer{};
    std::vector<order_line> lines{};
    money total{};
    std::string reason{};
};

/// An order: placed by a customer, confirmed or rejected by its checkout, then shipped.
struct order {
    static constexpr std::string_view category = "order";

    struct place {
        std::string customer;
        std::vector<order_line> lines;
    };
    /// The checkout begins; its undo is `reject`.
    struct begin_checkout {};
    struct confirm {};
    struct reject {
        std::string reason;
    };
    struct cancel {
        std::string reason;
    };
    struct ship {
        std::string tracking;
    };
    using command = std::variant<place, begin_checkout, confirm, reject, cancel, ship>;

    struct placed {
        std::string customer;
        std::vector<order_line> lines;
        money total;
        tidemark::instant at{};
    };
    struct confirmed {};
    struct rejected {
        std::string reason;
    };
    struct cancelled {
        std::string reason;
    };
    struct shipped {
        std::string tracking;
    };
    using event = std::variant<placed, confirmed, rejected, cancelled, shipped>;

    using state = order_state;

    using decision = tidemark::decision<order>;
    static decision decide(const state&, const place&, const tidemark::context&);
    static decision decide(const state&, const begin_checkout&);
    static decision decide(const state&, const confirm&);
    static decision decide(const state&, const reject&);
    static decision decide(const state&, const cancel&);
    static decision decide(const state&, const ship&);

    static void evolve(state&, const placed&);
    static void evolve(state&, const confirmed&);
    static void evolve(state&, const rejected&);
    static void evolve(state&, const cancelled&);
    static void evolve(state&, const shipped&);
};
using order_id = tidemark::id<order>;

TIDEMARK_MESSAGE(order::place, "order.place.v1", customer, lines)
TIDEMARK_MESSAGE(order::begin_checkout, "order.begin_checkout.v1")
TIDEMARK_MESSAGE(order::confirm, "order.confirm.v1")
TIDEMARK_MESSAGE(order::reject, "order.reject.v1", reason)
TIDEMARK_MESSAGE(order::cancel, "order.cancel.v1", reason)
TIDEMARK_MESSAGE(order::ship, "order.ship.v1", tracking)
TIDEMARK_MESSAGE(order::placed, "order.placed.v1", customer, lines, total, at)
TIDEMARK_MESSAGE(order::confirmed, "order.confirmed.v1")
TIDEMARK_MESSAGE(order::rejected, "order.rejected.v1", reason)
TIDEMARK_MESSAGE(order::cancelled, "order.cancelled.v1", reason)
TIDEMARK_MESSAGE(order::shipped, "order.shipped.v1", tracking)
TIDEMARK_STATE(order_state, "order.state.v1", status, customer, lines, total, reason)

}  // namespace shop
