#include "tidemark/examples/checkout/api.hpp"

#include "tidemark/async/event.hpp"
#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/examples/checkout/inventory.hpp"
#include "tidemark/examples/checkout/views.hpp"
#include "tidemark/runtime/test_aggregates.hpp"

#include <doctest/doctest.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
namespace http = tidemark::http;
namespace json = boost::json;

namespace {

/// A store that keeps appends until it is told to let go, and then carries them out.
class slow_storage final : public tidemark::memory_storage {
  public:
    using memory_storage::memory_storage;
    tidemark::awaitable<std::vector<tidemark::append_outcome>> append(
        tidemark::append_batch batch) override {
        while (is_held) co_await let_go_.wait();
        co_return co_await memory_storage::append(std::move(batch));
    }
    void let_go() {
        is_held = false;
        let_go_.notify();
    }
    bool is_held = false;

  private:
    tidemark::event let_go_;
};

struct reply {
    int status = 0;
    http::header_fields headers;
    json::value body;
    [[nodiscard]] std::string text(std::string_view name) const {
        const auto* const object = body.if_object();
        const auto* const member = object == nullptr ? nullptr : object->if_contains(name);
        return member == nullptr || !member->is_string() ? "" : std::string{member->get_string()};
    }
    [[nodiscard]] std::string command() const {
        return std::string{headers.find("Tidemark-Command").value_or("")};
    }
};

/// The shop's API in one simulated process, without the checkout: orders stay as they are placed.
struct shop_api {
    tidemark::simulated_scheduler scheduler{{.seed = 9}};
    tidemark::simulated_execution process{scheduler};
    slow_storage events{process.clock()};
    store_test::unused_bus bus;
    tidemark::runtime runtime{process, events, bus};
    shop::provider payments{process};
    http::router routes;

    shop_api() {
        runtime.store<shop::order>();
        runtime.store<shop::inventory>();
        runtime.project<shop::orders>();
        shop::add_api(routes, runtime, payments);
        runtime.start();
    }
    ~shop_api() {
        process.kill();
        runtime.abandon();
    }

    reply ask(http::method how, const std::string& target, std::string body = {},
              const std::string& key = {}) {
        auto parts = http::parse_target(target).value();
        http::request r;
        r.method = how;
        r.target = target;
        r.path = std::move(parts.path);
        r.query = std::move(parts.query);
        r.body = std::move(body);
        r.deadline = process.clock().steady() + 1s;
        if (!key.empty()) r.headers.add("Idempotency-Key", key);
        auto told = run(process, routes.dispatch(std::move(r))).reply;
        if (told.failure) {
            const http::problem_place place{target, "r1", ""};
            return {told.failure->status, told.headers,
                    json::parse(http::to_json(*told.failure, place))};
        }
        return {told.status, told.headers,
                told.body.empty() ? json::value{} : json::parse(told.body)};
    }
    reply get(const std::string& target) { return ask(http::method::get, target); }
    reply post(const std::string& target, std::string body, const std::string& key = {}) {
        return ask(http::method::post, target, std::move(body), key);
    }
    reply place(const std::string& customer, const std::string& key) {
        return post("/api/v1/orders",
                    R"({"customer":")" + customer +
                        R"(","lines":[{"sku":"apple","quantity":1,"price":45}]})",
                    key);
    }
    reply command(const std::string& id) { return get("/api/v1/commands/" + id); }
};

const std::string cancelled = R"({"reason":"changed my mind"})";

}  // namespace

TEST_CASE("shop api: the id told with an answer can be asked for, and so can the key") {
    shop_api shop;
    const auto placed = shop.place("ada", "k1");
    REQUIRE(placed.status == 201);
    const auto became = shop.command(placed.command());
    CHECK(became.text("state") == "committed");
    CHECK(became.text("stream") == "order-" + placed.text("id"));
    CHECK(shop.command("k1").body == became.body);

    const auto again = shop.place("ada", "k1");
    CHECK(again.command() == placed.command());
    CHECK(again.headers.find("Idempotency-Replayed") == "true");
    CHECK(shop.place("bob", "k1").status == 422);

    // A key that looks like a command's id is still a key.
    const auto odd = shop.process.fresh_id().to_string();
    const auto other = shop.place("ada", odd);
    REQUIRE(other.status == 201);
    CHECK(other.command() != odd);
    CHECK(shop.command(odd).text("stream") == "order-" + other.text("id"));
    CHECK(shop.command(shop.process.fresh_id().to_string()).text("state") == "undecided");
}

