#include "tidemark/cli/admin_routes.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/cli/output.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/http/target.hpp"
#include "tidemark/runtime/config.hpp"
#include "tidemark/runtime/test_aggregates.hpp"

#include <doctest/doctest.h>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <string>
#include <utility>

namespace {

using namespace tidemark;
using boost::json::value;
using store_test::asker;
using store_test::counter;

struct answered {
    int status = 0;
    value body;
    std::string code;
};

/// The admin routes of a running runtime on the memory store.
struct world {
    tidemark::io io{{.shards = 2}};
    memory_storage events{io.clock()};
    store_test::unused_bus bus;
    tidemark::runtime runtime{io, events, bus};
    tidemark::store<counter> counters{runtime.store<counter>()};
    tidemark::store<asker> askers{runtime.store<asker>()};
    settings values{load_settings(default_schema(), {.fallback_file = ""})};
    http::router routes;

    world() {
        // Every attempt fails for good: the request becomes a dead letter.
        runtime.perform<asker::fetch>([](asker::fetch) -> awaitable<result<asker::take>> {
            co_return error{errc::invalid_argument, "the gateway says no"};
        });
        cli::add_admin_routes(
            routes, {.app = runtime, .values = &values, .version = "1.2.3", .mode = "test"});
        runtime.start();
    }
    ~world() { CHECK(run(io, runtime.drain()).is_complete); }

    answered ask(http::method method, const std::string& target, std::string body = "",
                 bool is_admin = true) {
        auto parts = http::parse_target(target);
        REQUIRE(parts.has_value());
        http::request r;
        r.method = method;
        r.target = target;
        r.path = parts->path;
        r.query = parts->query;
        r.body = std::move(body);
        if (is_admin) r.headers.add("Tidemark-Admin", "1");
        const auto told = run(io, routes.dispatch(std::move(r)));
        if (told.reply.failure) return {told.reply.failure->status, {}, told.reply.failure->code};
        return {told.reply.status, boost::json::parse(told.reply.body), ""};
    }
    answered get(const std::string& target) { return ask(http::method::get, target); }

    void count(const char* to, int amount) {
        const id<counter> counter_id{std::string{to}};
        const auto told = run(io, counters.execute<counter::add>(counter_id, amount));
        REQUIRE(told);
    }
    /// A dead letter, once it is there.
    std::string park_one() {
        const id<asker> asker_id{"a"};
        REQUIRE(run(io, askers.execute<asker::ask>(asker_id, std::string{"card"})));
        for (;;) {
            const auto list = get("/admin/v1/dead-letters");
            const auto& items = list.body.at("items").as_array();
            if (!items.empty()) return cli::cell(items[0], "effect");
        }
    }
};

}  // namespace

TEST_CASE("admin: streams are listed by prefix, page by page") {
    world w;
    for (const auto* name : {"a", "b", "c"}) w.count(name, 1);
    const auto first = w.get("/admin/v1/streams?prefix=counter-&limit=2");
    REQUIRE(first.status == 200);
    REQUIRE(first.body.at("items").as_array().size() == 2);
    CHECK(cli::cell(first.body.at("items").at(0), "stream") == "counter-a");
    CHECK(cli::cell(first.body.at("items").at(0), "category") == "counter");
    CHECK(cli::cell(first.body, "next") == "counter-b");
    const auto second = w.get("/admin/v1/streams?prefix=counter-&limit=2&cursor=counter-b");
    CHECK(second.body.at("items").as_array().size() == 1);
    CHECK(second.body.at("next").is_null());
    CHECK(w.get("/admin/v1/streams?prefix=x").body.at("items").as_array().empty());
}

TEST_CASE("admin: the events of a stream, from a version on") {
    world w;
    for (auto i = 1; i <= 3; ++i) w.count("a", i);
    const auto page = w.get("/admin/v1/streams/counter-a/events?from=2");
    REQUIRE(page.status == 200);
    const auto& items = page.body.at("items").as_array();
    REQUIRE(items.size() == 2);
    CHECK(cli::cell(items[0], "version") == "2");
    CHECK(cli::cell(items[0], "name") == "counter.added.v1");
    CHECK(cli::to_text(items[0].at("payload")) == R"({"amount":2})");
    CHECK(cli::cell(items[0], "recorded_at").ends_with("Z"));
    CHECK(w.get("/admin/v1/streams/counter-x/events").code == "not_found");
    CHECK(w.get("/admin/v1/streams/nodash/events").code == "not_found");
    CHECK(w.get("/admin/v1/streams/counter-a/events?limit=0").code == "invalid_argument");
    CHECK(w.get("/admin/v1/streams/counter-a/events?from=x").code == "invalid_argument");
}

