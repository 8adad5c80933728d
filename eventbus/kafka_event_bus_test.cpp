#include "tidemark/eventbus/kafka_event_bus.hpp"

#include "tidemark/async/gate.hpp"
#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/async/spawn.hpp"
#include "tidemark/async/timeout.hpp"
#include "tidemark/eventbus/contract.hpp"
#include "tidemark/eventbus/kafka_mock.hpp"
#include "tidemark/eventbus/relay.hpp"
#include "tidemark/eventbus/stream_order.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"

#include <doctest/doctest.h>
#include <librdkafka/rdkafka.h>

#include <cstdlib>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;
using namespace std::chrono_literals;

namespace {

/// Numbers of the protocol's errors.
constexpr int not_enough_replicas = 19;
constexpr int out_of_order_sequence_number = 45;

kafka_options reached_at(const kafka_mock& brokers) {
    kafka_options out;
    out.brokers = brokers.brokers();
    out.session_timeout = 6s;
    out.linger = 0s;
    out.partitions = 3;
    return out;
}

struct fixture {
    explicit fixture(void (*change)(kafka_options&) = nullptr) {
        brokers.create_topic("t", 3);
        auto options = reached_at(brokers);
        if (change != nullptr) change(options);
        bus = std::make_unique<kafka_event_bus>(world, world.shard(0), std::move(options));
    }

    std::vector<delivery_report> publish(std::vector<bus_message> batch) {
        return run(world, bus->publish(std::move(batch)));
    }
    delivery publish_one(const std::string& key = "k") {
        return publish({message_of("t", key, "1")}).front().outcome;
    }

    /// Until the brokers take messages: the first needs a producer's id.
    void warm_up() {
        while (publish_one() != delivery::persisted) {
        }
    }

    kafka_mock brokers{3};
    io world{{.shards = 1}};
    std::unique_ptr<kafka_event_bus> bus;
};

awaitable<void> publish_into(fixture& in, std::vector<delivery_report>& out) {
    std::vector<bus_message> batch{message_of("t", "k", "1")};
    auto reports = co_await in.bus->publish(std::move(batch));
    out = std::move(reports);
}

void in_short_time(kafka_options& options) { options.delivery_timeout = 1s; }

/// The mock brokers do not check the sequences of requests as real ones do: one after the other.
void one_by_one(kafka_options& options) {
    in_short_time(options);
    options.requests_in_flight_max = 1;
}

awaitable<void> append_events(event_store& log, execution& on, std::size_t streams,
                              std::size_t each) {
    for (std::size_t i = 0; i < streams * each; ++i) {
        append_request request;
        request.stream = stream_id{"account", std::to_string(i % streams)};
        request.expected = expected_version::any();
        request.events.push_back({on.fresh_id(), {"account.deposited.v1", "{}"}});
        auto batch = std::make_shared<std::vector<append_request>>();
        batch->push_back(std::move(request));
        const auto outcomes = co_await log.append(std::move(batch));
        if (!std::holds_alternative<append_committed>(outcomes.front())) {
            throw std::runtime_error{"the append was not committed"};
        }
    }
}

/// What a consumer that checks versions makes of a topic: complete, once and in order.
struct checked_reader {
    stream_order order;
    std::size_t applied = 0;
    std::size_t duplicates = 0;
    std::size_t gaps = 0;

    void take(const std::vector<bus_message>& batch) {
        for (const auto& message : batch) {
            const auto origin = origin_of(message).value();
            auto said = order.check(origin);
            if (said.what == stream_order::verdict::unknown) {
                order.remember(origin.log, origin.stream, version{});
                said = order.check(origin);
            }
            if (said.what == stream_order::verdict::duplicate) ++duplicates;
            if (said.what == stream_order::verdict::gap) ++gaps;
            if (said.what != stream_order::verdict::apply) continue;
            order.applied(origin);
            ++applied;
        }
    }
};

}  // namespace

