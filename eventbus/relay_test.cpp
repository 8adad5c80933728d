#include "tidemark/eventbus/relay.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/eventbus/headers.hpp"
#include "tidemark/eventbus/relay_fixture.hpp"
#include "tidemark/eventbus/stream_order.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;
using namespace std::chrono_literals;

TEST_CASE("relay: committed events reach the bus with their origin, keyed by stream") {
    relay_fixture f;
    f.append("ada", "1");
    f.append("bob", "2");
    const auto got = f.arrived();
    REQUIRE(got.size() == 2);
    CHECK(payloads_of(got, "account-ada") == std::vector<std::string>{"1"});
    CHECK(payloads_of(got, "account-bob") == std::vector<std::string>{"2"});
    const auto origin = origin_of(got.front());
    REQUIRE(origin.has_value());
    CHECK(origin->version == version{1});
    CHECK(origin->log == run(f.on, f.store.status()).value().incarnation);
    CHECK(f.stored_checkpoint() == position{2});
}

TEST_CASE("relay: what it publishes are CloudEvents if it has a source") {
    relay_fixture f{{.topic = "t", .cloud_events_source = "/bank"}};
    f.append("ada", "1");
    const auto got = f.arrived();
    REQUIRE(got.size() == 1);
    CHECK(header_value(got[0], "ce_source") == "/bank");
    CHECK(header_value(got[0], "ce_id") == header_value(got[0], bus_header::event_id));
}

TEST_CASE("relay: a commit wakes it long before the next poll") {
    relay_fixture f{{.topic = "t", .poll_interval = 1h}};
    f.world.run_for(10s);
    const auto before = f.world.elapsed();
    f.append("ada", "1");
    CHECK(f.world.run_until([&] { return f.bus.lag("t", "g") == 1; }) == run_end::reached);
    CHECK(f.world.elapsed() - before < 1s);
}

TEST_CASE("relay: events of the library and what the mapping leaves out stay inside") {
    relay_fixture f{{.topic = "t", .map = [](const recorded_event& event) {
                         auto message = publish_as_stored(event);
                         if (message && message->payload == "secret") message.reset();
                         if (message) message->headers.push_back({"content-type", "text/plain"});
                         return message;
                     }}};
    f.append("ada", "secret");
    f.append("ada", "x", "tidemark.saga_input.v1");
    f.append("ada", "open");
    f.append("ada", "x", "tidemark.saga_input.v1");
    const auto got = f.arrived();
    REQUIRE(got.size() == 1);
    CHECK(got.front().payload == "open");
    CHECK(find_header(got.front(), "content-type") == "text/plain");
    CHECK(f.stored_checkpoint() == position{4});
}

TEST_CASE("relay: after a restart it goes on where the checkpoint stands") {
    relay_fixture f;
    f.append("ada", "1");
    CHECK(f.arrived().size() == 1);
    run(f.on, f.running->stop());
    CHECK(f.running->status().phase == relay_fsm::phase::stopped);
    f.append("ada", "2");
    f.start();
    const auto got = f.arrived();
    REQUIRE(got.size() == 1);
    CHECK(got.front().payload == "2");
}

TEST_CASE("relay: a log longer than a page is carried over page by page") {
    relay_fixture f{{.topic = "t", .batch_max = 7}};
    for (auto i = 0; i < 50; ++i) f.append("ada", std::to_string(i));
    const auto got = f.arrived();
    REQUIRE(got.size() == 50);
    for (std::size_t i = 0; i < 50; ++i) CHECK(got[i].payload == std::to_string(i));
    CHECK(f.running->status().published == 50);
    CHECK(f.running->status().repeated == 0);
}

TEST_CASE("relay: a refused event stops it loudly until an operator resumes it") {
    relay_fixture f;
    bool is_refusing = true;
    f.faults.plan = [&](int, std::size_t size) {
        return std::vector(size, is_refusing ? delivery::refused : delivery::persisted);
    };
    f.append("ada", "1");
    CHECK(f.arrived().empty());
    CHECK(f.running->status().phase == relay_fsm::phase::parked);
    CHECK(f.running->status().reason.find("position 1") != std::string::npos);
    const auto calls = f.faults.calls;
    f.append("ada", "2");
    CHECK(f.arrived().empty());
    CHECK(f.faults.calls == calls);
    is_refusing = false;
    f.running->resume();
    CHECK(payloads_of(f.arrived(), "account-ada") == std::vector<std::string>{"1", "2"});
    CHECK(f.running->status().reason.empty());
}