TEST_CASE("shop api: a command without a key can be asked for, too") {
    shop_api shop;
    const auto order = "/api/v1/orders/" + shop.place("ada", "k1").text("id");
    const auto first = shop.post(order + "/cancel", cancelled);
    REQUIRE(first.status == 204);
    CHECK(shop.command(first.command()).text("state") == "committed");
    const auto second = shop.post("/api/v1/orders/none/cancel", cancelled);
    REQUIRE(second.status == 409);
    CHECK(second.command() != first.command());
    const auto refused = shop.command(second.command());
    CHECK(refused.text("state") == "refused");
    CHECK(refused.text("reason") == second.text("code"));
    const auto restocked = shop.post("/api/v1/inventory/apple/restock", R"({"quantity":5})");
    REQUIRE(restocked.status == 204);
    CHECK(shop.command(restocked.command()).text("stream") == "inventory-apple");
}

TEST_CASE("shop api: an unknown outcome says where to ask, and there the outcome is told") {
    shop_api shop;
    shop.events.is_held = true;
    for (const std::string key : {"k1", ""}) {
        CAPTURE(key);
        shop.events.is_held = true;
        const auto lost = key.empty()
                              ? shop.post("/api/v1/inventory/apple/restock", R"({"quantity":5})")
                              : shop.place("ada", key);
        REQUIRE(lost.status == 504);
        CHECK(lost.text("code") == "unknown_outcome");
        CHECK(lost.text("command_id") == lost.command());
        const auto where = "/api/v1/commands/" + lost.text("command_id");
        CHECK(lost.text("detail").find("GET " + where + " ") != std::string::npos);
        CHECK(shop.get(where).text("state") == "undecided");
        shop.events.let_go();
        shop.scheduler.run_for(1s);
        CHECK(shop.get(where).text("state") == "committed");
    }
}

TEST_CASE("shop api: orders are listed by customer and status together, page by page") {
    shop_api shop;
    std::set<std::string> wanted;
    std::string last;
    for (int i = 0; i < 8; ++i) {
        const auto is_bobs = i == 3;
        auto told = shop.place(is_bobs ? "bob" : "ada", "k" + std::to_string(i));
        REQUIRE(told.status == 201);
        const auto id = told.text("id");
        if (i % 4 == 1) {
            told = shop.post("/api/v1/orders/" + id + "/cancel", cancelled);
            REQUIRE(told.status == 204);
        } else if (!is_bobs) {
            wanted.insert(id);
        }
        last = told.headers.find("Tidemark-Position").value();
    }
    REQUIRE(wanted.size() == 5);
    const auto list = "/api/v1/orders?customer=ada&status=placed&limit=2&wait_for_position=" + last;
    std::set<std::string> seen;
    std::string next = list;
    for (int page = 0; page < 3; ++page) {
        const auto told = shop.get(next);
        REQUIRE(told.status == 200);
        for (const auto& item : told.body.at("items").as_array()) {
            CHECK(item.at("customer").as_string() == "ada");
            CHECK(item.at("status").as_string() == "placed");
            seen.insert(std::string{item.at("id").as_string()});
        }
        const auto cursor = told.text("next");
        CHECK(cursor.empty() == (page == 2));
        // Opaque: no id of an order shows in it.
        CHECK(!seen.contains(cursor));
        next = list + "&cursor=" + cursor;
    }
    CHECK(seen == wanted);
    CHECK(shop.get("/api/v1/orders?customer=ada").body.at("items").as_array().size() == 7);
    CHECK(shop.get("/api/v1/orders?status=cancelled").body.at("items").as_array().size() == 2);
    CHECK(shop.get("/api/v1/orders?customer=bob&status=cancelled")
              .body.at("items")
              .as_array()
              .empty());
    const auto broken = shop.get(list + "&cursor=" + *seen.begin());
    CHECK(broken.status == 400);
    CHECK(broken.text("code") == "bad_target");
    CHECK(broken.text("detail").find(*seen.begin()) != std::string::npos);
}
