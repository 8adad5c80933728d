#include "tidemark/cli/app.hpp"
#include "tidemark/codec/json_codec.hpp"
#include "tidemark/examples/checkout/api_parts.hpp"
#include "tidemark/examples/checkout/dispatch.hpp"
#include "tidemark/runtime/setting_kinds.hpp"

#include <string>
#include <utility>

namespace dispatch {
namespace {

namespace http = tidemark::http;
using http::request;
using http::response;
using tidemark::awaitable;

constexpr std::size_t page_max = 500;

void add_settings(tidemark::config_schema& schema) {
    schema.add(tidemark::text_setting(
        "bus.commands",
        "Topic of the bus that the shop takes commands from; empty: it is asked nothing."));
    schema.add(tidemark::text_setting(
        "bus.replies",
        "Topic of the replies, another one for each process; empty: bus.commands with "
        "\".replies.dispatch\" behind it."));
}

// [consume]
void take_events(tidemark::runtime& app) {
    tidemark::consumer_options options;
    options.topic = "shop.events";
    // Those of a batch are fetched together.
    options.reads = [](const tidemark::recorded_event& e) { return std::string{e.stream.id()}; };
    app.consume<parcels>(options);
}
// [/consume]

void ask_shop(tidemark::runtime& app, const tidemark::settings& values) {
    const auto topic = values.text("bus.commands");
    if (topic.empty()) return;
    const auto replies = values.text("bus.replies");
    app.call_over(
        {.topic = topic, .reply_topic = replies.empty() ? topic + ".replies.dispatch" : replies});
}

void wire(tidemark::runtime& app, const tidemark::settings& values) {
    take_events(app);
    ask_shop(app, values);
}

/// Body of `send`.
struct send_body {
    std::string tracking;
};
TIDEMARK_STRUCT(send_body, tracking)

// [ask]
/// A parcel leaves: the shop is asked to say so of its order.
awaitable<response> send_parcel(tidemark::runtime& app, tidemark::bus_caller& to_shop, request r) {
    response refused;
    auto body = shop::read_body<send_body>(r, refused);
    if (!body) co_return refused;
    if (auto bad_key = shop::refuse_bad_key(r)) co_return std::move(*bad_key);
    auto how = shop::call_of(r, app.world());
    const shop::order_id order{r.parameter("order")};
    auto told =
        co_await to_shop.ask<shop::order::ship>(std::move(how), order, std::move(body->tracking));
    co_return shop::answer_of(told, http::no_content());
}
// [/ask]

/// `?state=packing`, `?limit=`, `?cursor=`: the order to go on behind.
awaitable<response> list_parcels(tidemark::runtime& app, request r) {
    const auto limit = shop::number_of(r, "limit", 100, page_max);
    if (!limit || *limit == 0) {
        co_return http::refuse(
            http::make_problem("bad_target", "query parameter limit is a number from 1 to 500"));
    }
    tidemark::document_query wanted;
    wanted.limit = *limit;
    if (const auto state = r.query.find("state")) {
        wanted.index = "state";
        wanted.value = *state;
    }
    if (const auto cursor = r.query.find("cursor")) wanted.after_key = *cursor;
    std::string name{parcels::name};
    auto found = co_await app.events().query(std::move(name), std::move(wanted));
    if (!found) co_return http::refuse(http::to_problem(found.error()));
    std::string items;
    for (const auto& one : *found) items += (items.empty() ? "" : ",") + one.body;
    const auto is_full = found->size() == *limit;
    const auto next =
        is_full ? tidemark::encode_json(found->back().key).value() : std::string{"null"};
    co_return http::json(200, R"({"items":[)" + items + R"(],"next":)" + next + "}");
}

awaitable<response> get_one(tidemark::runtime& app, std::string_view from, std::string key) {
    std::string name{from};
    auto found = co_await app.events().find_document(std::move(name), key);
    if (!found) co_return http::refuse(http::to_problem(found.error()));
    if (!*found) {
        co_return http::refuse(
            http::make_problem("not_found", "nothing was heard of \"" + key + "\" yet"));
    }
    co_return http::json(200, (*found)->body);
}

void add_routes(http::router& routes, tidemark::runtime& app, const tidemark::settings& values) {
    if (auto* const to_shop = app.caller(values.text("bus.commands"))) {
        routes.post("/api/v1/parcels/{order}/send", [&app, to_shop](request r) {
            return send_parcel(app, *to_shop, std::move(r));
        });
    }
    routes.get("/api/v1/parcels", [&app](request r) { return list_parcels(app, std::move(r)); });
    routes.get("/api/v1/parcels/{order}",
               [&app](request r) { return get_one(app, parcels::name, r.parameter("order")); });
    routes.get("/api/v1/shelves/{sku}",
               [&app](request r) { return get_one(app, parcels::shelves, r.parameter("sku")); });
}

}  // namespace
}  // namespace dispatch

int main(int argc, char* argv[]) {
    tidemark::cli::app packing;
    packing.name = "dispatch";
    packing.summary = "packs what the shop sells: a second service, fed by the shop's events";
    packing.add_settings = dispatch::add_settings;
    packing.wire = dispatch::wire;
    packing.add_routes = dispatch::add_routes;
    packing.example = "curl -s '{url}/api/v1/parcels?state=packing'";
    return tidemark::cli::main(packing, argc, argv);
}