TEST_CASE("relay: a bus that is away at the start is waited for") {
    relay_fixture f;
    run(f.on, f.running->stop());
    f.faults.topic_failure = error{errc::unavailable, "no broker answers"};
    f.start();
    f.append("ada", "1");
    CHECK(f.arrived().empty());
    CHECK(f.running->status().phase == relay_fsm::phase::backing_off);
    CHECK(f.running->status().reason == "no broker answers");
    f.faults.topic_failure.reset();
    CHECK(f.arrived().size() == 1);
    CHECK(f.running->status().reason.empty());
}

TEST_CASE("relay: a topic of another shape stops it until an operator resumes it") {
    relay_fixture f;
    run(f.on, f.running->stop());
    f.faults.topic_failure = error{errc::schema_mismatch, "topic \"t\" has 3 partitions"};
    f.start();
    f.append("ada", "1");
    CHECK(f.arrived().empty());
    CHECK(f.running->status().phase == relay_fsm::phase::parked);
    f.faults.topic_failure.reset();
    f.running->resume();
    CHECK(f.arrived().size() == 1);
}

TEST_CASE("relay: a topic that was deleted is made again, and gets what is behind the checkpoint") {
    relay_fixture f;
    f.append("ada", "1");
    CHECK(f.arrived().size() == 1);
    f.faults.is_topic_gone = true;
    f.append("ada", "2");
    f.append("bob", "3");
    CHECK(f.arrived().size() == 2);
    CHECK(f.stored_checkpoint() == position{3});
    CHECK(f.running->status().reason.empty());
}

TEST_CASE("relay: a topic that may not be made again is waited for, by name") {
    relay_fixture f;
    f.append("ada", "1");
    CHECK(f.arrived().size() == 1);
    f.faults.is_topic_gone = true;
    f.faults.topic_failure = error{errc::unavailable, "topic \"t\" does not exist; create it"};
    f.append("ada", "2");
    CHECK(f.arrived().empty());
    CHECK(f.running->status().phase == relay_fsm::phase::backing_off);
    CHECK(f.running->status().reason == "topic \"t\" does not exist; create it");
    CHECK(f.stored_checkpoint() == position{1});
    f.faults.topic_failure.reset();
    CHECK(payloads_of(f.arrived(), "account-ada") == std::vector<std::string>{"2"});
}

TEST_CASE("relay: a topic that comes back in another shape parks it") {
    relay_fixture f;
    f.faults.is_topic_gone = true;
    f.faults.topic_failure = error{errc::schema_mismatch, "topic \"t\" has 3 partitions"};
    f.append("ada", "1");
    CHECK(f.arrived().empty());
    CHECK(f.running->status().phase == relay_fsm::phase::parked);
    CHECK(f.running->status().reason.find("has 3 partitions") != std::string::npos);
}

TEST_CASE("relay: a mapping that throws parks it with the reason") {
    relay_fixture f{{.topic = "t", .map = [](const recorded_event&) -> std::optional<bus_message> {
                         throw std::runtime_error{"no such field"};
                     }}};
    f.append("ada", "1");
    CHECK(f.arrived().empty());
    CHECK(f.running->status().phase == relay_fsm::phase::parked);
    CHECK(f.running->status().reason.find("no such field") != std::string::npos);
}

TEST_CASE("relay: a mapping that throws what is no std::exception parks it, too") {
    relay_fixture f{{.topic = "t",
                     .map = [](const recorded_event&) -> std::optional<bus_message> { throw 42; }}};
    f.append("ada", "1");
    CHECK(f.arrived().empty());
    CHECK(f.running->status().phase == relay_fsm::phase::parked);
    CHECK(f.running->status().reason.find("no std::exception") != std::string::npos);
}

