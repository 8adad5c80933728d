#include "tidemark/examples/checkout/views.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/codec/json_codec.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

using shop::inventory, shop::money, shop::order, shop::order_line, shop::order_row;
using shop::order_status, shop::stock_row;
using namespace std::chrono_literals;

namespace {

const tidemark::instant noon{1'577'880'000s};
const std::vector<order_line> lines{{"apple", 2, money{45}}};

/// A projection over a read model in memory, and the events that are fed to it, in order.
template <class Projection, class Aggregate>
class fed {
  public:
    template <class Event>
    void hear(const std::string& of, Event event) {
        ++last_;
        const tidemark::event_context context{
            .position = tidemark::position{last_},
            .stream = {Aggregate::category, of},
            .version = tidemark::version{++versions_[of]},
            .event = tidemark::message_id::derive({"event", std::to_string(last_)}),
            .correlation = {},
            .causation = {}};
        auto from = run(io_, rows_.load_checkpoint(name())).value();
        auto to = from;
        to.position = context.position;
        run(io_, rows_.update(name(), from, to, [&](tidemark::read_model& rows) {
            Projection::project(rows, event, context);
        })).value();
    }
    template <class Row>
    Row row(const std::string& of) {
        const auto found = run(io_, rows_.find_document(name(), of)).value();
        return tidemark::decode<Row>(found.value().body).value();
    }
    std::vector<std::string> keys_by(const std::string& index, const std::string& value) {
        tidemark::document_query wanted;
        wanted.index = index;
        wanted.value = value;
        std::vector<std::string> out;
        for (const auto& one : run(io_, rows_.query(name(), wanted)).value()) {
            out.push_back(one.key);
        }
        return out;
    }

  private:
    static std::string name() { return std::string{Projection::name}; }

    tidemark::io io_{{.shards = 1, .blocking_threads = 1}};
    tidemark::memory_storage rows_{io_.clock()};
    std::map<std::string, std::uint64_t> versions_;
    std::uint64_t last_ = 0;
};

using fed_orders = fed<shop::orders, order>;
using fed_stock = fed<shop::stock, inventory>;
using keys = std::vector<std::string>;

}  // namespace

TEST_CASE("orders: a row says who ordered, when, and for how much") {
    fed_orders model;
    model.hear("o1", order::placed{"ada", lines, money{90}, noon});
    const auto row = model.row<order_row>("o1");
    CHECK(row.id == "o1");
    CHECK(row.customer == "ada");
    CHECK(row.status == order_status::placed);
    CHECK(row.total == money{90});
    CHECK(row.placed_at == noon);
    CHECK(row.version == 1);
}

TEST_CASE("orders: a row follows its order to the parcel") {
    fed_orders model;
    model.hear("o1", order::placed{"ada", lines, money{90}, noon});
    model.hear("o1", order::confirmed{});
    CHECK(model.row<order_row>("o1").status == order_status::confirmed);
    model.hear("o1", order::shipped{"T-1"});
    const auto row = model.row<order_row>("o1");
    CHECK(row.status == order_status::shipped);
    CHECK(row.tracking == "T-1");
    CHECK(row.customer == "ada");
    CHECK(row.version == 3);
}

TEST_CASE("orders: a rejected one and a cancelled one say why") {
    fed_orders model;
    model.hear("o1", order::placed{"ada", lines, money{90}, noon});
    model.hear("o2", order::placed{"bob", lines, money{90}, noon});
    model.hear("o1", order::rejected{"checkout_failed"});
    model.hear("o2", order::cancelled{"changed_mind"});
    CHECK(model.row<order_row>("o1").status == order_status::rejected);
    CHECK(model.row<order_row>("o1").reason == "checkout_failed");
    CHECK(model.row<order_row>("o2").status == order_status::cancelled);
    CHECK(model.row<order_row>("o2").reason == "changed_mind");
}

TEST_CASE("orders: they are found by customer and by today's status, not by yesterday's") {
    fed_orders model;
    model.hear("o1", order::placed{"ada", lines, money{90}, noon});
    model.hear("o2", order::placed{"bob", lines, money{90}, noon});
    model.hear("o3", order::placed{"ada", lines, money{90}, noon});
    model.hear("o1", order::confirmed{});
    CHECK(model.keys_by("customer", "ada") == keys{"o1", "o3"});
    CHECK(model.keys_by("status", "placed") == keys{"o2", "o3"});
    CHECK(model.keys_by("status", "confirmed") == keys{"o1"});
    CHECK(model.keys_by("customer", "eve").empty());
}

TEST_CASE("stock: what is set aside is no longer available, until it is released") {
    fed_stock model;
    model.hear("apple", inventory::restocked{10});
    model.hear("lamp", inventory::restocked{3});
    model.hear("apple", inventory::reserved{"o1", 4});
    model.hear("apple", inventory::reserved{"o2", 1});
    auto row = model.row<stock_row>("apple");
    CHECK(row.sku == "apple");
    CHECK(row.available == 5);
    CHECK(row.reserved == 5);
    model.hear("apple", inventory::released{"o1", 4});
    row = model.row<stock_row>("apple");
    CHECK(row.available == 9);
    CHECK(row.reserved == 1);
    CHECK(row.version == 4);
    CHECK(model.row<stock_row>("lamp").available == 3);
}
