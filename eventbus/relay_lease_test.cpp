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
    // So that nobody takes what the other one has published for a backlog.
    f.world.run_for(10s);
    CHECK(second.status().checkpoint == position{21});
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
            in.put(to_document({"killed", 7, now + 90s, 90s}));
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

TEST_CASE("relay: the lease of one that is gone and whose clock was ahead ends all the same") {
    relay_fixture f{{.topic = "t", .owner = "first", .lease = 30s}};
    f.append("ada", "1");
    CHECK(f.arrived().size() == 1);
    const auto renew_as_killed = [&] {
        std::function<void(read_model&)> take = [now = f.on.clock().now()](read_model& in) {
            in.put(to_document({"killed", 7, now + 24h, 30s}));
        };
        const auto at = run(f.on, f.store.load_checkpoint("relay:t")).value();
        REQUIRE(run(f.on, f.store.update("relay:t", at, at, std::move(take))).has_value());
    };
    // While it lives it is left alone.
    for (int i = 0; i < 6; ++i) {
        renew_as_killed();
        f.world.run_for(20s);
        CHECK(f.running->status().phase == relay_fsm::phase::standing_by);
    }
    f.append("ada", "2");
    f.world.run_for(30s);
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
        in.put(to_document({"killed", 7, now + 24h, 24h}));
    };
    const auto at = run(f.on, f.store.load_checkpoint("relay:t")).value();
    REQUIRE(run(f.on, f.store.update("relay:t", at, at, std::move(take))).has_value());
    f.append("ada", "2");
    CHECK(f.arrived().size() == 1);
    CHECK(f.running->status().token == 8);
}

TEST_CASE("relay: a lease that nobody can read is nobody's") {
    for (const auto* body : {"", "[]", "{}", R"({"owner":1,"token":2,"until":3,"span":4})", "no"}) {
        CHECK_FALSE(parse_lease({relay_lease_key, body, {}}).has_value());
    }
    const relay_lease lease{"ada", 3, instant{5s}, 2s};
    CHECK(parse_lease(to_document(lease)) == lease);
}

namespace {

/// A relay on a bus that has writers; what another process does to its lease and its writer.
struct shut_out_fixture : relay_fixture {
    explicit shut_out_fixture(duration lease = 30s)
        : relay_fixture{
              {.topic = "t", .owner = "first", .lease = lease}, 1, {.has_writers = true}} {}

    void give_lease_to(const std::string& who, duration span) {
        std::function<void(read_model&)> take = [=, now = on.clock().now()](read_model& in) {
            in.put(to_document({who, 7, now + span, span}));
        };
        const auto at = run(on, store.load_checkpoint("relay:t")).value();
        REQUIRE(run(on, store.update("relay:t", at, at, std::move(take))).has_value());
    }
    std::unique_ptr<event_bus::writer> open_as_another() {
        const auto log = run(on, store.status()).value().incarnation;
        return run(on, bus.open_writer(log.to_string() + ".relay:t")).value();
    }
};

}  // namespace

TEST_CASE("relay: on a bus with writers it publishes through one, opened once") {
    shut_out_fixture f;
    for (auto i = 0; i < 3; ++i) {
        f.append("ada", std::to_string(i));
        CHECK(f.arrived().size() == 1);
    }
    CHECK(f.faults.writers_opened == 1);
    CHECK(f.faults.calls == 0);
}

TEST_CASE("relay: one that is shut out and has lost its lease stands by, shutting nobody out") {
    shut_out_fixture f;
    f.append("ada", "1");
    CHECK(f.arrived().size() == 1);
    const auto theirs = f.open_as_another();
    f.give_lease_to("another", 24h);
    f.append("ada", "2");
    CHECK(f.arrived().empty());
    CHECK(f.running->status().phase == relay_fsm::phase::standing_by);
    CHECK(f.faults.writers_opened == 1);
    const auto told = run(f.on, theirs->publish({message_of("t", "k", "theirs")}));
    CHECK(told.front().outcome == delivery::persisted);
    CHECK(f.arrived().size() == 1);
}

TEST_CASE("relay: one that is shut out and still has its lease takes the writer back") {
    shut_out_fixture f;
    f.append("ada", "1");
    CHECK(f.arrived().size() == 1);
    const auto theirs = f.open_as_another();
    f.append("ada", "2");
    CHECK(payloads_of(f.arrived(), "account-ada") == std::vector<std::string>{"2"});
    CHECK(f.faults.writers_opened == 2);
    const auto told = run(f.on, theirs->publish({message_of("t", "k", "theirs")}));
    CHECK(told.front().outcome == delivery::fatal);
}

TEST_CASE("relay: whoever takes over shuts out the one before it before it publishes") {
    shut_out_fixture f;
    f.give_lease_to("another", 90s);
    const auto theirs = f.open_as_another();
    f.append("ada", "1");
    CHECK(f.arrived().empty());
    CHECK(f.faults.writers_opened <= 1);
    f.world.run_for(60s);
    CHECK(f.arrived().size() == 1);
    CHECK(f.running->status().owner == "first");
    const auto told = run(f.on, theirs->publish({message_of("t", "k", "late")}));
    CHECK(told.front().outcome == delivery::fatal);
    CHECK(f.arrived().empty());
}

TEST_CASE("relay: a writer that cannot be opened is waited for; one that may not be, parks it") {
    shut_out_fixture f;
    f.append("ada", "1");
    CHECK(f.arrived().size() == 1);
    run(f.on, f.running->stop());
    f.faults.writer_failure = error{errc::unavailable, "no coordinator"};
    f.start();
    f.append("ada", "2");
    CHECK(f.arrived().empty());
    CHECK(f.running->status().phase == relay_fsm::phase::backing_off);
    CHECK(f.running->status().reason == "no coordinator");
    f.faults.writer_failure = error{errc::invalid_argument, "not allowed"};
    CHECK(f.arrived().empty());
    CHECK(f.running->status().phase == relay_fsm::phase::parked);
    CHECK(f.running->status().reason.ends_with("not allowed"));
    f.faults.writer_failure.reset();
    f.running->resume();
    CHECK(f.arrived().size() == 1);
}