TEST_CASE("kafka bus: a setting that librdkafka refuses is named, and secrets are not shown") {
    io world{{.shards = 1}};
    kafka_options options;
    options.brokers = "127.0.0.1:1";
    options.compression = "lead";
    const auto make = [&] { kafka_event_bus{world, world.shard(0), options}; };
    CHECK_THROWS_WITH_AS(make(), doctest::Contains("compression.type = \"lead\""),
                         std::invalid_argument);
    options.compression = "none";
    options.assignment = "cooperative-sticky";
    if (rd_kafka_version() < 0x020a0000) {
        CHECK_THROWS_WITH_AS(make(), doctest::Contains("needs librdkafka 2.10"),
                             std::invalid_argument);
    }
    options.assignment = "range";
    options.security = "sasl_plaintext";
    options.sasl_mechanism = "LEAD";
    options.username = "ada";
    options.password = "open sesame";
    std::string told;
    try {
        make();
    } catch (const std::invalid_argument& refused) {
        told = refused.what();
    }
    CHECK(told.find("LEAD") != std::string::npos);
    CHECK(told.find("sesame") == std::string::npos);
}

TEST_CASE("kafka bus: a topic that is there must have the partitions that were asked for") {
    fixture f{[](kafka_options& options) { options.partitions = 4; }};
    const auto told = run(f.world, f.bus->ensure_topic("t"));
    REQUIRE_FALSE(told.has_value());
    CHECK(told.error().code() == errc::schema_mismatch);
    CHECK(told.error().message().find("topic \"t\" has 3 partitions and not 4") !=
          std::string::npos);
    fixture good;
    CHECK(run(good.world, good.bus->ensure_topic("t")).has_value());
}

TEST_CASE("kafka bus: brokers that nobody can reach are said, and the message is not persisted") {
    io world{{.shards = 1}};
    kafka_options options;
    options.brokers = "127.0.0.1:1";
    options.ask_timeout = 200ms;
    kafka_event_bus bus{world, world.shard(0), options};
    const auto reports = run(world, bus.publish({message_of("t", "k", "1")}));
    CHECK(reports.front().outcome == delivery::not_persisted);
    while (bus.status().connected) run(world, bus.publish({message_of("t", "k", "1")}));
    CHECK(bus.status().reason.find("127.0.0.1:1") != std::string::npos);
    const auto ensured = run(world, bus.ensure_topic("t"));
    REQUIRE_FALSE(ensured.has_value());
    CHECK(ensured.error().is_retryable());
}

TEST_CASE("kafka bus: brokers that come back are used again") {
    fixture f{in_short_time};
    f.warm_up();
    for (const int id : {1, 2, 3}) f.brokers.set_down(id, true);
    const auto told = f.publish_one();
    CHECK((told == delivery::not_persisted || told == delivery::possibly_persisted));
    for (const int id : {1, 2, 3}) f.brokers.set_down(id, false);
    f.warm_up();
    CHECK(f.bus->status().connected);
}

TEST_CASE("kafka bus: what a broker refuses for the moment is tried again by itself") {
    fixture f;
    f.warm_up();
    f.brokers.fail_produce(not_enough_replicas, 3);
    CHECK(f.publish_one() == delivery::persisted);
    CHECK(f.bus->producers_replaced() == 0);
}

