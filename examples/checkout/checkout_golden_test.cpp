#include "tidemark/codec/golden.hpp"

#include "tidemark/examples/checkout/checkout.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace std::chrono_literals;
using shop::checkout, shop::inventory, shop::money, shop::order, shop::payment;

namespace {

const std::vector<shop::order_line> lines{{"apple", 2, money{45}}, {"lamp", 1, money{4900}}};
const tidemark::instant placed_at{1'577'836'800s};

void check_orders(tidemark::golden& golden) {
    golden.holds<order::command>({order::place{"ada", lines}, order::begin_checkout{},
                                  order::confirm{}, order::reject{"sold_out"},
                                  order::cancel{"changed_mind"}, order::ship{"T-1"}});
    golden.holds<order::event>({order::placed{"ada", lines, money{4990}, placed_at},
                                order::confirmed{}, order::rejected{"sold_out"},
                                order::cancelled{"changed_mind"}, order::shipped{"T-1"}});
    golden.holds_one(
        shop::order_state{shop::order_status::rejected, "ada", lines, money{4990}, "sold_out"});
}

void check_inventory(tidemark::golden& golden) {
    golden.holds<inventory::command>(
        {inventory::restock{60}, inventory::reserve{"o1", 2}, inventory::release{"o1"}});
    golden.holds<inventory::event>(
        {inventory::restocked{60}, inventory::reserved{"o1", 2}, inventory::released{"o1", 2}});
    golden.holds_one(inventory::state{58, {{"o1", 2}}});
}

void check_payments(tidemark::golden& golden) {
    golden.holds<payment::command>({payment::collect{"ada", money{4990}},
                                    payment::note_charged{"ch-1"}, payment::note_declined{"bank"},
                                    payment::void_payment{}, payment::note_refunded{}});
    golden.holds<payment::event>({payment::started{"ada", money{4990}}, payment::charged{"ch-1"},
                                  payment::declined{"bank"}, payment::voided{},
                                  payment::refunded{}});
    golden.holds_one(shop::charge_card{"o1", "ada", money{4990}});
    golden.holds_one(shop::refund_card{"o1", "ch-1", money{4990}});
    golden.holds_one(
        shop::payment_state{shop::payment_status::charged, "ada", money{4990}, "ch-1"});
}

void check_checkouts(tidemark::golden& golden) {
    golden.holds<checkout::input>(
        {checkout::begin{{"o1"}, "ada", lines, money{4990}}, inventory::reserved{"o1", 2},
         checkout::paid{}, checkout::payment_failed{"bank"}, order::confirmed{},
         tidemark::accepted{}, tidemark::refused{"sold_out", ""}, checkout::expired{}});
    golden.holds_one(shop::checkout_state{{"o1"}, "ada", money{4990}, 2, 1});
}

}  // namespace

TEST_CASE("checkout: what was stored once is still read, byte for byte") {
    tidemark::golden golden{TIDEMARK_SOURCE_FOLDER "/checkout.golden"};
    check_orders(golden);
    check_inventory(golden);
    check_payments(golden);
    check_checkouts(golden);
    for (const auto& mistake : golden.mistakes()) FAIL_CHECK(mistake);
}
