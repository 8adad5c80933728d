#include "tidemark/eventbus/event_bus.hpp"

#include "tidemark/eventbus/contract.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;

namespace {

/// Order of the messages of each key is the order of `sent`.
void check_order(const std::vector<bus_message>& got, const std::vector<bus_message>& sent) {
    std::set<std::string> keys;
    for (const auto& each : sent) keys.insert(each.key);
    for (const auto& key : keys) {
        CAPTURE(key);
        CHECK(payloads_of(got, key) == payloads_of(sent, key));
    }
}

std::vector<std::string> sorted_payloads(const std::vector<bus_message>& messages) {
    std::vector<std::string> all;
    for (const auto& each : messages) all.push_back(each.payload);
    std::sort(all.begin(), all.end());
    return all;
}

const std::vector persisted_once{delivery::persisted};

std::vector<delivery> fates(const std::vector<delivery_report>& reports) {
    std::vector<delivery> out;
    for (const auto& each : reports) out.push_back(each.outcome);
    return out;
}

}  // namespace

TEST_CASE("event bus: the messages of one key arrive in the order they were published") {
    for_each_bus([](contract_bus& b) {
        b.create_topic("t", 3);
        const auto sent = numbered("t", 60, 7);
        b.publish_all({sent.begin(), sent.begin() + 25});
        b.publish_all({sent.begin() + 25, sent.end()});
        const auto reader = b.bus().subscribe("t", "g");
        const auto got = b.collect(*reader, 60, 11);
        REQUIRE(got.size() == 60);
        check_order(got, sent);
    });
}

TEST_CASE("event bus: a message arrives byte for byte") {
    for_each_bus([](contract_bus& b) {
        b.create_topic("t", 1);
        auto sent = message_of("t", "k\xc3\xa9", std::string{"a\0b\xff", 4});
        sent.headers = {{"one", "1"}, {"two", std::string{"\0", 1}}, {"one", "again"}};
        b.publish_all({sent});
        const auto reader = b.bus().subscribe("t", "g");
        CHECK(b.collect(*reader, 1) == std::vector{sent});
    });
}

TEST_CASE("event bus: an empty batch has no reports") {
    for_each_bus([](contract_bus& b) { CHECK(b.publish({}).empty()); });
}

TEST_CASE("event bus: every group gets everything") {
    for_each_bus([](contract_bus& b) {
        b.create_topic("t", 2);
        const auto sent = numbered("t", 20, 5);
        b.publish_all(sent);
        const auto first = b.bus().subscribe("t", "first");
        const auto second = b.bus().subscribe("t", "second");
        CHECK(sorted_payloads(b.collect(*first, 20)) == sorted_payloads(sent));
        CHECK(sorted_payloads(b.collect(*second, 20)) == sorted_payloads(sent));
    });
}

TEST_CASE("event bus: the members of a group share the work") {
    for_each_bus([](contract_bus& b) {
        b.create_topic("t", 2);
        const auto first = b.bus().subscribe("t", "g");
        const auto second = b.bus().subscribe("t", "g");
        b.settle({first.get(), second.get()});
        const auto sent = numbered("t", 40, 16);
        b.publish_all(sent);
        std::vector<bus_message> of_first;
        std::vector<bus_message> of_second;
        for (auto round = 0; round < 500 && of_first.size() + of_second.size() < 40; ++round) {
            for (auto& each : b.leftovers(*first)) of_first.push_back(std::move(each));
            for (auto& each : b.leftovers(*second)) of_second.push_back(std::move(each));
        }
        CHECK(b.commit(*first).has_value());
        CHECK(b.commit(*second).has_value());
        CHECK_FALSE(of_first.empty());
        CHECK_FALSE(of_second.empty());
        CHECK(of_first.size() + of_second.size() == 40);
        CHECK(first->rebalances() > 0);
        CHECK(second->rebalances() > 0);
    });
}

TEST_CASE("event bus: what was not committed comes again after close") {
    for_each_bus([](contract_bus& b) {
        b.create_topic("t", 1);
        const auto sent = numbered("t", 10, 1);
        b.publish_all(sent);
        auto reader = b.bus().subscribe("t", "g");
        REQUIRE(b.collect(*reader, 4, 4).size() == 4);
        CHECK(b.commit(*reader).has_value());
        REQUIRE(b.collect(*reader, 3, 3).size() == 3);
        reader->close();
        reader = b.bus().subscribe("t", "g");
        const auto again = b.collect(*reader, 6);
        REQUIRE(again.size() == 6);
        CHECK(again.front().payload == "4");
        CHECK(again.back().payload == "9");
    });
}

