#include "tidemark/examples/checkout/payment.hpp"

#include "tidemark/examples/checkout/checkout.hpp"

namespace shop {

static_assert(tidemark::aggregate<payment>);

namespace {

using namespace std::chrono_literals;

/// Quick enough to be heard within the checkout's deadline.
const tidemark::request_options charging{
    .retry = {.attempts_max = 4, .first = 200ms, .factor = 2, .cap = 2s}, .timeout = 5s};
/// Money that is owed is paid back, however long the provider is away.
const tidemark::request_options refunding{
    .retry = {.attempts_max = 20, .first = 1s, .factor = 2, .cap = 60s}, .timeout = 10s};

std::string own_id(const tidemark::context& context) { return std::string{context.stream.id()}; }

}  // namespace

payment::decision payment::decide(const state& s, const collect& c,
                                  const tidemark::context& context) {
    if (s.status != payment_status::none) return tidemark::reject("already_started");
    return {started{c.customer, c.amount},
            tidemark::request(charge_card{own_id(context), c.customer, c.amount}, charging)};
}

payment::decision payment::decide(const state& s, const note_charged& c,
                                  const tidemark::context& context) {
    const auto id = own_id(context);
    if (s.status == payment_status::pending) {
        return {charged{c.charge}, tidemark::send(checkout_id{id}, checkout::paid{})};
    }
    // Only the first one is late; told again it is refunded already.
    if (s.status == payment_status::voided && s.charge.empty()) {
        return {charged{c.charge},
                tidemark::request(refund_card{id, c.charge, s.amount}, refunding)};
    }
    return {};
}

payment::decision payment::decide(const state& s, const note_declined& c,
                                  const tidemark::context& context) {
    if (s.status == payment_status::voided) return declined{c.reason};
    if (s.status != payment_status::pending) return {};
    return {declined{c.reason},
            tidemark::send(checkout_id{own_id(context)}, checkout::payment_failed{c.reason})};
}

payment::decision payment::decide(const state& s, const void_payment&,
                                  const tidemark::context& context) {
    if (s.status == payment_status::pending) return voided{};
    if (s.status != payment_status::charged) return {};
    return {voided{},
            tidemark::request(refund_card{own_id(context), s.charge, s.amount}, refunding)};
}

payment::decision payment::decide(const state& s, const note_refunded&) {
    if (s.status != payment_status::voided) return {};
    return refunded{};
}

void payment::evolve(state& s, const started& e) {
    s.status = payment_status::pending;
    s.customer = e.customer;
    s.amount = e.amount;
}
void payment::evolve(state& s, const charged& e) {
    if (s.status == payment_status::pending) s.status = payment_status::charged;
    s.charge = e.charge;
}
void payment::evolve(state& s, const declined&) { s.status = payment_status::declined; }
void payment::evolve(state& s, const voided&) { s.status = payment_status::voided; }
void payment::evolve(state& s, const refunded&) { s.status = payment_status::refunded; }

}  // namespace shop