TEST_CASE("admin: the state at a version says what that version changed") {
    world w;
    for (auto i = 1; i <= 3; ++i) w.count("a", i);
    const auto at_two = w.get("/admin/v1/streams/counter-a/state?at=2");
    REQUIRE(at_two.status == 200);
    CHECK(cli::to_text(at_two.body) ==
          R"({"stream":"counter-a","version":2,"name":"counter.state.v1","state":{"value":3},)"
          R"("changed":[{"path":"$.value","before":1,"after":3}]})");
    CHECK(cli::to_text(w.get("/admin/v1/streams/counter-a/state").body.at("state")) ==
          R"({"value":6})");
    CHECK(cli::to_text(w.get("/admin/v1/streams/counter-a/state?at=1").body.at("changed")) ==
          R"([{"path":"$.value","before":0,"after":1}])");
    CHECK(w.get("/admin/v1/streams/counter-a/state?at=4").code == "not_found");
    CHECK(w.get("/admin/v1/streams/other-a/state").code == "not_found");
}

TEST_CASE("admin: the difference between two versions") {
    world w;
    for (auto i = 1; i <= 3; ++i) w.count("a", i);
    CHECK(cli::to_text(w.get("/admin/v1/streams/counter-a/diff?from=1&to=3").body) ==
          R"({"changed":[{"path":"$.value","before":1,"after":6}]})");
    CHECK(cli::to_text(w.get("/admin/v1/streams/counter-a/diff?from=2&to=2").body) ==
          R"({"changed":[]})");
    CHECK(w.get("/admin/v1/streams/counter-a/diff?from=3&to=2").code == "invalid_argument");
    CHECK(w.get("/admin/v1/streams/counter-a/diff?from=1&to=9").code == "not_found");
}

TEST_CASE("admin: events of all streams, page by page, without a gap") {
    world w;
    for (auto i = 0; i < 5; ++i) w.count(i % 2 == 0 ? "a" : "b", 1);
    std::size_t seen = 0;
    std::string after = "0";
    for (auto more = true; more;) {
        const auto page = w.get("/admin/v1/events?limit=2&after=" + after);
        REQUIRE(page.status == 200);
        seen += page.body.at("items").as_array().size();
        more = !page.body.at("next").is_null();
        after = cli::cell(page.body, "seen");
    }
    CHECK(seen == 5);
    CHECK(cli::cell(w.get("/admin/v1/events?category=nothing").body, "horizon") == after);
    CHECK(w.get("/admin/v1/events?category=nothing").body.at("items").as_array().empty());
}

TEST_CASE("admin: a dead letter is shown, replayed and dropped, with who and why") {
    world w;
    const auto effect = w.park_one();
    const auto path = "/admin/v1/dead-letters/" + effect;
    const auto one = w.get(path);
    CHECK(cli::cell(one.body, "name") == "asker.fetch.v1");
    CHECK(cli::cell(one.body, "source") == "asker-a");
    CHECK(cli::cell(one.body, "error_message").find("the gateway says no") != std::string::npos);

    constexpr auto post = http::method::post;
    CHECK(w.ask(post, path + "/drop", R"({"actor":"ada"})").code == "reason_required");
    CHECK(w.ask(post, path + "/drop", R"({"reason":"x"})").code == "actor_required");
    CHECK(w.ask(post, path + "/drop", R"({"actr":"ada"})").code == "malformed_payload");
    CHECK(w.ask(post, path + "/drop", "[").code == "malformed_payload");
    CHECK(w.ask(post, path + "/drop", R"({"actor":"a","reason":"x"})", false).code ==
          "admin_header_required");

    const auto dry = w.ask(post, path + "/replay", R"({"actor":"ada","dry_run":true})");
    CHECK(dry.status == 200);
    CHECK(cli::cell(dry.body, "replayed") == "false");
    CHECK(w.get(path).status == 200);

    const auto gone = w.ask(post, path + "/drop", R"({"actor":"ada","reason":"a duplicate"})");
    CHECK(gone.status == 200);
    CHECK(w.get(path).code == "not_found");
    const auto trail = w.get("/admin/v1/audit");
    REQUIRE(trail.body.at("items").as_array().size() == 1);
    CHECK(cli::cell(trail.body.at("items").at(0), "actor") == "ada");
    CHECK(cli::cell(trail.body.at("items").at(0), "reason") == "a duplicate");
}

