#include "tidemark/eventbus/memory_event_bus.hpp"

#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/eventbus/contract.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;

namespace {

struct fixture {
    explicit fixture(memory_bus_options options = {}) : bus{options} {}

    std::vector<delivery_report> publish(std::vector<bus_message> batch) {
        return run(on, bus.publish(std::move(batch)));
    }
    delivery publish_one(const std::string& payload) {
        return publish({message_of("t", "k", payload)}).front().outcome;
    }
    std::vector<bus_message> poll(event_bus::consumer& from, std::size_t limit = 1000) {
        return run(on, from.poll(limit)).value();
    }
    result<void> commit(event_bus::consumer& of) { return run(on, of.commit()); }

    simulated_scheduler world;
    simulated_execution on{world};
    memory_event_bus bus;
};

}  // namespace

TEST_CASE("memory bus: without groups the oldest message goes at the bound") {
    fixture f{{.messages_max = 3}};
    f.bus.create_topic("t", 1);
    for (const auto* each : {"1", "2", "3", "4"}) CHECK(f.publish_one(each) == delivery::persisted);
    const auto reader = f.bus.subscribe("t", "g");
    const auto got = f.poll(*reader);
    REQUIRE(got.size() == 3);
    CHECK(got.front().payload == "2");
}

TEST_CASE("memory bus: at the bound nothing that a group has not committed is lost") {
    fixture f{{.messages_max = 3}};
    f.bus.create_topic("t", 1);
    const auto reader = f.bus.subscribe("t", "g");
    for (const auto* each : {"1", "2", "3"}) CHECK(f.publish_one(each) == delivery::persisted);
    CHECK(f.publish_one("4") == delivery::not_persisted);
    CHECK(f.poll(*reader, 2).size() == 2);
    CHECK(f.publish_one("4") == delivery::not_persisted);
    CHECK(f.commit(*reader).has_value());
    CHECK(f.publish_one("4") == delivery::persisted);
    CHECK(f.publish_one("5") == delivery::persisted);
    CHECK(f.publish_one("6") == delivery::not_persisted);
    CHECK(f.poll(*reader).front().payload == "3");
}

TEST_CASE("memory bus: a group without members still holds what it has not committed") {
    fixture f{{.messages_max = 1}};
    f.bus.create_topic("t", 1);
    f.bus.subscribe("t", "g").reset();
    CHECK(f.publish_one("1") == delivery::persisted);
    CHECK(f.publish_one("2") == delivery::not_persisted);
}

TEST_CASE("memory bus: a member that joins takes its share of the partitions") {
    fixture f;
    f.bus.create_topic("t", 4);
    const auto first = f.bus.subscribe("t", "g");
    f.publish(numbered("t", 40, 40));
    CHECK(f.poll(*first).size() == 40);
    CHECK(f.commit(*first).has_value());
    const auto second = f.bus.subscribe("t", "g");
    f.publish(numbered("t", 40, 40));
    const auto of_first = f.poll(*first).size();
    const auto of_second = f.poll(*second).size();
    CHECK(of_first > 0);
    CHECK(of_second > 0);
    CHECK(of_first + of_second == 40);
}

TEST_CASE("memory bus: a commit that comes after a rebalance is stale and the work comes again") {
    fixture f;
    f.bus.create_topic("t", 2);
    const auto first = f.bus.subscribe("t", "g");
    f.publish(numbered("t", 10, 10));
    CHECK(f.poll(*first).size() == 10);
    auto second = f.bus.subscribe("t", "g");
    CHECK(f.commit(*first).error().code() == errc::stale);
    CHECK(f.poll(*first).size() + f.poll(*second).size() == 10);
    CHECK(f.commit(*first).has_value());
    second->close();
    CHECK(f.bus.lag("t", "g") > 0);
    CHECK(f.poll(*first).size() == f.bus.lag("t", "g"));
}

TEST_CASE("memory bus: more members than partitions leaves some without work") {
    fixture f;
    f.bus.create_topic("t", 1);
    const auto first = f.bus.subscribe("t", "g");
    auto second = f.bus.subscribe("t", "g");
    f.publish(numbered("t", 3, 1));
    CHECK(f.poll(*first).size() == 3);
    CHECK(f.commit(*second).has_value());
    CHECK(f.bus.lag("t", "g") == 3);
}

TEST_CASE("memory bus: lag counts what a group has not committed") {
    fixture f;
    f.bus.create_topic("t", 2);
    const auto reader = f.bus.subscribe("t", "g");
    f.publish(numbered("t", 10, 5));
    CHECK(f.bus.lag("t", "g") == 10);
    CHECK(f.bus.lag("t", "other") == 10);
    CHECK(f.bus.lag("nowhere", "g") == 0);
    CHECK(f.poll(*reader).size() == 10);
    CHECK(f.bus.lag("t", "g") == 10);
    CHECK(f.commit(*reader).has_value());
    CHECK(f.bus.lag("t", "g") == 0);
}

TEST_CASE("memory bus: a consumer may come before its topic") {
    fixture f;
    const auto reader = f.bus.subscribe("t", "g");
    CHECK(run(f.on, reader->poll(1)).error().code() == errc::not_found);
    f.bus.create_topic("t", 1);
    CHECK(f.publish_one("1") == delivery::persisted);
    CHECK(f.poll(*reader).size() == 1);
}

TEST_CASE("memory bus: messages without a key go to the partitions in turn") {
    fixture f;
    f.bus.create_topic("t", 2);
    const auto first = f.bus.subscribe("t", "g");
    const auto second = f.bus.subscribe("t", "g");
    std::vector<bus_message> batch;
    for (auto i = 0; i < 6; ++i) batch.push_back(message_of("t", "", std::to_string(i)));
    f.publish(batch);
    CHECK(f.poll(*first).size() == 3);
    CHECK(f.poll(*second).size() == 3);
}