TEST_CASE("relay: of every batch is told how long the bus took, by outcome") {
    std::map<delivery, std::vector<duration>> told;
    relay_fixture f{{.topic = "t", .on_reported = [&](delivery how, duration took) {
                         told[how].push_back(took);
                     }}};
    f.faults.is_stuck = true;
    f.faults.plan = [](int call, std::size_t) {
        return call == 1 ? std::vector{delivery::persisted, delivery::not_persisted}
                         : std::vector<delivery>{};
    };
    f.append("ada", "1");
    f.append("bob", "2");
    f.world.run_for(3s);
    CHECK(told.empty());
    f.faults.hurry();
    CHECK(f.arrived().size() >= 2);
    std::size_t batches = 0;
    for (const auto& [how, spans] : told) batches = std::max(batches, spans.size());
    CHECK(batches == static_cast<std::size_t>(f.faults.calls));
    REQUIRE(!told[delivery::persisted].empty());
    CHECK(told[delivery::persisted].front() >= 2s);
    CHECK(told[delivery::persisted].front() < 10s);
}

TEST_CASE("relay: a broken producer is renewed and nothing is lost") {
    int renewed = 0;
    relay_fixture f{{.topic = "t", .renew_producer = [&renewed] { ++renewed; }}};
    f.faults.plan = [](int call, std::size_t size) {
        return std::vector(size, call == 1 ? delivery::fatal : delivery::persisted);
    };
    f.append("ada", "1");
    CHECK(payloads_of(f.arrived(), "account-ada") == std::vector<std::string>{"1"});
    CHECK(renewed == 1);
}

TEST_CASE("relay: whatever the bus does, consumers that check versions see each event once") {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        CAPTURE(seed);
        relay_fixture f{{.topic = "t", .batch_max = 5}, seed};
        random_source dice{seed};
        f.faults.plan = [&dice](int, std::size_t size) {
            constexpr std::array bad{delivery::not_persisted, delivery::possibly_persisted,
                                     delivery::fatal};
            std::vector<delivery> out(size, delivery::persisted);
            for (auto& each : out) {
                if (dice.below(3) == 0) each = bad[static_cast<std::size_t>(dice.below(3))];
            }
            return out;
        };
        for (auto i = 0; i < 30; ++i) f.append(i % 3 == 0 ? "ada" : "bob", std::to_string(i));
        f.world.run_until([&] { return f.stored_checkpoint() == position{30}; }, 1h);
        stream_order order;
        std::map<std::string, int> applied;
        for (const auto& each : f.arrived()) {
            const auto origin = origin_of(each).value();
            order.remember(origin.log, origin.stream, version{});
            if (order.check(origin).what != stream_order::verdict::apply) continue;
            order.applied(origin);
            ++applied[each.payload];
        }
        CHECK(applied.size() == 30);
        CHECK(std::all_of(applied.begin(), applied.end(), [](auto& e) { return e.second == 1; }));
    }
}

TEST_CASE("relay: it works on real threads and stops while events come in") {
    io threads{{.shards = 2}};
    memory_storage store{threads.clock()};
    memory_event_bus bus;
    bus.create_topic("t", 1);
    const auto reader = bus.subscribe("t", "g");
    relay running{threads, store, store, bus, {.topic = "t", .shard = 1}};
    running.start();
    for (auto i = 0; i < 200; ++i) {
        run(threads, append_one(store, threads, "ada", "account.deposited.v1", std::to_string(i)));
    }
    std::size_t got = 0;
    while (got < 200) {
        const auto batch = run(threads, with_timeout(threads, reader->poll(500), 20s));
        REQUIRE(batch.has_value());
        for (const auto& each : *batch) CHECK(each.payload == std::to_string(got++));
    }
    run(threads, running.stop());
    CHECK(running.status().published == 200);
}

TEST_CASE("relay: a stop waits two seconds for a bus that does not answer, then has it decide") {
    relay_fixture f;
    f.faults.is_stuck = true;
    f.append("ada", "1");
    f.world.run_for(1s);
    CHECK(f.faults.calls == 1);
    const auto before = f.world.elapsed();
    run(f.on, f.running->stop());
    CHECK(f.faults.hurries == 1);
    CHECK(f.world.elapsed() - before >= 2s);
    CHECK(f.world.elapsed() - before < 10s);
    f.start();
    CHECK(payloads_of(f.arrived(), "account-ada").back() == "1");
}

TEST_CASE("relay: without a topic it does not come to be") {
    relay_fixture f;
    CHECK_THROWS_AS(relay(f.on, f.store, f.store, f.bus, {}), std::invalid_argument);
}
