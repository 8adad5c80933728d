#include "tidemark/examples/checkout/dispatch.hpp"

#include "tidemark/codec/json_codec.hpp"
#include "tidemark/core/stored_name.hpp"
#include "tidemark/eventstore/read_model.hpp"

namespace dispatch {

using shop::inventory;
using shop::order;
using tidemark::event_context;
using tidemark::read_model;

namespace {

template <class Row>
Row load(read_model& rows, const std::string& key) {
    const auto kept = rows.get(key);
    if (!kept) return {key};
    return tidemark::decode<Row>(kept->body).value();
}

template <class Event, class Change>
void change_parcel(read_model& rows, const Event&, const event_context& context, Change change) {
    auto row = load<parcel>(rows, std::string{context.stream.id()});
    change(row);
    row.heard.push_back({context.version.value(), std::string{tidemark::stored_name<Event>()}});
    rows.put({row.order,
              tidemark::encode_json(row).value(),
              {{"state", std::string{tidemark::to_string(row.state)}}}});
}

template <class Change>
void change_shelf(read_model& rows, const event_context& context, Change change) {
    auto& all = rows.beside(parcels::shelves);
    auto row = load<shelf>(all, std::string{context.stream.id()});
    change(row);
    ++row.heard;
    row.version = context.version.value();
    all.put({row.sku, tidemark::encode_json(row).value(), {}});
}

}  // namespace

// [project]
void parcels::project(read_model& rows, const order::placed& e, const event_context& context) {
    change_parcel(rows, e, context, [&](parcel& row) {
        row.customer = e.customer;
        row.lines = e.lines;
    });
}
void parcels::project(read_model& rows, const order::confirmed& e, const event_context& context) {
    change_parcel(rows, e, context, [](parcel& row) { row.state = parcel_state::packing; });
}
// [/project]
void parcels::project(read_model& rows, const order::rejected& e, const event_context& context) {
    change_parcel(rows, e, context, [](parcel& row) { row.state = parcel_state::called_off; });
}
void parcels::project(read_model& rows, const order::cancelled& e, const event_context& context) {
    change_parcel(rows, e, context, [](parcel& row) { row.state = parcel_state::called_off; });
}
void parcels::project(read_model& rows, const order::shipped& e, const event_context& context) {
    change_parcel(rows, e, context, [&](parcel& row) {
        row.state = parcel_state::sent;
        row.tracking = e.tracking;
    });
}

void parcels::project(read_model& rows, const inventory::restocked& e,
                      const event_context& context) {
    change_shelf(rows, context, [&](shelf& row) { row.pieces += e.quantity; });
}
void parcels::project(read_model& rows, const inventory::reserved& e,
                      const event_context& context) {
    change_shelf(rows, context, [&](shelf& row) {
        row.pieces -= e.quantity;
        row.set_aside += e.quantity;
    });
}
void parcels::project(read_model& rows, const inventory::released& e,
                      const event_context& context) {
    change_shelf(rows, context, [&](shelf& row) {
        row.pieces += e.quantity;
        row.set_aside -= e.quantity;
    });
}

}  // namespace dispatch
