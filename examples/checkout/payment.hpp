#pragma once

#include "tidemark/examples/checkout/order.hpp"

#include <string>
#include <variant>

namespace shop {

/// Work for the payment provider: take money from the customer.
struct charge_card {
    std::string payment;
    std::string customer;
    money amount;
};
/// Work for the payment provider: give it back.
struct refund_card {
    std::string payment;
    std::string charge;
    money amount;
};
TIDEMARK_MESSAGE(charge_card, "payment.charge_card.v1", payment, customer, amount)
TIDEMARK_MESSAGE(refund_card, "payment.refund_card.v1", payment, charge, amount)

enum class payment_status { none, pending, charged, declined, voided, refunded };
TIDEMARK_ENUM(payment_status, none, pending, charged, declined, voided, refunded)

/// What a payment knows about itself.
struct payment_state {
    payment_status status = payment_status::none;
    std::string customer{};
    money amount{};
    std::string charge{};
};

/// The payment of one order, whose id it has. The provider is asked by requests; its answers come
/// back as commands, and the checkout hears of them.
struct payment {
    static constexpr std::string_view category = "payment";
    using requests = tidemark::types<charge_card, refund_card>;

    struct collect {
        std::string customer;
        money amount;
    };
    struct note_charged {
        std::string charge;
    };
    struct note_declined {
        std::string reason;
    };
    /// Takes `collect` back, however far it is: a charge that succeeds later is refunded at once.
    struct void_payment {};
    struct note_refunded {};
    using command = std::variant<collect, note_charged, note_declined, void_payment, note_refunded>;

    struct started {
        std::string customer;
        money amount;
    };
    struct charged {
        std::string charge;
    };
    struct declined {
        std::string reason;
    };
    struct voided {};
    struct refunded {};
    using event = std::variant<started, charged, declined, voided, refunded>;

    using state = payment_state;

    using decision = tidemark::decision<payment>;
    static decision decide(const state&, const collect&, const tidemark::context&);
    static decision decide(const state&, const note_charged&, const tidemark::context&);
    static decision decide(const state&, const note_declined&, const tidemark::context&);
    static decision decide(const state&, const void_payment&, const tidemark::context&);
    static decision decide(const state&, const note_refunded&);

    static void evolve(state&, const started&);
    static void evolve(state&, const charged&);
    static void evolve(state&, const declined&);
    static void evolve(state&, const voided&);
    static void evolve(state&, const refunded&);
};
using payment_id = tidemark::id<payment>;

TIDEMARK_MESSAGE(payment::collect, "payment.collect.v1", customer, amount)
TIDEMARK_MESSAGE(payment::note_charged, "payment.note_charged.v1", charge)
TIDEMARK_MESSAGE(payment::note_declined, "payment.note_declined.v1", reason)
TIDEMARK_MESSAGE(payment::void_payment, "payment.void.v1")
TIDEMARK_MESSAGE(payment::note_refunded, "payment.note_refunded.v1")
TIDEMARK_MESSAGE(payment::started, "payment.started.v1", customer, amount)
TIDEMARK_MESSAGE(payment::charged, "payment.charged.v1", charge)
TIDEMARK_MESSAGE(payment::declined, "payment.declined.v1", reason)
TIDEMARK_MESSAGE(payment::voided, "payment.voided.v1")
TIDEMARK_MESSAGE(payment::refunded, "payment.refunded.v1")
TIDEMARK_STATE(payment_state, "payment.state.v1", status, customer, amount, charge)

}  // namespace shop
