#include "tidemark/examples/checkout/order.hpp"

#include "tidemark/examples/checkout/checkout.hpp"

#include <set>

namespace shop {

static_assert(tidemark::aggregate<order>);

namespace {

constexpr std::size_t lines_max = 50;
constexpr std::int64_t quantity_max = 1000;
/// Cents. With the other bounds it keeps every total within the range of money.
constexpr money price_max{100'000'000};

}  // namespace

order::decision order::decide(const state& s, const place& c, const tidemark::context& context) {
    if (s.status != order_status::none) return tidemark::reject("already_placed");
    if (c.customer.empty()) return tidemark::reject("customer_missing");
    if (c.lines.empty()) return tidemark::reject("no_lines");
    if (c.lines.size() > lines_max) return tidemark::reject("too_many_lines");
    money total{};
    std::set<std::string> skus;
    for (const auto& line : c.lines) {
        if (line.quantity < 1 || line.quantity > quantity_max) {
            return tidemark::reject("quantity_out_of_range");
        }
        if (line.sku.empty()) return tidemark::reject("sku_missing");
        // The checkout sends to the article's stream: what names none would never be reserved.
        if (!inventory_id{line.sku}.stream().is_valid()) return tidemark::reject("sku_not_valid");
        if (!skus.insert(line.sku).second) return tidemark::reject("sku_named_twice");
        if (line.price < money{0}) return tidemark::reject("price_negative");
        if (line.price > price_max) return tidemark::reject("price_too_high");
        total += line.price * line.quantity;
    }
    const std::string id{context.stream.id()};
    checkout::begin begin{order_id{id}, c.customer, c.lines, total};
    return {placed{c.customer, c.lines, total, context.now},
            tidemark::send(checkout_id{id}, std::move(begin))};
}

order::decision order::decide(const state& s, const begin_checkout&) {
    if (s.status != order_status::placed) return tidemark::reject("not_placed");
    return {};
}

order::decision order::decide(const state& s, const confirm&) {
    if (s.status != order_status::placed) return tidemark::reject("not_placed");
    return confirmed{};
}

// The undo of a checkout: an order that its customer has cancelled in the meantime stays so.
order::decision order::decide(const state& s, const reject& c) {
    if (s.status == order_status::placed) return rejected{c.reason};
    if (s.status == order_status::cancelled) return {};
    return tidemark::reject("not_placed");
}

order::decision order::decide(const state& s, const cancel& c) {
    if (s.status == order_status::none) return tidemark::reject("no_such_order");
    if (s.status == order_status::cancelled) return {};
    if (s.status != order_status::placed) return tidemark::reject("too_late_to_cancel");
    return cancelled{c.reason};
}

order::decision order::decide(const state& s, const ship& c) {
    if (s.status == order_status::none) return tidemark::reject("no_such_order");
    if (s.status != order_status::confirmed) return tidemark::reject("not_confirmed");
    return shipped{c.tracking};
}

void order::evolve(state& s, const placed& e) {
    s.status = order_status::placed;
    s.customer = e.customer;
    s.lines = e.lines;
    s.total = e.total;
}
void order::evolve(state& s, const confirmed&) { s.status = order_status::confirmed; }
void order::evolve(state& s, const rejected& e) {
    s.status = order_status::rejected;
    s.reason = e.reason;
}
void order::evolve(state& s, const cancelled& e) {
    s.status = order_status::cancelled;
    s.reason = e.reason;
}
void order::evolve(state& s, const shipped&) { s.status = order_status::shipped; }

}  // namespace shop