TEST_CASE("admin: a replayed dead letter is tried again") {
    world w;
    const auto effect = w.park_one();
    const auto before = w.get("/admin/v1/dead-letters/" + effect);
    const auto again = w.ask(http::method::post, "/admin/v1/dead-letters/" + effect + "/replay",
                             R"({"actor":"ada"})");
    CHECK(cli::cell(again.body, "replayed") == "true");
    // It fails again and comes back with a later moment of parking.
    for (;;) {
        const auto now = w.get("/admin/v1/dead-letters/" + effect);
        if (now.status == 200 &&
            cli::cell(now.body, "parked_at") != cli::cell(before.body, "parked_at")) {
            break;
        }
    }
    CHECK(cli::cell(w.get("/admin/v1/audit").body.at("items").at(0), "action") == "replay");
}

TEST_CASE("admin: the overview counts what happened") {
    world w;
    w.count("a", 1);
    w.count("b", 1);
    const auto page = w.get("/admin/v1/overview");
    REQUIRE(page.status == 200);
    CHECK(cli::cell(page.body, "version") == "1.2.3");
    CHECK(cli::cell(page.body, "mode") == "test");
    CHECK(cli::cell(page.body.at("store"), "kind") == "memory");
    CHECK(cli::cell(page.body.at("store"), "streams") == "2");
    CHECK(cli::cell(page.body.at("events"), "appended_total") == "2");
    CHECK(cli::cell(page.body.at("commands"), "total") == "2");
    CHECK(cli::cell(page.body, "dead_letters") == "0");
    CHECK(cli::cell(page.body, "streams_cached") == "2");
    const auto& attention = page.body.at("attention").as_array();
    REQUIRE(attention.size() == 1);
    CHECK(cli::cell(attention[0], "what") == "the bus is not connected");
}

TEST_CASE("admin: a command id is answered by what became of it") {
    world w;
    const id<counter> to{"a"};
    REQUIRE(run(w.io, w.counters.execute<counter::add>(call{}.once("k1"), to, 5)));
    const auto refused = run(w.io, w.counters.execute<counter::add>(call{}.once("k2"), to, 500));
    CHECK(refused.is_refused());
    CHECK(cli::cell(w.get("/admin/v1/commands/default/k3").body, "state") == "undecided");
}

TEST_CASE("admin: verification reads every event and finds a log that is whole") {
    world w;
    for (auto i = 0; i < 7; ++i) w.count("a", 1);
    CHECK(cli::to_text(w.get("/admin/v1/verify").body) ==
          R"({"ok":true,"checked_events":7,"checked_streams":1,"checked_projections":0,)"
          R"("checked_documents":0,"found":0,"projections":[],"problems":[]})");
}

TEST_CASE("admin: settings are shown with their source, secrets masked") {
    world w;
    const auto page = w.get("/admin/v1/config");
    auto is_found = false;
    for (const auto& item : page.body.at("items").as_array()) {
        if (cli::cell(item, "key") != "http.port") continue;
        is_found = true;
        CHECK(cli::cell(item, "value") == "8080");
        CHECK(cli::cell(item, "source") == "default");
    }
    CHECK(is_found);
}

TEST_CASE("admin: an unknown projection cannot be rebuilt") {
    world w;
    const auto told =
        w.ask(http::method::post, "/admin/v1/projections/none.v1/rebuild", R"({"actor":"ada"})");
    CHECK(told.code == "not_found");
    CHECK(w.get("/admin/v1/projections").body.at("items").as_array().empty());
}
