#include "tidemark/cli/app.hpp"
#include "tidemark/examples/checkout/api.hpp"
#include "tidemark/examples/checkout/checkout.hpp"
#include "tidemark/examples/checkout/demo.hpp"
#include "tidemark/examples/checkout/views.hpp"
#include "tidemark/runtime/setting_kinds.hpp"
#include "tidemark/sagas/saga_type.hpp"

#include <memory>

namespace {

void add_settings(tidemark::config_schema& schema) {
    tidemark::setting decline;
    decline.name = "payment.decline_rate";
    decline.type = tidemark::setting_type::real;
    decline.fallback = "0.05";
    decline.least = "0";
    decline.most = "1";
    decline.doc = "Share of charges that the fake payment provider declines.";
    schema.add(decline);
    auto failure = decline;
    failure.name = "payment.failure_rate";
    failure.fallback = "0.02";
    failure.doc = "Share of calls to the fake payment provider that fail like a broken connection.";
    schema.add(failure);
    tidemark::setting latency;
    latency.name = "payment.latency";
    latency.type = tidemark::setting_type::time_span;
    latency.fallback = "20ms";
    latency.most = "1min";
    latency.doc = "Time the fake payment provider takes.";
    schema.add(latency);
    schema.add(tidemark::text_setting(
        "bus.commands", "Topic of the bus that the shop takes commands from; empty: none."));
}

/// The provider lives as long as the program, like the real one.
shop::provider& provider_of(tidemark::runtime& app) {
    static shop::provider only{app.world()};
    return only;
}

void wire(tidemark::runtime& app, const tidemark::settings& values) {
    auto& payments = provider_of(app);
    payments.set({.decline_rate = values.real("payment.decline_rate"),
                  .failure_rate = values.real("payment.failure_rate"),
                  .latency = values.duration("payment.latency")});
    app.store<shop::order>();
    app.store<shop::inventory>({.snapshot_every = 100});
    app.store<shop::payment>();
    app.store<shop::checkout>();
    app.project<shop::orders>();
    app.project<shop::stock>();
    app.perform<shop::charge_card>(
        [&payments](shop::charge_card asked, tidemark::request_context context) {
            return payments.charge(std::move(asked), std::move(context));
        });
    app.perform<shop::refund_card>(
        [&payments](shop::refund_card asked, tidemark::request_context context) {
            return payments.refund(std::move(asked), std::move(context));
        });
    app.relay({.topic = "shop.events"});
    // [serve]
    if (const auto topic = values.text("bus.commands"); !topic.empty()) {
        app.serve({.topic = topic, .commands = {"order.ship.v1", "order.cancel.v1"}});
    }
    // [/serve]
}

}  // namespace

int main(int argc, char* argv[]) {
    tidemark::cli::app shop;
    shop.name = "shop";
    shop.summary = "orders, stock and payments: the example of Tidemark";
    shop.add_settings = add_settings;
    shop.wire = wire;
    shop.add_routes = [](tidemark::http::router& routes, tidemark::runtime& app,
                         const tidemark::settings&) {
        shop::add_api(routes, app, provider_of(app));
    };
    shop.example = R"(curl -i {url}/api/v1/orders -H 'Idempotency-Key: first' -d )"
                   R"('{"customer":"ada","lines":[{"sku":"apple","quantity":2,"price":45}]}')";
    shop.demo = shop::run_demo;
    return tidemark::cli::main(shop, argc, argv);
}
