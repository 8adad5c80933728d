#include "tidemark/examples/checkout/views.hpp"

#include "tidemark/codec/json_codec.hpp"
#include "tidemark/eventstore/read_model.hpp"

namespace shop {

namespace {

using tidemark::event_context;
using tidemark::read_model;

std::string id_of(const event_context& context) { return std::string{context.stream.id()}; }

template <class Row>
Row load(read_model& model, const std::string& key) {
    const auto kept = model.get(key);
    if (!kept) return {key};
    return tidemark::decode<Row>(kept->body).value();
}

void save(read_model& model, const order_row& row) {
    const std::string status{tidemark::to_string(row.status)};
    model.put({row.id,
               tidemark::encode_json(row).value(),
               {{"customer", row.customer},
                {"status", status},
                {"customer_status", customer_and_status(row.customer, status)}}});
}

void save(read_model& model, const stock_row& row) {
    model.put({row.sku, tidemark::encode_json(row).value(), {}});
}

template <class Change>
void change_order(read_model& model, const event_context& context, Change change) {
    auto row = load<order_row>(model, id_of(context));
    change(row);
    row.version = context.version.value();
    save(model, row);
}

template <class Change>
void change_stock(read_model& model, const event_context& context, Change change) {
    auto row = load<stock_row>(model, id_of(context));
    change(row);
    row.version = context.version.value();
    save(model, row);
}

}  // namespace

std::string customer_and_status(std::string_view customer, std::string_view status) {
    // A line break stands in no query, so that no other pair gives the same.
    return std::string{status} + "\n" + std::string{customer};
}

void orders::project(read_model& model, const order::placed& e, const event_context& context) {
    change_order(model, context, [&](order_row& row) {
        row.customer = e.customer;
        row.status = order_status::placed;
        row.total = e.total;
        row.placed_at = e.at;
    });
}
void orders::project(read_model& model, const order::confirmed&, const event_context& context) {
    change_order(model, context, [](order_row& row) { row.status = order_status::confirmed; });
}
void orders::project(read_model& model, const order::rejected& e, const event_context& context) {
    change_order(model, context, [&](order_row& row) {
        row.status = order_status::rejected;
        row.reason = e.reason;
    });
}
void orders::project(read_model& model, const order::cancelled& e, const event_context& context) {
    change_order(model, context, [&](order_row& row) {
        row.status = order_status::cancelled;
        row.reason = e.reason;
    });
}
void orders::project(read_model& model, const order::shipped& e, const event_context& context) {
    change_order(model, context, [&](order_row& row) {
        row.status = order_status::shipped;
        row.tracking = e.tracking;
    });
}

void stock::project(read_model& model, const inventory::restocked& e,
                    const event_context& context) {
    change_stock(model, context, [&](stock_row& row) { row.available += e.quantity; });
}
void stock::project(read_model& model, const inventory::reserved& e, const event_context& context) {
    change_stock(model, context, [&](stock_row& row) {
        row.available -= e.quantity;
        row.reserved += e.quantity;
    });
}
void stock::project(read_model& model, const inventory::released& e, const event_context& context) {
    change_stock(model, context, [&](stock_row& row) {
        row.available += e.quantity;
        row.reserved -= e.quantity;
    });
}

}  // namespace shop
