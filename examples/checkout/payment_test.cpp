#include "tidemark/examples/checkout/payment.hpp"

#include "tidemark/examples/checkout/checkout.hpp"
#include "tidemark/testing/scenario.hpp"

#include <doctest/doctest.h>

using shop::charge_card, shop::checkout, shop::checkout_id, shop::money, shop::payment;
using shop::payment_status, shop::refund_card;
using tidemark::testing::given;
using namespace std::chrono_literals;

namespace {

const payment::started started{"ada", money{4990}};
const tidemark::request_options charging{
    .retry = {.attempts_max = 4, .first = 200ms, .factor = 2, .cap = 2s}, .timeout = 5s};
const tidemark::request_options refunding{
    .retry = {.attempts_max = 20, .first = 1s, .factor = 2, .cap = 60s}, .timeout = 10s};

/// The money of the charge "ch-1", asked back.
auto refund() { return tidemark::request(refund_card{"scenario", "ch-1", money{4990}}, refunding); }

}  // namespace

TEST_CASE("payment: collecting asks the provider once") {
    const auto decided = given<payment>().when(payment::collect{"ada", money{4990}});
    CHECK(decided ==
          payment::decision{
              started, tidemark::request(charge_card{"scenario", "ada", money{4990}}, charging)});
    CHECK(decided.state().status == payment_status::pending);
    CHECK(given<payment>(started).when(payment::collect{"ada", money{4990}}) ==
          tidemark::reject("already_started"));
    CHECK(given<payment>(started, payment::voided{}).when(payment::collect{"ada", money{4990}}) ==
          tidemark::reject("already_started"));
}

TEST_CASE("payment: all attempts at a charge fit into the deadline of the checkout") {
    auto longest = charging.timeout;
    auto pause = charging.retry.first;
    for (auto attempt = 2U; attempt <= charging.retry.attempts_max; ++attempt) {
        longest += pause + charging.timeout;
        pause *= 2;
    }
    CHECK(longest < 30s);
}

TEST_CASE("payment: a charge is noted, and the checkout hears of it") {
    const auto decided = given<payment>(started).when(payment::note_charged{"ch-1"});
    CHECK(decided == payment::decision{payment::charged{"ch-1"},
                                       tidemark::send(checkout_id{"scenario"}, checkout::paid{})});
    CHECK(decided.state().status == payment_status::charged);
    CHECK(decided.state().charge == "ch-1");
}

TEST_CASE("payment: a charge that is told again changes nothing") {
    CHECK(given<payment>(started, payment::charged{"ch-1"}).when(payment::note_charged{"ch-1"}) ==
          payment::decision{});
}

TEST_CASE("payment: a decline is noted, and the checkout hears why") {
    const auto decided = given<payment>(started).when(payment::note_declined{"card_declined"});
    CHECK(decided == payment::decision{payment::declined{"card_declined"},
                                       tidemark::send(checkout_id{"scenario"},
                                                      checkout::payment_failed{"card_declined"})});
    CHECK(decided.state().status == payment_status::declined);
    CHECK(given<payment>(started, payment::declined{"card_declined"})
              .when(payment::note_declined{"card_declined"}) == payment::decision{});
    CHECK(given<payment>(started, payment::charged{"ch-1"})
              .when(payment::note_declined{"card_declined"}) == payment::decision{});
}

TEST_CASE("payment: voiding a charged one gives the money back") {
    const auto decided =
        given<payment>(started, payment::charged{"ch-1"}).when(payment::void_payment{});
    CHECK(decided == payment::decision{payment::voided{}, refund()});
    CHECK(decided.state().status == payment_status::voided);
}

TEST_CASE("payment: voiding a pending one leaves nothing to give back yet") {
    const auto decided = given<payment>(started).when(payment::void_payment{});
    CHECK(decided == payment::voided{});
    CHECK(decided.state().status == payment_status::voided);
}

TEST_CASE("payment: voiding what took no money, or was voided before, does nothing") {
    CHECK(given<payment>().when(payment::void_payment{}) == payment::decision{});
    CHECK(
        given<payment>(started, payment::declined{"card_declined"}).when(payment::void_payment{}) ==
        payment::decision{});
    CHECK(given<payment>(started, payment::charged{"ch-1"}, payment::voided{})
              .when(payment::void_payment{}) == payment::decision{});
    CHECK(given<payment>(started, payment::charged{"ch-1"}, payment::voided{}, payment::refunded{})
              .when(payment::void_payment{}) == payment::decision{});
}

TEST_CASE("payment: a charge that comes after the void is refunded at once") {
    const auto decided =
        given<payment>(started, payment::voided{}).when(payment::note_charged{"ch-1"});
    CHECK(decided == payment::decision{payment::charged{"ch-1"}, refund()});
    CHECK(decided.state().status == payment_status::voided);
}

TEST_CASE("payment: a voided charge that is told again is not refunded again") {
    CHECK(given<payment>(started, payment::voided{}, payment::charged{"ch-1"})
              .when(payment::note_charged{"ch-1"}) == payment::decision{});
    CHECK(given<payment>(started, payment::charged{"ch-1"}, payment::voided{})
              .when(payment::note_charged{"ch-1"}) == payment::decision{});
}

TEST_CASE("payment: a decline that comes after the void is noted, and nobody waits for it") {
    CHECK(
        given<payment>(started, payment::voided{}).when(payment::note_declined{"card_declined"}) ==
        payment::declined{"card_declined"});
}

TEST_CASE("payment: a refund is noted once, and only of what was voided") {
    const auto voided = given<payment>(started, payment::charged{"ch-1"}, payment::voided{});
    const auto decided = voided.when(payment::note_refunded{});
    CHECK(decided == payment::refunded{});
    CHECK(decided.state().status == payment_status::refunded);
    CHECK(given<payment>(started, payment::charged{"ch-1"}, payment::voided{}, payment::refunded{})
              .when(payment::note_refunded{}) == payment::decision{});
    CHECK(given<payment>(started, payment::charged{"ch-1"}).when(payment::note_refunded{}) ==
          payment::decision{});
}
