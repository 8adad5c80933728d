#pragma once

#include "tidemark/examples/checkout/inventory.hpp"
#include "tidemark/examples/checkout/order.hpp"

#include <string>
#include <string_view>

namespace shop {

/// An order as the list of orders shows it.
struct order_row {
    std::string id;
    std::string customer{};
    order_status status = order_status::none;
    money total{};
    std::string reason{};
    std::string tracking{};
    tidemark::instant placed_at{};
    std::uint64_t version = 0;
};
TIDEMARK_STRUCT(order_row, id, customer, status, total, reason, tracking, placed_at, version)

/// Value of the index by both.
[[nodiscard]] std::string customer_and_status(std::string_view customer, std::string_view status);

/// Orders by customer, by status and by both. Document key: the order's id.
struct orders {
    static constexpr std::string_view name = "orders.v2";
    using sources = tidemark::types<order>;

    static void project(tidemark::read_model&, const order::placed&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const order::confirmed&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const order::rejected&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const order::cancelled&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const order::shipped&,
                        const tidemark::event_context&);
};

/// An article as the stock list shows it.
struct stock_row {
    std::string sku;
    std::int64_t available = 0;
    std::int64_t reserved = 0;
    std::uint64_t version = 0;
};
TIDEMARK_STRUCT(stock_row, sku, available, reserved, version)

/// What is in stock. Document key: the article's number.
struct stock {
    static constexpr std::string_view name = "stock.v1";
    using sources = tidemark::types<inventory>;

    static void project(tidemark::read_model&, const inventory::restocked&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const inventory::reserved&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const inventory::released&,
                        const tidemark::event_context&);
};

}  // namespace shop
