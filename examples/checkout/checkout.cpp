#include "tidemark/examples/checkout/checkout.hpp"

namespace shop {

static_assert(tidemark::saga<checkout>);

namespace {

using namespace std::chrono_literals;

/// Longest time between an order's placing and its decision.
constexpr auto deadline = 30s;

}  // namespace

checkout::steps checkout::react(const state&, const begin& b) {
    steps out;
    // First armed, last undone: a checkout that fails rejects its order when all else is undone.
    out.add(tidemark::send(b.order, order::begin_checkout{})
                .undone_by(order::reject{"checkout_failed"})
                .named("order"));
    for (const auto& line : b.lines) {
        out.add(tidemark::send(inventory_id{line.sku},
                               inventory::reserve{b.order.text(), line.quantity})
                    .undone_by(inventory::release{b.order.text()})
                    .named("reserve " + line.sku));
    }
    out.add(tidemark::schedule("deadline", deadline, expired{}));
    return out;
}

checkout::steps checkout::react(const state& s, const inventory::reserved&) {
    if (s.reserved + 1 < s.lines) return {};
    return tidemark::send(payment_id{s.order.text()}, payment::collect{s.customer, s.total})
        .undone_by(payment::void_payment{})
        .named("pay");
}

checkout::steps checkout::react(const state& s, const paid&) {
    // Once the order is confirmed there is no way back.
    return tidemark::send(s.order, order::confirm{}).pivot().named("confirm");
}

checkout::steps checkout::react(const state&, const order::confirmed&) {
    return {tidemark::cancel("deadline"), tidemark::complete()};
}

checkout::steps checkout::react(const state&, const payment_failed& f) {
    return tidemark::fail(f.reason);
}
checkout::steps checkout::react(const state&, const tidemark::accepted&) { return {}; }
checkout::steps checkout::react(const state&, const tidemark::refused& r) {
    return tidemark::fail(r.reason);
}
checkout::steps checkout::react(const state&, const expired&) {
    return tidemark::fail("timed_out");
}

void checkout::evolve(state& s, const begin& b) {
    s.order = b.order;
    s.customer = b.customer;
    s.total = b.total;
    s.lines = b.lines.size();
}
void checkout::evolve(state& s, const inventory::reserved&) { ++s.reserved; }

}  // namespace shop
