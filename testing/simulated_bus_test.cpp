#include "tidemark/testing/simulated_bus.hpp"

#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/eventbus/headers.hpp"
#include "tidemark/testing/judges.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;
using namespace std::chrono_literals;

namespace {

std::vector<bus_message> batch_of(std::initializer_list<const char*> payloads) {
    std::vector<bus_message> batch;
    for (const auto* each : payloads) {
        batch.push_back({.topic = "t", .key = "k", .payload = each, .headers = {}});
    }
    return batch;
}

std::string payloads(const std::vector<bus_message>& messages) {
    std::string text;
    for (const auto& each : messages) text += each.payload;
    return text;
}

struct world {
    simulated_scheduler scheduler{{.seed = 2}};
    simulated_execution process{scheduler};
    simulated_bus bus{scheduler};

    std::vector<delivery_report> publish(std::initializer_list<const char*> payloads) {
        auto reports = run(process, bus.publish(batch_of(payloads)));
        scheduler.run_for(10s);
        return reports;
    }
    std::string poll(event_bus::consumer& from, std::size_t limit = 10) {
        return payloads(run(process, from.poll(limit)).value());
    }
};

std::size_t persisted(const std::vector<delivery_report>& reports) {
    return static_cast<std::size_t>(std::ranges::count_if(
        reports, [](const auto& each) { return each.outcome == delivery::persisted; }));
}

recorded_event event_of(std::uint64_t at) {
    return {.position = position{at},
            .stream = {"purse", "a"},
            .version = version{at},
            .id = message_id::derive({std::to_string(at)}),
            .message = {"purse.closed.v1", "{}"},
            .trace = {}};
}

/// A log of `count` events, and the messages that its relay would publish.
struct logged {
    simulated_scheduler scheduler;
    simulated_database database{scheduler, message_id::derive({"log"})};
    simulated_execution process{scheduler};
    simulated_bus bus{scheduler};

    explicit logged(std::uint64_t count) {
        for (std::uint64_t at = 1; at <= count; ++at) {
            append_request request;
            request.stream = {"purse", "a"};
            request.events.push_back({event_of(at).id, event_of(at).message});
            REQUIRE(std::holds_alternative<append_committed>(
                database.log().append(request, scheduler.now())));
        }
    }
    void publish(std::initializer_list<std::uint64_t> versions) {
        std::vector<bus_message> batch;
        for (const auto at : versions) {
            auto message = publish_as_stored(event_of(at));
            REQUIRE(message.has_value());
            batch.push_back(addressed(std::move(*message), event_of(at),
                                      database.log().incarnation(), "coins"));
        }
        REQUIRE(run(process, bus.publish(std::move(batch))).size() == versions.size());
    }
    [[nodiscard]] bool is_in_order() const {
        return !judge_order(bus, {.topic = "coins"}, database).has_value();
    }
    [[nodiscard]] std::uint64_t missing() const {
        return missing_deliveries(bus, {.topic = "coins"}, database);
    }
};

}  // namespace

TEST_CASE("simulated bus: what is persisted is there, in order") {
    world w;
    CHECK(persisted(w.publish({"a", "b"})) == 2);
    CHECK(persisted(w.publish({"c"})) == 1);
    CHECK(payloads(w.bus.messages("t")) == "abc");
}

TEST_CASE("simulated bus: a cut batch arrives up to what was persisted") {
    world w;
    w.bus.set_faults({.cut = 1});
    for (int i = 0; i < 20; ++i) {
        const auto before = w.bus.messages("t").size();
        const auto reports = w.publish({"a", "b", "c"});
        CHECK(w.bus.messages("t").size() - before == persisted(reports));
        CHECK(std::ranges::is_partitioned(
            reports, [](const auto& each) { return each.outcome == delivery::persisted; }));
    }
}

TEST_CASE("simulated bus: of the unknown some arrive and some do not") {
    world w;
    w.bus.set_faults({.unknown = 1});
    for (int i = 0; i < 20; ++i) {
        CHECK(w.publish({"a"}).front().outcome == delivery::possibly_persisted);
    }
    const auto arrived = w.bus.messages("t").size();
    CHECK(arrived > 0);
    CHECK(arrived < 20);
}

TEST_CASE("simulated bus: a duplicate is the whole batch again") {
    world w;
    w.bus.set_faults({.twice = 1});
    CHECK(persisted(w.publish({"a", "b"})) == 2);
    CHECK(payloads(w.bus.messages("t")) == "abab");
}

TEST_CASE("simulated bus: of a group one member reads, the next goes on from the commit") {
    world w;
    auto first = w.bus.subscribe("t", "g");
    auto second = w.bus.subscribe("t", "g");
    auto other = w.bus.subscribe("t", "h");
    w.publish({"a", "b", "c"});
    CHECK(w.poll(*first, 1) == "a");
    REQUIRE(run(w.process, first->commit()).has_value());
    CHECK(w.poll(*first, 1) == "b");
    first.reset();
    CHECK(w.poll(*second) == "bc");
    CHECK(w.poll(*other) == "abc");
}

TEST_CASE("simulated bus: after a rebalance a commit is stale and the work comes again") {
    world w;
    auto member = w.bus.subscribe("t", "g");
    w.publish({"a", "b"});
    w.bus.set_faults({.rebalance = 1});
    CHECK(w.poll(*member) == "ab");
    CHECK(run(w.process, member->commit()).error().code() == errc::stale);
    w.bus.set_faults({});
    CHECK(w.poll(*member) == "ab");
    CHECK(run(w.process, member->commit()).has_value());
    member->close();
    CHECK(w.poll(*member).empty());
}

TEST_CASE("deliveries: all in order, some of it again") {
    logged log{3};
    CHECK(log.missing() == 3);
    log.publish({1, 2});
    log.publish({1, 2, 3});
    log.publish({2});
    CHECK(log.is_in_order());
    CHECK(log.missing() == 0);
}

TEST_CASE("deliveries: what is left out is found, also when it comes later") {
    logged log{3};
    log.publish({1, 3});
    CHECK_FALSE(log.is_in_order());
    log.publish({2, 3});
    CHECK_FALSE(log.is_in_order());
}

TEST_CASE("deliveries: what is on the bus and not in the log is found") {
    logged log{1};
    log.publish({1, 2});
    CHECK_FALSE(log.is_in_order());
}
