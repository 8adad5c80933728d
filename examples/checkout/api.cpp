#include "tidemark/examples/checkout/api.hpp"

#include "tidemark/examples/checkout/api_parts.hpp"
#include "tidemark/examples/checkout/api_reads.hpp"
#include "tidemark/examples/checkout/inventory.hpp"

namespace shop {

namespace http = tidemark::http;
using http::request;
using http::response;
using tidemark::awaitable;

namespace {

/// Body of `POST /api/v1/orders`.
struct place_body {
    std::string customer;
    std::vector<order_line> lines;
};
TIDEMARK_STRUCT(place_body, customer, lines)

/// Body of `cancel`.
struct cancel_body {
    std::string reason;
};
TIDEMARK_STRUCT(cancel_body, reason)

/// Body of `ship`.
struct ship_body {
    std::string tracking;
};
TIDEMARK_STRUCT(ship_body, tracking)

/// Body of `restock`.
struct restock_body {
    std::int64_t quantity = 0;
};
TIDEMARK_STRUCT(restock_body, quantity)

/// What a placed order is told as.
struct placed_reply {
    std::string id;
    std::uint64_t version = 0;
};
TIDEMARK_STRUCT(placed_reply, id, version)

/// The writing half of the API. Copied into every route.
class writes {
  public:
    writes(tidemark::runtime& app, provider& payments)
        : app_{&app},
          payments_{&payments},
          orders_{app.store<order>()},
          stock_{app.store<inventory>()} {}

    [[nodiscard]] awaitable<response> place(request r) const {
        auto key = http::idempotency_key(r);
        if (!key) co_return http::missing_idempotency_key(key.error());
        response refused;
        auto body = read_body<place_body>(r, refused);
        if (!body) co_return refused;
        // The same key is the same order, also when the answer got lost.
        const auto id = tidemark::message_id::derive({"order", *key}).to_string();
        auto how = call_of(r, app_->world());
        order::command command = order::place{std::move(body->customer), std::move(body->lines)};
        const order_id to{id};
        auto told = co_await orders_.execute(to, std::move(command), std::move(how));
        response ok;
        if (told.is_committed()) {
            const placed_reply reply{id, told.receipt().version.value()};
            ok = http::json(201, tidemark::encode_json(reply).value());
        }
        ok.headers.set("Location", "/api/v1/orders/" + id);
        co_return answer_of(told, std::move(ok));
    }

    [[nodiscard]] awaitable<response> cancel(request r) const {
        response refused;
        auto body = read_body<cancel_body>(r, refused);
        if (!body) co_return refused;
        order::command command = order::cancel{std::move(body->reason)};
        co_return co_await change(std::move(r), std::move(command));
    }

    [[nodiscard]] awaitable<response> ship(request r) const {
        response refused;
        auto body = read_body<ship_body>(r, refused);
        if (!body) co_return refused;
        order::command command = order::ship{std::move(body->tracking)};
        co_return co_await change(std::move(r), std::move(command));
    }

    [[nodiscard]] awaitable<response> restock(request r) const {
        response refused;
        auto body = read_body<restock_body>(r, refused);
        if (!body) co_return refused;
        if (auto bad_key = refuse_bad_key(r)) co_return std::move(*bad_key);
        auto how = call_of(r, app_->world());
        inventory::command command = inventory::restock{body->quantity};
        const inventory_id to{r.parameter("sku")};
        auto told = co_await stock_.execute(to, std::move(command), std::move(how));
        co_return answer_of(told, http::no_content());
    }

    [[nodiscard]] awaitable<response> set_knobs(request r) const {
        response refused;
        auto body = read_body<provider_knobs>(r, refused);
        if (!body) co_return refused;
        const auto is_share = [](double rate) { return rate >= 0 && rate <= 1; };
        const auto is_span =
            body->latency >= tidemark::duration{0} && body->latency <= std::chrono::minutes{1};
        if (!is_share(body->decline_rate) || !is_share(body->failure_rate) || !is_span) {
            co_return http::refuse(http::make_problem(
                "invalid_argument",
                "decline_rate and failure_rate are shares from 0 to 1, latency is 0 to 60000000 "
                "microseconds"));
        }
        payments_->set(*body);
        co_return http::no_content();
    }

  private:
    [[nodiscard]] awaitable<response> change(request r, order::command command) const {
        auto expected = http::if_match(r);
        if (!expected) co_return http::bad_precondition(expected.error());
        if (auto bad_key = refuse_bad_key(r)) co_return std::move(*bad_key);
        auto how = call_of(r, app_->world());
        if (*expected) how.expecting(**expected);
        const order_id to{r.parameter("id")};
        auto told = co_await orders_.execute(to, std::move(command), std::move(how));
        const auto is_conflict = told.is_error() && told.error().code() == tidemark::errc::conflict;
        if (is_conflict && *expected) {
            auto now = co_await app_->state_of(to.stream(), std::nullopt);
            if (now) co_return http::version_mismatch(now->version);
        }
        co_return answer_of(told, http::no_content(), expected->has_value());
    }

    tidemark::runtime* app_;
    provider* payments_;
    tidemark::store<order> orders_;
    tidemark::store<inventory> stock_;
};

}  // namespace

void add_api(http::router& routes, tidemark::runtime& app, provider& payments) {
    const auto write = std::make_shared<const writes>(app, payments);
    routes.post("/api/v1/orders", [write](request r) { return write->place(std::move(r)); });
    routes.post("/api/v1/orders/{id}/cancel",
                [write](request r) { return write->cancel(std::move(r)); });
    routes.post("/api/v1/orders/{id}/ship",
                [write](request r) { return write->ship(std::move(r)); });
    routes.post("/api/v1/inventory/{sku}/restock",
                [write](request r) { return write->restock(std::move(r)); });
    routes.post("/sim/payments", [write](request r) { return write->set_knobs(std::move(r)); });
    add_reads(routes, app, payments);
}

}  // namespace shop
