#include "tidemark/examples/checkout/checkout.hpp"

#include "tidemark/testing/scenario.hpp"

#include <doctest/doctest.h>

#include <vector>

using shop::checkout, shop::inventory, shop::inventory_id, shop::money, shop::order, shop::order_id;
using shop::order_line, shop::payment, shop::payment_id;
using tidemark::testing::given;
using namespace std::chrono_literals;

namespace {

const std::vector<order_line> two_lines{{"apple", 2, money{45}}, {"lamp", 1, money{4900}}};
const checkout::begin begin{order_id{"o1"}, "ada", two_lines, money{4990}};
const inventory::reserved apples{"o1", 2};
const inventory::reserved lamps{"o1", 1};

}  // namespace

TEST_CASE("checkout: everything it begins with can be taken back, the order last, within 30 s") {
    const auto steps = given<checkout>().when(begin);
    CHECK(steps ==
          checkout::steps{tidemark::send(order_id{"o1"}, order::begin_checkout{})
                              .undone_by(order::reject{"checkout_failed"})
                              .named("order"),
                          tidemark::send(inventory_id{"apple"}, inventory::reserve{"o1", 2})
                              .undone_by(inventory::release{"o1"})
                              .named("reserve apple"),
                          tidemark::send(inventory_id{"lamp"}, inventory::reserve{"o1", 1})
                              .undone_by(inventory::release{"o1"})
                              .named("reserve lamp"),
                          tidemark::schedule("deadline", 30s, checkout::expired{})});
    CHECK(steps.state().lines == 2);
    CHECK(steps.state().reserved == 0);
}

TEST_CASE("checkout: no money is asked for while an article is missing") {
    CHECK(given<checkout>(begin).when(apples) == checkout::steps{});
}

TEST_CASE("checkout: the last reservation asks for the money, which a void gives back") {
    const auto steps = given<checkout>(begin, apples).when(lamps);
    CHECK(steps == tidemark::send(payment_id{"o1"}, payment::collect{"ada", money{4990}})
                       .undone_by(payment::void_payment{})
                       .named("pay"));
}

TEST_CASE("checkout: an accepted begin of the checkout asks for nothing more") {
    CHECK(given<checkout>(begin).when(tidemark::accepted{}) == checkout::steps{});
}

TEST_CASE("checkout: once it is paid the order is confirmed, from which there is no way back") {
    const auto steps = given<checkout>(begin, apples, lamps).when(checkout::paid{});
    CHECK(steps == tidemark::send(order_id{"o1"}, order::confirm{}).pivot().named("confirm"));
}

TEST_CASE("checkout: a confirmed order ends it and its deadline") {
    const auto steps =
        given<checkout>(begin, apples, lamps, checkout::paid{}).when(order::confirmed{});
    CHECK(steps == checkout::steps{tidemark::cancel("deadline"), tidemark::complete()});
}

TEST_CASE("checkout: a declined card fails it with the provider's reason") {
    const auto steps =
        given<checkout>(begin, apples, lamps).when(checkout::payment_failed{"card_declined"});
    CHECK(steps == tidemark::fail("card_declined"));
}

TEST_CASE("checkout: a refusal fails it with the reason it heard, before and after the money") {
    for (const auto* reason : {"not_placed", "out_of_stock", "already_reserved"}) {
        CHECK(given<checkout>(begin).when(tidemark::refused{reason}) == tidemark::fail(reason));
    }
    CHECK(given<checkout>(begin, apples, lamps, checkout::paid{})
              .when(tidemark::refused{"not_placed"}) == tidemark::fail("not_placed"));
}

TEST_CASE("checkout: the deadline fails it, whatever it waits for") {
    CHECK(given<checkout>(begin).when(checkout::expired{}) == tidemark::fail("timed_out"));
    CHECK(given<checkout>(begin, apples).when(checkout::expired{}) == tidemark::fail("timed_out"));
    CHECK(given<checkout>(begin, apples, lamps).when(checkout::expired{}) ==
          tidemark::fail("timed_out"));
}