TEST_CASE("event bus: what was not committed comes again after a crash") {
    for_each_bus([](contract_bus& b) {
        b.create_topic("t", 1);
        b.publish_all(numbered("t", 5, 1));
        auto reader = b.bus().subscribe("t", "g");
        REQUIRE(b.collect(*reader, 5).size() == 5);
        reader.reset();
        reader = b.bus().subscribe("t", "g");
        const auto again = b.collect(*reader, 5);
        REQUIRE(again.size() == 5);
        CHECK(again.front().payload == "0");
    });
}

TEST_CASE("event bus: what was committed does not come again") {
    for_each_bus([](contract_bus& b) {
        b.create_topic("t", 2);
        b.publish_all(numbered("t", 12, 4));
        auto reader = b.bus().subscribe("t", "g");
        REQUIRE(b.collect(*reader, 12).size() == 12);
        CHECK(b.commit(*reader).has_value());
        reader->close();
        reader = b.bus().subscribe("t", "g");
        CHECK(b.leftovers(*reader).empty());
        b.publish_all({message_of("t", "k", "late")});
        const auto late = b.collect(*reader, 1);
        REQUIRE(late.size() == 1);
        CHECK(late.front().payload == "late");
    });
}

TEST_CASE("event bus: what has taken effect is committed before partitions are given away") {
    for_each_bus([](contract_bus& b) {
        if (!b.keeps_settled()) return;
        b.create_topic("t", 3);
        b.publish_all(numbered("t", 30, 10));
        const auto first = b.bus().subscribe("t", "g");
        REQUIRE(b.collect(*first, 30).size() == 30);
        first->settled();
        const auto second = b.bus().subscribe("t", "g");
        b.settle({first.get(), second.get()});
        CHECK(b.commit(*first).has_value());
        b.publish_all(numbered("t", 10, 10));
        std::size_t later = 0;
        while (later < 10) {
            later += b.leftovers(*first).size();
            later += b.leftovers(*second).size();
        }
        CHECK(later == 10);
    });
}

TEST_CASE("event bus: close ends a poll that waits, and every later one") {
    for_each_bus([](contract_bus& b) {
        b.create_topic("t", 1);
        const auto reader = b.bus().subscribe("t", "g");
        const auto ended = b.close_while_polling(*reader);
        REQUIRE(ended.has_value());
        CHECK(ended->empty());
        const auto later = b.poll(*reader, 10);
        REQUIRE(later.has_value());
        CHECK(later->empty());
        CHECK_FALSE(b.commit(*reader).has_value());
    });
}

