#include "tidemark/eventbus/kafka_admin.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/eventbus/contract.hpp"
#include "tidemark/eventbus/kafka_event_bus.hpp"
#include "tidemark/eventbus/kafka_group.hpp"
#include "tidemark/eventbus/kafka_mock.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;
using namespace std::chrono_literals;

namespace {

using kind = kafka_place::kind;

/// Brokers, with a topic of three partitions and a bus to fill it.
class site {
  public:
    /// `url`: real brokers; empty: mock ones.
    explicit site(const std::string& url) : is_real_{!url.empty()} {
        if (!is_real_) brokers_ = std::make_unique<kafka_mock>(3);
        options_.brokers = is_real_ ? url : brokers_->brokers();
        options_.partitions = 3;
        options_.session_timeout = 6s;
        options_.linger = 0s;
        topic = "t-" + world_.fresh_id().to_string();
        group = "g-" + world_.fresh_id().to_string();
        if (!is_real_) {
            brokers_->create_topic(topic, 3);
            return;
        }
        REQUIRE(run(world_, bus().ensure_topic(topic)).has_value());
        wait_for_topic();
    }

    bool is_real() const { return is_real_; }
    kafka_mock& mock() { return *brokers_; }
    const kafka_options& options() const { return options_; }
    event_bus& bus() {
        if (!bus_) bus_ = std::make_unique<kafka_event_bus>(world_, world_.shard(0), options_);
        return *bus_;
    }

    /// One after the other, so that they are stored in this order.
    void publish(std::size_t count, std::size_t keys = 7) {
        for (auto& each : numbered(topic, count, keys)) {
            each.headers = {{"one", "1"}};
            while (run(world_, bus().publish({each})).front().outcome != delivery::persisted) {
            }
        }
    }

    /// A member of `group` that has read `count` messages and committed them.
    std::unique_ptr<event_bus::consumer> read(std::size_t count) {
        auto reader = bus().subscribe(topic, group);
        for (std::size_t got = 0; got < count;) {
            const auto batch = run(world_, reader->poll(count - got));
            REQUIRE(batch.has_value());
            got += batch->size();
        }
        REQUIRE(run(world_, reader->commit()).has_value());
        return reader;
    }

    std::string topic;
    std::string group;

  private:
    /// Brokers hear of a fresh topic one after the other.
    void wait_for_topic() {
        for (auto rest = std::string_view{options_.brokers}; !rest.empty();) {
            auto one = options_;
            one.brokers = rest.substr(0, rest.find(','));
            rest.remove_prefix(std::min(rest.size(), one.brokers.size() + 1));
            while (!kafka_admin{one}.topic(topic)) {
            }
        }
    }

    bool is_real_;
    io world_{{.shards = 1}};
    std::unique_ptr<kafka_mock> brokers_;
    kafka_options options_;
    std::unique_ptr<kafka_event_bus> bus_;
};

/// On mock brokers, and on the real ones of TIDEMARK_TEST_KAFKA if there are any.
void for_each_site(const std::function<void(site&)>& test) {
    {
        INFO("on mock brokers");
        site mock{""};
        test(mock);
    }
    if (const auto* const url = std::getenv("TIDEMARK_TEST_KAFKA")) {
        INFO("on real brokers");
        site real{url};
        test(real);
    }
}

/// The mock brokers know nothing of groups' members, nor of times.
void for_real_site(const std::function<void(site&)>& test) {
    if (const auto* const url = std::getenv("TIDEMARK_TEST_KAFKA")) {
        site real{url};
        test(real);
    }
}

std::vector<std::string> payloads(const result<std::vector<kafka_peeked>>& seen) {
    std::vector<std::string> out;
    for (const auto& each : seen.value()) out.push_back(each.message.payload);
    return out;
}

std::int64_t total(const std::vector<kafka_lag>& of) {
    std::int64_t out = 0;
    for (const auto& each : of) out += each.messages();
    return out;
}

std::int64_t total(const std::vector<kafka_move>& of) {
    std::int64_t out = 0;
    for (const auto& each : of) out += each.to;
    return out;
}

}  // namespace

TEST_CASE("kafka admin: a topic is told with leaders and copies of each partition") {
    for_each_site([](site& s) {
        kafka_admin brokers{s.options()};
        const auto found = brokers.topic(s.topic);
        REQUIRE_MESSAGE(found.has_value(), found.error().message());
        CHECK(found->partitions.size() == 3);
        for (const auto& part : found->partitions) {
            CHECK(part.leader.has_value());
            CHECK_FALSE(part.replicas.empty());
            CHECK(part.in_sync.size() == part.replicas.size());
        }
        const auto all = brokers.topics();
        REQUIRE(all.has_value());
        CHECK(std::ranges::count(*all, s.topic, &kafka_topic::name) == 1);
    });
}

