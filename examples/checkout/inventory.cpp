#include "tidemark/examples/checkout/inventory.hpp"

namespace shop {

static_assert(tidemark::aggregate<inventory>);

namespace {

constexpr std::int64_t quantity_max = 1'000'000'000;

}  // namespace

inventory::decision inventory::decide(const state& s, const restock& c) {
    if (c.quantity < 1 || c.quantity > quantity_max - s.available) {
        return tidemark::reject("quantity_out_of_range");
    }
    return restocked{c.quantity};
}

inventory::decision inventory::decide(const state& s, const reserve& c) {
    if (c.quantity < 1) return tidemark::reject("quantity_out_of_range");
    if (s.reservations.contains(c.order)) return tidemark::reject("already_reserved");
    if (c.quantity > s.available) return tidemark::reject("out_of_stock");
    return reserved{c.order, c.quantity};
}

inventory::decision inventory::decide(const state& s, const release& c) {
    const auto held = s.reservations.find(c.order);
    if (held == s.reservations.end()) return {};
    return released{c.order, held->second};
}

void inventory::evolve(state& s, const restocked& e) { s.available += e.quantity; }
void inventory::evolve(state& s, const reserved& e) {
    s.available -= e.quantity;
    s.reservations[e.order] = e.quantity;
}
void inventory::evolve(state& s, const released& e) {
    s.available += e.quantity;
    s.reservations.erase(e.order);
}

}  // namespace shop
