#include "tidemark/examples/checkout/dispatch.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/codec/json_codec.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/runtime/runtime.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace std::chrono_literals;
using shop::inventory, shop::inventory_id, shop::money, shop::order, shop::order_id;

namespace {

/// The shop and the dispatch, each with a store of its own, on one bus. Nobody checks orders out
/// but the test.
struct neighbours {
    tidemark::io io{{.shards = 2}};
    tidemark::memory_storage of_shop{io.clock()};
    tidemark::memory_storage of_dispatch{io.clock()};
    tidemark::memory_event_bus bus;
    tidemark::runtime selling{io, of_shop, bus};
    tidemark::runtime packing{io, of_dispatch, bus};

    neighbours() {
        selling.store<order>();
        selling.store<inventory>();
        selling.relay({.topic = "shop.events"});
        selling.serve({.topic = "shop.commands", .commands = {"order.ship.v1"}});
        packing.consume<dispatch::parcels>({.topic = "shop.events"});
        packing.call_over({.topic = "shop.commands", .reply_topic = "shop.commands.replies.d"});
        selling.start();
        packing.start();
    }
    ~neighbours() {
        CHECK(run(io, selling.drain()).is_complete);
        CHECK(run(io, packing.drain()).is_complete);
    }
    template <class Row>
    Row find(std::string_view in, const std::string& key) {
        const auto found = run(io, of_dispatch.find_document(std::string{in}, key)).value();
        if (!found) return {key};
        return tidemark::decode<Row>(found->body).value();
    }
    [[nodiscard]] dispatch::parcel packed() {
        return find<dispatch::parcel>(dispatch::parcels::name, "1");
    }
    [[nodiscard]] dispatch::shelf apples() {
        return find<dispatch::shelf>(dispatch::parcels::shelves, "apple");
    }
    void wait_until_sent() {
        tidemark::event never;
        const auto until = io.clock().steady() + 1min;
        const auto is_done = [&] {
            return packed().state == dispatch::parcel_state::sent && apples().version == 2;
        };
        while (!is_done() && io.clock().steady() < until) {
            CHECK(!run(io, never.wait_for(io, 1ms)));
        }
        CHECK(is_done());
    }
};

}  // namespace

TEST_CASE("dispatch: what the shop says of an order and an article counts once, in its order") {
    neighbours s;
    const inventory_id apple{"apple"};
    const order_id first{"1"};
    const auto stock = s.selling.store<inventory>();
    const auto orders = s.selling.store<order>();
    REQUIRE(run(s.io, stock.execute<inventory::restock>(apple, std::int64_t{10})));
    REQUIRE(run(s.io, stock.execute<inventory::reserve>(apple, std::string{"1"}, std::int64_t{3})));
    const std::vector<shop::order_line> lines{{"apple", 3, money{45}}};
    REQUIRE(run(s.io, orders.execute<order::place>(first, std::string{"ada"}, lines)));
    REQUIRE(run(s.io, orders.execute<order::confirm>(first)));
    REQUIRE(run(s.io, orders.execute<order::ship>(first, std::string{"T-1"})));
    s.wait_until_sent();

    const auto packed = s.packed();
    CHECK(packed.customer == "ada");
    CHECK(packed.tracking == "T-1");
    REQUIRE(packed.lines.size() == 1);
    REQUIRE(packed.heard.size() == 3);
    CHECK(packed.heard[0].name == "order.placed.v1");
    CHECK(packed.heard[2].name == "order.shipped.v1");
    CHECK(packed.heard[2].version == 3);
    CHECK(s.apples().heard == 2);
    CHECK(s.apples().pieces == 7);
    CHECK(s.apples().set_aside == 3);
}

TEST_CASE("dispatch: the shop ships once what it is asked for over the bus, however often") {
    neighbours s;
    const order_id first{"1"};
    const auto orders = s.selling.store<order>();
    auto& to_shop = *s.packing.caller("shop.commands");
    const auto ask = [&](const char* key, const char* tracking) {
        const auto how = tidemark::call{}.once(key);
        return run(s.io, to_shop.ask<order::ship>(how, first, std::string{tracking}));
    };
    const auto early = ask("early", "T-0");
    REQUIRE(early.is_refused());
    CHECK(early.rejection().code == "no_such_order");
    const std::vector<shop::order_line> lines{{"apple", 3, money{45}}};
    REQUIRE(run(s.io, orders.execute<order::place>(first, std::string{"ada"}, lines)));
    REQUIRE(run(s.io, orders.execute<order::confirm>(first)));
    const auto sent = ask("a", "T-1");
    const auto again = ask("a", "T-1");
    REQUIRE(sent.is_committed());
    REQUIRE(again.is_committed());
    CHECK(again.is_repeated());
    CHECK(again.receipt() == sent.receipt());
    const auto other = run(s.io, to_shop.ask<order::reject>(first, std::string{"no"}));
    CHECK(other.error().code() == tidemark::errc::unknown_message);
    CHECK(run(s.io, s.of_shop.read(first.stream(), {}, 10)).value().size() == 3);
}