TEST_CASE("kafka admin: what is not there is said by its name") {
    for_each_site([](site& s) {
        if (!s.is_real()) s.mock().forbid_topic("none");
        kafka_admin brokers{s.options()};
        const auto found = brokers.topic("none");
        REQUIRE(found.has_error());
        CHECK(found.error().code() == errc::not_found);
        CHECK(found.error().message().find("\"none\"") != std::string::npos);
        const auto beyond = brokers.peek({.topic = s.topic, .partition = 3});
        REQUIRE(beyond.has_error());
        CHECK(beyond.error().message().find("no partition 3; they are 0 to 2") !=
              std::string::npos);
    });
}

TEST_CASE("kafka admin: brokers that nobody can reach are told at once, with the address") {
    kafka_options options;
    options.brokers = "127.0.0.1:1";
    options.ask_timeout = 1h;
    kafka_admin brokers{options};
    const auto found = brokers.topics();
    REQUIRE(found.has_error());
    CHECK(found.error().code() == errc::unavailable);
    CHECK(found.error().message().find("127.0.0.1:1") != std::string::npos);
    CHECK(found.error().message().find("refused") != std::string::npos);
}

TEST_CASE("kafka admin: lag is what is kept and not committed") {
    for_each_site([](site& s) {
        s.publish(20);
        kafka_admin brokers{s.options()};
        const auto before = brokers.lag(s.group, s.topic);
        REQUIRE_MESSAGE(before.has_value(), before.error().message());
        CHECK(before->size() == 3);
        CHECK(total(*before) == 20);
        CHECK(std::ranges::none_of(*before,
                                   [](const kafka_lag& l) { return l.committed.has_value(); }));
        s.read(12)->close();
        const auto after = brokers.lag(s.group, s.topic);
        REQUIRE(after.has_value());
        CHECK(total(*after) == 8);
    });
}

TEST_CASE("kafka admin: lag without a topic is of everything the group has committed in") {
    for_real_site([](site& s) {
        s.publish(20);
        s.read(20)->close();
        kafka_admin brokers{s.options()};
        const auto found = brokers.lag(s.group);
        REQUIRE_MESSAGE(found.has_value(), found.error().message());
        REQUIRE_FALSE(found->empty());
        CHECK(total(*found) == 0);
        CHECK(std::ranges::all_of(*found, [&](const kafka_lag& l) { return l.topic == s.topic; }));
    });
}

TEST_CASE("kafka admin: a peek reads the first or the last messages of all partitions") {
    for_each_site([](site& s) {
        s.publish(30);
        kafka_admin brokers{s.options()};
        const auto all = brokers.peek({.topic = s.topic, .limit = 100});
        REQUIRE_MESSAGE(all.has_value(), all.error().message());
        REQUIRE(all->size() == 30);
        CHECK(std::ranges::is_sorted(*all, {}, &kafka_peeked::stored_at));
        auto wanted = payloads(all);
        wanted.resize(5);
        CHECK(payloads(brokers.peek({.topic = s.topic, .limit = 5})) == wanted);
        wanted = payloads(all);
        wanted.erase(wanted.begin(), wanted.end() - 4);
        CHECK(payloads(brokers.peek({.topic = s.topic, .from = {.what = kind::end}, .limit = 4})) ==
              wanted);
    });
}

TEST_CASE("kafka admin: a peek tells key, headers and size, and cuts the payload") {
    for_each_site([](site& s) {
        s.publish(12, 1);
        kafka_admin brokers{s.options()};
        const auto last = brokers.peek(
            {.topic = s.topic, .from = {.what = kind::end}, .limit = 1, .payload_max = 1});
        REQUIRE(last.has_value());
        REQUIRE(last->size() == 1);
        const auto& seen = last->front();
        CHECK(seen.message.payload == "1");
        CHECK(seen.payload_size == 2);
        CHECK(seen.message.key == numbered(s.topic, 1, 1).front().key);
        CHECK(seen.message.headers == std::vector<bus_message::header>{{"one", "1"}});
        CHECK(seen.stored_at.has_value());
        const auto from = brokers.peek({.topic = s.topic,
                                        .from = {.what = kind::offset, .offset = 10},
                                        .partition = seen.partition});
        CHECK(payloads(from) == std::vector<std::string>{"10", "11"});
    });
}

