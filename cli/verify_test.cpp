#include "tidemark/async/gate.hpp"
#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/async/spawn.hpp"
#include "tidemark/cli/admin_routes.hpp"
#include "tidemark/cli/output.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/http/target.hpp"
#include "tidemark/runtime/test_aggregates.hpp"
#include "tidemark/sagas/saga_list.hpp"

#include <doctest/doctest.h>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

using namespace tidemark;
using boost::json::value;
using store_test::counter;

/// One document per counter: how often it was added to. Throws at an addition of 7, which is
/// parked.
struct additions {
    static constexpr std::string_view name = "additions.v1";
    using sources = tidemark::types<counter>;
    static void project(read_model& to, const counter::added& e, const event_context& context) {
        const auto key = std::string{context.stream.text()};
        const auto known = to.get(key);
        const auto count = known ? std::stoi(known->body) + 1 : 1;
        to.put({key, std::to_string(count), {{"parity", count % 2 == 0 ? "even" : "odd"}}});
        if (e.amount == 7) throw std::runtime_error{"seven"};
    }
    static void project(read_model&, const counter::cleared&, const event_context&) {}
};

/// The admin routes of a running runtime on the memory store, with a projection.
struct world {
    tidemark::io io{{.shards = 2}};
    memory_storage events{io.clock()};
    store_test::unused_bus bus;
    tidemark::runtime runtime{io, events, bus};
    tidemark::store<counter> counters{runtime.store<counter>()};
    http::router routes;
    position last;

    world() {
        runtime.project<additions>({.on_failure = projection_failure::park,
                                    .attempts_max = 1,
                                    .retry_first = duration{1000},
                                    .retry_cap = duration{1000}});
        cli::add_admin_routes(routes, {.app = runtime, .version = "1", .mode = "test"});
        runtime.start();
    }
    ~world() { CHECK(run(io, runtime.drain()).is_complete); }

    void add(const std::string& to, int amount) {
        const id<counter> counter_id{to};
        const auto told = run(io, counters.execute<counter::add>(counter_id, amount));
        REQUIRE(told);
        last = told.receipt().position;
    }
    void settle() {
        const auto seen = run(io, runtime.wait_for("additions.v1", last, std::chrono::minutes{1}));
        REQUIRE(seen);
        REQUIRE(*seen);
    }
    value verify() {
        http::request r;
        r.method = http::method::get;
        r.target = r.path = "/admin/v1/verify";
        const auto told = run(io, routes.dispatch(std::move(r)));
        REQUIRE(told.reply.status == 200);
        return boost::json::parse(told.reply.body);
    }
    /// Changes documents behind the projection's back.
    void edit(const std::function<void(read_model&)>& how) {
        const auto at = run(io, events.load_checkpoint("additions.v1"));
        REQUIRE(at.has_value());
        REQUIRE(run(io, events.update("additions.v1", *at, *at, how)));
    }
};

bool names(const value& answered, const std::string& text) {
    const auto& problems = answered.at("problems").as_array();
    return std::ranges::any_of(problems, [&text](const value& p) {
        return std::string_view{p.as_string()}.find(text) != std::string_view::npos;
    });
}

awaitable<void> add_many(tidemark::store<counter> to, int count, std::atomic<bool>& is_over) {
    for (auto i = 0; i < count; ++i) {
        const id<counter> which{"c" + std::to_string(i % 40)};
        const auto told = co_await to.execute<counter::add>(which, 1);
        CHECK(told);
    }
    is_over = true;
}

}  // namespace

TEST_CASE("verify: a read model that a replay writes again is whole, and nothing is left behind") {
    world w;
    for (auto i = 0; i < 450; ++i) w.add("c" + std::to_string(i), 1);
    w.add("c0", 2);
    w.settle();
    const auto before = *run(w.io, w.events.list_models());
    CHECK(cli::to_text(w.verify()) ==
          R"({"ok":true,"checked_events":451,"checked_streams":450,"checked_projections":1,)"
          R"("checked_documents":450,"found":0,"projections":[{"name":"additions.v1",)"
          R"("position":451,"documents":450,"differences":0,"ok":true}],"problems":[]})");
    const auto behind = *run(w.io, w.events.list_models());
    REQUIRE(before.size() == behind.size());
    CHECK(before.front().documents == behind.front().documents);
}

TEST_CASE("verify: edited, erased and invented documents are named by their keys") {
    world w;
    for (auto i = 0; i < 450; ++i) w.add("c" + std::to_string(i), 1);
    w.settle();
    w.edit([](read_model& model) {
        model.put({"counter-c17", "99", {{"parity", "odd"}}});
        model.put({"counter-c18", "1", {{"parity", "even"}}});
        model.erase("counter-c300");
        model.put({"counter-zzz", "5", {}});
    });
    const auto told = w.verify();
    CHECK(cli::cell(told, "ok") == "false");
    CHECK(cli::cell(told, "found") == "4");
    CHECK(cli::cell(told.at("projections").at(0), "differences") == "4");
    CHECK(cli::cell(told.at("projections").at(0), "ok") == "false");
    CHECK(names(told, "document \"counter-c17\" is stored as 99, parity=odd; a replay gives 1"));
    CHECK(names(told, "document \"counter-c18\" is stored as 1, parity=even; a replay gives 1"));
    CHECK(names(told, "document \"counter-c300\" is missing; a replay gives 1"));
    CHECK(names(told, "document \"counter-zzz\" is stored as 5; a replay gives none"));
}

TEST_CASE("verify: of very many differences the first ones are named and all are counted") {
    world w;
    for (auto i = 0; i < 60; ++i) w.add("c" + std::to_string(i), 1);
    w.settle();
    w.edit([](read_model& model) {
        for (auto i = 0; i < 60; ++i) model.erase("counter-c" + std::to_string(i));
    });
    const auto told = w.verify();
    CHECK(cli::cell(told, "found") == "60");
    CHECK(told.at("problems").as_array().size() == 20);
}

TEST_CASE("verify: a projection that goes on meanwhile is compared where it stands") {
    world w;
    std::atomic<bool> is_over{false};
    gate background;
    spawn(background, w.io.shard(0), add_many(w.counters, 1500, is_over));
    auto verified = 0;
    while (!is_over || verified == 0) {
        const auto told = w.verify();
        CHECK_MESSAGE(cli::cell(told, "ok") == "true", cli::to_text(told));
        ++verified;
    }
    run(w.io, background.close());
}

TEST_CASE("verify: an event that the projection parked is passed over by the replay as well") {
    world w;
    for (const auto amount : {1, 7, 2}) w.add("a", amount);
    w.add("b", 7);
    w.add("b", 1);
    w.settle();
    const auto told = w.verify();
    CHECK_MESSAGE(cli::cell(told, "ok") == "true", cli::to_text(told));
    CHECK(cli::cell(told, "checked_documents") == "2");
}

TEST_CASE("verify: the replay of the list of sagas counts nowhere") {
    runtime_metrics metrics;
    const auto list = make_saga_list({"errand"}, &metrics);
    const auto quiet = list->unobserved();
    REQUIRE(quiet != nullptr);
    CHECK(quiet->name() == list->name());
    CHECK(quiet->sources() == list->sources());
}
