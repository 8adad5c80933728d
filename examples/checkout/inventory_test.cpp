#include "tidemark/examples/checkout/inventory.hpp"

#include "tidemark/testing/scenario.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>

using shop::inventory;
using tidemark::testing::given;

TEST_CASE("inventory: goods that arrive can be promised") {
    const auto decided = given<inventory>(inventory::restocked{5}).when(inventory::restock{3});
    CHECK(decided == inventory::restocked{3});
    CHECK(decided.state().available == 8);
}

TEST_CASE("inventory: what arrives is more than nothing, and within the bound of a shelf") {
    const auto full = given<inventory>(inventory::restocked{999'999'999});
    CHECK(full.when(inventory::restock{1}) == inventory::restocked{1});
    CHECK(full.when(inventory::restock{2}) == tidemark::reject("quantity_out_of_range"));
    for (const std::int64_t wrong :
         {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1'000'000'001},
          std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
        CAPTURE(wrong);
        CHECK(given<inventory>().when(inventory::restock{wrong}) ==
              tidemark::reject("quantity_out_of_range"));
    }
}

TEST_CASE("inventory: the last piece is promised, and never twice") {
    const auto shelf = given<inventory>(inventory::restocked{5}, inventory::reserved{"o1", 3});
    const auto decided = shelf.when(inventory::reserve{"o2", 2});
    CHECK(decided == inventory::reserved{"o2", 2});
    CHECK(decided.state().available == 0);
    CHECK(decided.state().reservations.at("o2") == 2);
    CHECK(shelf.when(inventory::reserve{"o2", 3}) == tidemark::reject("out_of_stock"));
    CHECK(given<inventory>().when(inventory::reserve{"o1", 1}) == tidemark::reject("out_of_stock"));
}

TEST_CASE("inventory: an order reserves an article once, and some of it") {
    const auto shelf = given<inventory>(inventory::restocked{5}, inventory::reserved{"o1", 3});
    CHECK(shelf.when(inventory::reserve{"o1", 1}) == tidemark::reject("already_reserved"));
    for (const std::int64_t wrong : {0, -1}) {
        CHECK(shelf.when(inventory::reserve{"o2", wrong}) ==
              tidemark::reject("quantity_out_of_range"));
    }
}

TEST_CASE("inventory: a release gives back exactly what the order held") {
    const auto shelf = given<inventory>(inventory::restocked{5}, inventory::reserved{"o1", 3},
                                        inventory::reserved{"o2", 1});
    const auto decided = shelf.when(inventory::release{"o1"});
    CHECK(decided == inventory::released{"o1", 3});
    CHECK(decided.state().available == 4);
    CHECK(!decided.state().reservations.contains("o1"));
    CHECK(decided.state().reservations.at("o2") == 1);
}

TEST_CASE("inventory: releasing what is not held does nothing") {
    CHECK(given<inventory>().when(inventory::release{"o1"}) == inventory::decision{});
    const auto released = given<inventory>(inventory::restocked{5}, inventory::reserved{"o1", 3},
                                           inventory::released{"o1", 3});
    CHECK(released.when(inventory::release{"o1"}) == inventory::decision{});
    CHECK(released.state().available == 5);
}