TEST_CASE("event bus: a big batch arrives whole and in order") {
    for_each_bus([](contract_bus& b) {
        b.create_topic("t", 4);
        const auto sent = numbered("t", 10'000, 50);
        b.publish_all(sent);
        const auto reader = b.bus().subscribe("t", "g");
        const auto got = b.collect(*reader, 10'000, 1000);
        REQUIRE(got.size() == 10'000);
        check_order(got, sent);
    });
}

TEST_CASE("event bus: an unknown topic is refused by name, and the rest of the batch is not") {
    for_each_bus([](contract_bus& b) {
        b.create_topic("t", 1);
        b.forbid_topic("nowhere");
        const auto reports = b.publish({message_of("t", "k", "1"), message_of("nowhere", "k", "2"),
                                        message_of("t", "k", "3")});
        REQUIRE(reports.size() == 3);
        CHECK(reports[0].outcome == delivery::persisted);
        CHECK(reports[1].outcome == delivery::refused);
        CHECK(reports[1].reason.find("nowhere") != std::string::npos);
        CHECK(reports[2].outcome == delivery::persisted);
        const auto reader = b.bus().subscribe("nowhere", "g");
        const auto polled = b.poll(*reader, 1);
        REQUIRE_FALSE(polled.has_value());
        CHECK(polled.error().code() == errc::not_found);
        CHECK(polled.error().message().find("nowhere") != std::string::npos);
    });
}

TEST_CASE("event bus: a message that is too large is refused, not repeated") {
    for_each_bus([](contract_bus& b) {
        b.create_topic("t", 1);
        const auto reports = b.publish(
            {message_of("t", "", std::string(b.too_large(), 'x')), message_of("t", "k", "small")});
        REQUIRE(reports.size() == 2);
        CHECK(reports[0].outcome == delivery::refused);
        CHECK(reports[1].outcome == delivery::persisted);
    });
}

TEST_CASE("event bus: a reader that waits is woken by what is published") {
    for_each_bus([](contract_bus& b) {
        b.create_topic("t", 1);
        const auto reader = b.bus().subscribe("t", "g");
        CHECK(b.leftovers(*reader).empty());
        b.publish_all({message_of("t", "k", "now")});
        CHECK(b.collect(*reader, 1).size() == 1);
    });
}

TEST_CASE("event bus: what a writer publishes arrives, in order") {
    for_each_bus([](contract_bus& b) {
        b.create_topic("t", 3);
        REQUIRE(b.bus().has_writers());
        const auto reader = b.bus().subscribe("t", "g");
        const auto writer = b.open_writer("w");
        const auto sent = numbered("t", 60, 7);
        CHECK(fates(b.publish(*writer, {sent.begin(), sent.begin() + 25})) ==
              std::vector(25, delivery::persisted));
        CHECK(fates(b.publish(*writer, {sent.begin() + 25, sent.end()})) ==
              std::vector(35, delivery::persisted));
        CHECK(b.publish(*writer, {}).empty());
        const auto got = b.collect(*reader, sent.size());
        CHECK(got.size() == sent.size());
        check_order(got, sent);
    });
}

TEST_CASE("event bus: a writer that is opened shuts out the one before it, of its name only") {
    for_each_bus([](contract_bus& b) {
        if (!b.shuts_out()) return;
        b.create_topic("t", 1);
        const auto reader = b.bus().subscribe("t", "g");
        const auto first = b.open_writer("w");
        const auto other = b.open_writer("other");
        CHECK(fates(b.publish(*first, {message_of("t", "k", "1")})) == persisted_once);
        const auto second = b.open_writer("w");
        CHECK(fates(b.publish(*second, {message_of("t", "k", "2")})) == persisted_once);
        const auto told =
            b.publish(*first, {message_of("t", "k", "late"), message_of("t", "", "")});
        CHECK(fates(told) == std::vector(2, delivery::fatal));
        CHECK_FALSE(told.front().reason.empty());
        CHECK(fates(b.publish(*first, {message_of("t", "k", "later")})) ==
              std::vector{delivery::fatal});
        CHECK(fates(b.publish(*other, {message_of("t", "k", "3")})) == persisted_once);
        CHECK(fates(b.publish(*second, {message_of("t", "k", "4")})) == persisted_once);
        b.publish_all({message_of("t", "k", "5")});
        CHECK(payloads_of(b.collect(*reader, 5), "k") ==
              std::vector<std::string>{"1", "2", "3", "4", "5"});
    });
}

TEST_CASE("event bus: a writer publishes what is before a message that is refused, and no more") {
    for_each_bus([](contract_bus& b) {
        b.create_topic("t", 3);
        b.forbid_topic("nowhere");
        const auto reader = b.bus().subscribe("t", "g");
        const auto writer = b.open_writer("w");
        for (const auto& bad : {message_of("nowhere", "k", "y"),
                                message_of("t", "k", std::string(b.too_large(), 'x'))}) {
            const auto told = b.publish(
                *writer, {message_of("t", "a", "1"), message_of("t", "b", "2"), bad,
                          message_of("t", "a", "behind"), message_of("nowhere", "a", "behind")});
            CHECK(fates(told) == std::vector{delivery::persisted, delivery::persisted,
                                             delivery::refused, delivery::not_persisted,
                                             delivery::not_persisted});
        }
        CHECK(fates(b.publish(*writer, {message_of("t", "c", "3")})) == persisted_once);
        CHECK(sorted_payloads(b.collect(*reader, 5)) ==
              std::vector<std::string>{"1", "1", "2", "2", "3"});
    });
}

TEST_CASE("event bus: its status says what it is and that it is connected") {
    for_each_bus([](contract_bus& b) {
        const auto status = b.bus().status();
        CHECK_FALSE(status.kind.empty());
        CHECK_FALSE(status.location.empty());
        CHECK(status.connected);
    });
}
