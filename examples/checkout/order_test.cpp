#include "tidemark/examples/checkout/order.hpp"

#include "tidemark/examples/checkout/checkout.hpp"
#include "tidemark/testing/scenario.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

using shop::checkout, shop::checkout_id, shop::money, shop::order, shop::order_id, shop::order_line;
using shop::order_status;
using tidemark::testing::given, tidemark::testing::scenario_start;

namespace {

const std::vector<order_line> two_lines{{"apple", 2, money{45}}, {"lamp", 1, money{4900}}};
const order::placed placed{"ada", two_lines, money{4990}, scenario_start};

order::place one_line(order_line line) { return {"ada", {std::move(line)}}; }

}  // namespace

TEST_CASE("order: placing adds its lines up and begins the checkout of the same id") {
    auto decided = given<order>().when(order::place{"ada", two_lines});
    CHECK(decided ==
          order::decision{placed, tidemark::send(checkout_id{"scenario"},
                                                 checkout::begin{order_id{"scenario"}, "ada",
                                                                 two_lines, money{4990}})});
    CHECK(decided.state().status == order_status::placed);
    CHECK(decided.state().total == money{4990});
}

TEST_CASE("order: what cannot be sold is refused by its own code") {
    struct row {
        order::place asked;
        const char* code;
    };
    const row rows[] = {
        {{"", two_lines}, "customer_missing"},
        {{"ada", {}}, "no_lines"},
        {{"ada", std::vector<order_line>(51, {"apple", 1, money{1}})}, "too_many_lines"},
        {one_line({"apple", 0, money{1}}), "quantity_out_of_range"},
        {one_line({"apple", -1, money{1}}), "quantity_out_of_range"},
        {one_line({"apple", 1001, money{1}}), "quantity_out_of_range"},
        {one_line({"", 1, money{1}}), "sku_missing"},
        {one_line({std::string(255, 'x'), 1, money{1}}), "sku_not_valid"},
        {one_line({"a\nb", 1, money{1}}), "sku_not_valid"},
        {{"ada", {{"apple", 1, money{1}}, {"apple", 2, money{1}}}}, "sku_named_twice"},
        {one_line({"apple", 1, money{-1}}), "price_negative"},
        {one_line({"apple", 1, money{100'000'001}}), "price_too_high"},
    };
    for (const auto& [asked, code] : rows) {
        CAPTURE(code);
        CHECK(given<order>().when(asked) == tidemark::rejection{code, ""});
    }
}

TEST_CASE("order: the dearest order there can be has a total, a dearer one is no overflow") {
    std::vector<order_line> lines;
    for (auto i = 0; i < 50; ++i) {
        lines.push_back({"a" + std::to_string(i), 1000, money{100'000'000}});
    }
    const auto decided = given<order>().when(order::place{"ada", lines});
    CHECK(decided.state().total == money{5'000'000'000'000});
    const auto most = money{std::numeric_limits<std::int64_t>::max()};
    CHECK(given<order>().when(one_line({"apple", 2, most})) == tidemark::reject("price_too_high"));
}

TEST_CASE("order: a gift costs nothing and is an order like any other") {
    const auto decided = given<order>().when(one_line({"leaflet", 1, money{0}}));
    CHECK(decided.state().status == order_status::placed);
    CHECK(decided.state().total == money{0});
}

TEST_CASE("order: it is placed once") {
    CHECK(given<order>(placed).when(order::place{"bob", two_lines}) ==
          tidemark::reject("already_placed"));
    CHECK(given<order>(placed, order::rejected{"sold_out"}).when(order::place{"ada", two_lines}) ==
          tidemark::reject("already_placed"));
}

TEST_CASE("order: its checkout begins as long as it is placed, and changes nothing yet") {
    CHECK(given<order>(placed).when(order::begin_checkout{}) == order::decision{});
    CHECK(given<order>().when(order::begin_checkout{}) == tidemark::reject("not_placed"));
    CHECK(given<order>(placed, order::cancelled{"changed_mind"}).when(order::begin_checkout{}) ==
          tidemark::reject("not_placed"));
}

TEST_CASE("order: only a placed one is confirmed") {
    CHECK(given<order>(placed).when(order::confirm{}) == order::confirmed{});
    CHECK(given<order>().when(order::confirm{}) == tidemark::reject("not_placed"));
    CHECK(given<order>(placed, order::confirmed{}).when(order::confirm{}) ==
          tidemark::reject("not_placed"));
    CHECK(given<order>(placed, order::cancelled{"changed_mind"}).when(order::confirm{}) ==
          tidemark::reject("not_placed"));
}

TEST_CASE("order: a failed checkout rejects it, unless its customer was faster") {
    const auto decided = given<order>(placed).when(order::reject{"checkout_failed"});
    CHECK(decided == order::rejected{"checkout_failed"});
    CHECK(decided.state().status == order_status::rejected);
    CHECK(decided.state().reason == "checkout_failed");
    CHECK(given<order>(placed, order::cancelled{"changed_mind"})
              .when(order::reject{"checkout_failed"}) == order::decision{});
}

TEST_CASE("order: a confirmed one is never rejected") {
    CHECK(given<order>(placed, order::confirmed{}).when(order::reject{"checkout_failed"}) ==
          tidemark::reject("not_placed"));
    CHECK(given<order>().when(order::reject{"checkout_failed"}) == tidemark::reject("not_placed"));
}

TEST_CASE("order: its customer cancels it until it is confirmed, once or more often") {
    const auto decided = given<order>(placed).when(order::cancel{"changed_mind"});
    CHECK(decided == order::cancelled{"changed_mind"});
    CHECK(decided.state().reason == "changed_mind");
    CHECK(given<order>(placed, order::cancelled{"changed_mind"}).when(order::cancel{"again"}) ==
          order::decision{});
    CHECK(given<order>().when(order::cancel{"x"}) == tidemark::reject("no_such_order"));
    CHECK(given<order>(placed, order::confirmed{}).when(order::cancel{"x"}) ==
          tidemark::reject("too_late_to_cancel"));
    CHECK(given<order>(placed, order::rejected{"sold_out"}).when(order::cancel{"x"}) ==
          tidemark::reject("too_late_to_cancel"));
}

TEST_CASE("order: what is confirmed is shipped once, and nothing else is") {
    const auto confirmed = given<order>(placed, order::confirmed{});
    const auto decided = confirmed.when(order::ship{"T-1"});
    CHECK(decided == order::shipped{"T-1"});
    CHECK(decided.state().status == order_status::shipped);
    CHECK(given<order>().when(order::ship{"T-1"}) == tidemark::reject("no_such_order"));
    CHECK(given<order>(placed).when(order::ship{"T-1"}) == tidemark::reject("not_confirmed"));
    CHECK(
        given<order>(placed, order::confirmed{}, order::shipped{"T-1"}).when(order::ship{"T-2"}) ==
        tidemark::reject("not_confirmed"));
}