TEST_CASE("kafka admin: a peek into an empty topic finds nothing, and ends") {
    for_each_site([](site& s) {
        kafka_admin brokers{s.options()};
        const auto found = brokers.peek({.topic = s.topic});
        REQUIRE(found.has_value());
        CHECK(found->empty());
    });
}

TEST_CASE("kafka admin: what a member holds is read as members tell it, or not at all") {
    const std::string told{"\0\1\0\0\0\2\0\1a\0\0\0\2\0\0\0\0\0\0\0\7\0\1b\0\0\0\1\0\0\1\0", 32};
    const auto held = kafka::parse_assignment(told);
    REQUIRE(held.has_value());
    REQUIRE(held->size() == 3);
    CHECK((*held)[1].topic == "a");
    CHECK((*held)[1].partition == 7);
    CHECK((*held)[2].topic == "b");
    CHECK((*held)[2].partition == 256);
    CHECK(kafka::parse_assignment("").value().empty());
    for (std::size_t size = 1; size < told.size(); ++size) {
        CHECK_FALSE(kafka::parse_assignment(told.substr(0, size)).has_value());
    }
}

TEST_CASE("kafka admin: a plan says where a group would go, within what is kept") {
    for_each_site([](site& s) {
        s.publish(20);
        s.read(20)->close();
        kafka_admin brokers{s.options()};
        const auto to = [&](const kafka_place& place) {
            const auto plan = brokers.plan_seek(s.group, s.topic, place);
            REQUIRE_MESSAGE(plan.has_value(), plan.error().message());
            CHECK(plan->size() == 3);
            return total(*plan);
        };
        CHECK(to({.what = kind::start}) == 0);
        CHECK(to({.what = kind::end}) == 20);
        CHECK(to({.what = kind::offset, .offset = 1}) == 3);
        CHECK(to({.what = kind::offset, .offset = 1'000}) == 20);
        const auto one = brokers.plan_seek(s.group, s.topic, {}, 2);
        REQUIRE(one.has_value());
        REQUIRE(one->size() == 1);
        CHECK(one->front().partition == 2);
        const auto lag = brokers.lag(s.group, s.topic);
        CHECK(total(lag.value()) == 0);
    });
}

TEST_CASE("kafka admin: a group is moved when its members are gone, and not before") {
    for_real_site([](site& s) {
        s.publish(20);
        const auto member = s.read(20);
        kafka_admin brokers{s.options()};
        const auto held = brokers.group(s.group);
        REQUIRE_MESSAGE(held.has_value(), held.error().message());
        CHECK(held->state == "Stable");
        REQUIRE(held->members.size() == 1);
        CHECK(held->members.front().holds.size() == 3);
        const auto plan = brokers.plan_seek(s.group, s.topic, {}).value();
        const auto refused = brokers.seek(s.group, s.topic, plan);
        REQUIRE(refused.has_error());
        CHECK(refused.error().code() == errc::conflict);
        CHECK(refused.error().message().find("stop them first") != std::string::npos);
        member->close();
        while (!brokers.group(s.group).value().members.empty()) {
        }
        REQUIRE(brokers.seek(s.group, s.topic, plan).has_value());
        CHECK(total(brokers.lag(s.group, s.topic).value()) == 20);
        s.read(20)->close();
        CHECK(total(brokers.lag(s.group, s.topic).value()) == 0);
    });
}

TEST_CASE("kafka admin: a time is the first message stored then or later") {
    for_real_site([](site& s) {
        s.publish(6, 1);
        kafka_admin brokers{s.options()};
        const auto all = brokers.peek({.topic = s.topic, .limit = 10}).value();
        REQUIRE(all.size() == 6);
        const kafka_place then{.what = kind::time, .time = *all[3].stored_at};
        const auto from = brokers.peek({.topic = s.topic, .from = then, .limit = 10});
        REQUIRE(from.has_value());
        // Messages may share a millisecond.
        CHECK(from->size() >= 3);
        CHECK(from->front().stored_at == all[3].stored_at);
        const kafka_place later{.what = kind::time, .time = *all[5].stored_at + 1h};
        CHECK(total(brokers.plan_seek(s.group, s.topic, later).value()) == 6);
    });
}

TEST_CASE("kafka admin: groups are listed, and one that is not there is dead") {
    for_real_site([](site& s) {
        s.publish(3);
        s.read(3)->close();
        kafka_admin brokers{s.options()};
        const auto all = brokers.groups();
        REQUIRE_MESSAGE(all.has_value(), all.error().message());
        CHECK(all->incomplete == "");
        CHECK(std::ranges::count(all->all, s.group, &kafka_group::name) == 1);
        CHECK(brokers.group("none").value().state == "Dead");
    });
}