TEST_CASE("kafka bus: an answer that comes too late leaves open whether the message is there") {
    fixture f{in_short_time};
    f.warm_up();
    for (const int id : {1, 2, 3}) f.brokers.set_latency(id, 3'000);
    CHECK(f.publish_one() == delivery::possibly_persisted);
}

TEST_CASE("kafka bus: a producer that is broken for good is replaced") {
    fixture f;
    f.warm_up();
    f.brokers.fail_produce(out_of_order_sequence_number, 1);
    CHECK(f.publish_one() == delivery::fatal);
    CHECK(f.publish_one() == delivery::persisted);
    CHECK(f.bus->producers_replaced() == 1);
}

TEST_CASE("kafka bus: the largest message is published, however little may wait") {
    fixture f{[](kafka_options& options) {
        options.message_bytes_max = std::size_t{4} << 20U;
        options.bytes_queued_max = 1;
        options.batch_bytes_max = 1'024;
    }};
    f.warm_up();
    const auto told = f.publish(
        {message_of("t", "k", std::string(std::size_t{3} << 20U, 'x')), message_of("t", "k", "1")});
    CHECK(told[0].outcome == delivery::persisted);
    CHECK(told[1].outcome == delivery::persisted);
}

TEST_CASE("kafka bus: a hurry decides what is being published") {
    fixture f;
    f.warm_up();
    for (const int id : {1, 2, 3}) f.brokers.set_down(id, true);
    gate publishing;
    std::vector<delivery_report> reports;
    auto work = publish_into(f, reports);
    spawn(publishing, f.world.shard(0), std::move(work));
    auto closing = publishing.close();
    auto waiting = finish_within(f.world, std::move(closing), 200ms);
    const auto ended = run(f.world, std::move(waiting));
    CHECK_FALSE(ended);
    f.bus->hurry();
    run(f.world, publishing.close());
    REQUIRE(reports.size() == 1);
    CHECK(reports.front().outcome != delivery::persisted);
}

TEST_CASE("kafka bus: what was polled before a rebalance cannot be committed after it") {
    fixture f;
    f.publish(numbered("t", 30, 10));
    const auto first = f.bus->subscribe("t", "g");
    const auto poll = [&](event_bus::consumer& of, duration patience) {
        auto polling = of.poll(100);
        auto within = with_timeout(f.world, std::move(polling), patience);
        return run(f.world, std::move(within));
    };
    while (first->assigned() != 3) (void)poll(*first, 50ms);
    auto got = poll(*first, 10s);
    REQUIRE(got.has_value());
    const auto second = f.bus->subscribe("t", "g");
    while (second->assigned() == 0) {
        (void)poll(*first, 50ms);
        (void)poll(*second, 50ms);
    }
    const auto told = run(f.world, first->commit());
    REQUIRE_FALSE(told.has_value());
    CHECK(told.error().code() == errc::stale);
}

TEST_CASE("kafka bus: a member that pauses keeps its partitions, one that is silent loses them") {
    fixture f{[](kafka_options& options) { options.poll_interval_max = options.session_timeout; }};
    f.publish(numbered("t", 30, 10));
    const auto member = f.bus->subscribe("t", "g");
    std::vector<std::string> seen;
    const auto poll = [&](std::size_t limit) {
        auto polling = member->poll(limit);
        const auto got = run(f.world, with_timeout(f.world, std::move(polling), 50ms));
        if (!got) return;
        for (const auto& each : *got) seen.push_back(each.key + each.payload);
    };
    const auto now = [&] { return f.world.clock().steady(); };
    // What librdkafka takes for hung is a matter of its clock.
    const auto bound = reached_at(f.brokers).session_timeout;
    while (seen.empty()) poll(5);
    REQUIRE(member->rebalances() == 1);
    const auto timer = f.world.make_timer(0);
    duration stalled{};
    for (auto from = now(), last = from; now() - from < bound + 1s; last = now()) {
        member->pause();
        run(f.world, timer->wait(20ms));
        stalled = std::max(stalled, now() - last);
    }
    while (seen.size() < 30) poll(100);
    CHECK(std::set<std::string>{seen.begin(), seen.end()}.size() == 30);
    if (stalled < bound / 2) {
        CHECK(seen.size() == 30);
        CHECK(member->rebalances() == 1);
        CHECK(run(f.world, member->commit()).has_value());
    }
    const auto before = member->rebalances();
    run(f.world, timer->wait(bound + 1s));
    while (member->rebalances() == before) poll(100);
}

TEST_CASE("kafka bus: a consumer knows how many messages are behind what it polled") {
    fixture f;
    f.publish(numbered("t", 30, 1));
    const auto reader = f.bus->subscribe("t", "g");
    CHECK_FALSE(reader->lag().has_value());
    std::size_t got = 0;
    for (const std::size_t wanted : {10, 30}) {
        while (got < wanted) {
            const auto batch = run(f.world, reader->poll(wanted - got));
            REQUIRE(batch.has_value());
            got += batch->size();
        }
        CHECK(reader->lag() == 30 - wanted);
    }
    std::uint64_t begun = 0;
    for (const auto& each : reader->places()) {
        CHECK(each.next == each.end);
        begun += each.begun;
    }
    CHECK(begun >= 10);
    CHECK(begun < 30);
}

TEST_CASE("kafka bus: the producer's statistics tell of brokers and of producers made anew") {
    fixture f;
    f.warm_up();
    f.brokers.fail_produce(out_of_order_sequence_number, 1);
    while (f.publish_one() != delivery::persisted) {
    }
    CHECK(f.bus->statistics().producers_replaced >= 1);
    const auto pause = f.world.make_timer(0);
    while (f.bus->statistics().brokers_up == 0) run(f.world, pause->wait(10ms));
    // The mock brokers answer within this process, but not in no time.
    while (f.bus->statistics().round_trip_seconds <= 0) run(f.world, pause->wait(10ms));
    CHECK(f.bus->statistics().round_trip_seconds < 60);
}

TEST_CASE("kafka bus: through brokers that fail and leaders that move a relay loses nothing") {
    fixture f{one_by_one};
    constexpr std::size_t streams = 20;
    constexpr std::size_t each = 50;
    memory_storage store{f.world.clock()};
    relay_options options{.topic = "t", .batch_max = 50};
    options.retry = {.first = 10ms, .cap = 100ms};
    relay running{f.world, store, store, *f.bus, options};
    running.start();
    gate appending;
    auto work = append_events(store, f.world, streams, each);
    spawn(appending, f.world.shard(0), std::move(work));
    const auto wait_for = [&](std::uint64_t published) {
        const auto pause = f.world.make_timer(0);
        while (running.status().published < published) run(f.world, pause->wait(1ms));
    };
    for (int round = 0; round < 6; ++round) {
        wait_for(100U * static_cast<unsigned>(round + 1));
        const int id = round % 3 + 1;
        f.brokers.set_leader("t", round % 3, id);
        f.brokers.fail_produce(round % 2 == 0 ? out_of_order_sequence_number : not_enough_replicas,
                               1);
    }
    run(f.world, appending.close());
    const auto pause = f.world.make_timer(0);
    while (running.status().checkpoint < position{streams * each}) run(f.world, pause->wait(1ms));
    run(f.world, running.stop());
    const auto reader = f.bus->subscribe("t", "g");
    checked_reader seen;
    while (seen.applied < streams * each) {
        auto polling = reader->poll(500);
        auto within = with_timeout(f.world, std::move(polling), 30s);
        const auto batch = run(f.world, std::move(within));
        CAPTURE(batch.has_error() ? batch.error().message() : "");
        REQUIRE(batch.has_value());
        seen.take(*batch);
    }
    CHECK(f.bus->producers_replaced() >= 1);
    // Where the mock brokers let a later event pass an earlier one, the version says so, and both
    // come again in their order.
    CHECK(seen.applied == streams * each);
    MESSAGE("duplicates on the wire: " << seen.duplicates << ", too early: " << seen.gaps
                                       << ", producers replaced: " << f.bus->producers_replaced());
}

TEST_CASE("kafka bus: a member that real brokers have fenced says so and joins anew") {
    const auto* const brokers = std::getenv("TIDEMARK_TEST_KAFKA");
    if (brokers == nullptr) return;
    io world{{.shards = 1}};
    kafka_options options;
    options.brokers = brokers;
    options.session_timeout = 6s;
    options.member_id = "one";
    kafka_event_bus bus{world, world.shard(0), options};
    const auto topic = "fenced-" + world.fresh_id().to_string();
    REQUIRE(run(world, bus.ensure_topic(topic)).has_value());
    const auto first = bus.subscribe(topic, topic);
    auto second = bus.subscribe(topic, topic + "-other");
    const auto poll = [&](event_bus::consumer& by) {
        return run(world, with_timeout(world, by.poll(10), 50ms));
    };
    const auto is_silent = [](const auto& told) {
        return told || told.error().code() == errc::timed_out;
    };
    while (first->assigned() == 0) CHECK(is_silent(poll(*first)));
    // Another process of the same name takes its place.
    second = bus.subscribe(topic, topic);
    while (second->assigned() == 0) CHECK(is_silent(poll(*second)));
    std::string told;
    while (told.empty()) {
        const auto heard = poll(*first);
        if (!is_silent(heard)) told = heard.error().message();
    }
    CHECK_MESSAGE(told.find("fenced") != std::string::npos, told);
    second.reset();
    // The next poll is another member's.
    std::ignore = poll(*first);
    while (first->assigned() == 0) std::ignore = poll(*first);
    std::vector<bus_message> batch{message_of(topic, "k", "1")};
    REQUIRE(run(world, bus.publish(std::move(batch))).front().outcome == delivery::persisted);
    for (;;) {
        const auto got = poll(*first);
        if (!got || got->empty()) continue;
        CHECK(got->front().payload == "1");
        break;
    }
    CHECK(first->rebalances() >= 2);
}
