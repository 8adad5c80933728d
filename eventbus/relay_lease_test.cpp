#include "tidemark/eventbus/relay_lease.hpp"

#include "tidemark/eventbus/headers.hpp"
#include "tidemark/eventbus/relay_fixture.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;
using namespace std::chrono_literals;

TEST_CASE("relay: of two relays of one topic one publishes and the other stands by") {
    relay_fixture f;
    relay second{f.on, f.store, f.store, f.bus, {.topic = "t", .owner = "second"}};
    f.append("ada", "first");
    CHECK(f.arrived().size() == 1);
    second.start();
    for (auto i = 0; i < 20; ++i) f.append("ada", std::to_string(i));
    const auto got = f.arrived();
    CHECK(got.size() == 20);
    CHECK(f.stored_checkpoint() == position{21});
    CHECK(second.status().phase == relay_fsm::phase::standing_by);
    CHECK(second.status().published == 0);
    CHECK(second.status().owner == f.running->status().owner);
    CHECK(find_header(got.front(), bus_header::token) == "1");
    run(f.on, second.stop());
}

TEST_CASE("relay: two that publish at the same time cannot both move the checkpoint") {
    relay_fixture f{{.topic = "t", .lease = 0s}};
    relay second{f.on, f.store, f.store, f.bus, {.topic = "t", .lease = 0s}};
    second.start();
    for (auto i = 0; i < 20; ++i) f.append("ada", std::to_string(i));
    const auto got = f.arrived();
    CHECK(f.stored_checkpoint() == position{20});
    std::map<std::string, int> seen;
    for (const auto& each : got) ++seen[each.payload];
    CHECK(seen.size() == 20);
    run(f.on, second.stop());
}

TEST_CASE("relay: one that stops leaves its topic to another at once") {
    relay_fixture f{{.topic = "t", .owner = "first", .lease = 1h}};
    relay second{f.on, f.store, f.store, f.bus, {.topic = "t", .owner = "second", .lease = 1h}};
    f.append("ada", "1");
    CHECK(f.arrived().size() == 1);
    second.start();
    f.world.run_for(10s);
    CHECK(second.status().phase == relay_fsm::phase::standing_by);
    run(f.on, f.running->stop());
    f.append("ada", "2");
    const auto got = f.arrived();
    CHECK(payloads_of(got, "account-ada") == std::vector<std::string>{"2"});
    CHECK(find_header(got.front(), bus_header::token) == "2");
    CHECK(second.status().owner == "second");
    run(f.on, second.stop());
}

TEST_CASE("relay: one that is gone without a word is followed when its lease ends") {
    relay_fixture f{{.topic = "t", .owner = "first", .lease = 30s}};
    f.append("ada", "1");
    CHECK(f.arrived().size() == 1);
    {
        // What a killed process leaves behind: a lease that nobody releases.
        std::function<void(read_model&)> take = [now = f.on.clock().now()](read_model& in) {
            in.put(to_document({"killed", 7, now + 90s}));
        };
        const auto at = run(f.on, f.store.load_checkpoint("relay:t")).value();
        REQUIRE(run(f.on, f.store.update("relay:t", at, at, std::move(take))).has_value());
    }
    f.append("ada", "2");
    f.world.run_for(60s);
    CHECK(f.running->status().phase == relay_fsm::phase::standing_by);
    CHECK(f.running->status().reason == "published by killed");
    f.world.run_for(40s);
    CHECK(f.running->status().owner == "first");
    const auto got = f.arrived();
    REQUIRE_FALSE(got.empty());
    CHECK(got.back().payload == "2");
    CHECK(find_header(got.back(), bus_header::token) == "8");
}

TEST_CASE("relay: a lease of a store with one process is taken from the one before it") {
    relay_fixture f{{.topic = "t", .owner = "again", .lease = 0s}};
    f.append("ada", "1");
    CHECK(f.arrived().size() == 1);
    std::function<void(read_model&)> take = [now = f.on.clock().now()](read_model& in) {
        in.put(to_document({"killed", 7, now + 24h}));
    };
    const auto at = run(f.on, f.store.load_checkpoint("relay:t")).value();
    REQUIRE(run(f.on, f.store.update("relay:t", at, at, std::move(take))).has_value());
    f.append("ada", "2");
    CHECK(f.arrived().size() == 1);
    CHECK(f.running->status().token == 8);
}

TEST_CASE("relay: a lease that nobody can read is nobody's") {
    for (const auto* body : {"", "[]", "{}", R"({"owner":1,"token":2,"until":3})", "no"}) {
        CHECK_FALSE(parse_lease({relay_lease_key, body, {}}).has_value());
    }
    const relay_lease lease{"ada", 3, instant{5s}};
    CHECK(parse_lease(to_document(lease)) == lease);
}
