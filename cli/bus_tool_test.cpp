#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/cli/bus_access.hpp"
#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/tool_run.hpp"
#include "tidemark/core/time_text.hpp"
#include "tidemark/eventbus/kafka_event_bus.hpp"
#include "tidemark/eventbus/kafka_mock.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;
using namespace std::chrono_literals;
using cli::cell;
using cli::exit_code;

namespace {

/// Mock brokers with the topic "t" of three partitions, and the verbs of `bus` against them.
class site {
  public:
    site() { brokers_.create_topic("t", 3); }

    std::string url() const { return "kafka://" + brokers_.brokers(); }
    kafka_mock& brokers() { return brokers_; }

    ran run_with(std::vector<std::string> words, const cli::app& what = {}) const {
        words.insert(words.begin(), "bus");
        words.insert(words.end(), {"--bus", url()});
        return testing::run_with(what, words);
    }

    void publish(const std::string& key, const std::string& payload) {
        bus_message message{.topic = "t", .key = key, .payload = payload};
        message.headers = {{"tidemark-name", "order.placed.v1"}};
        while (run(world_, bus().publish({message})).front().outcome != delivery::persisted) {
        }
    }

    event_bus& bus() {
        if (!bus_) {
            kafka_options options;
            options.brokers = brokers_.brokers();
            options.linger = 0s;
            bus_ = std::make_unique<kafka_event_bus>(world_, world_.shard(0), options);
        }
        return *bus_;
    }

  private:
    kafka_mock brokers_{3};
    io world_{{.shards = 1}};
    std::unique_ptr<kafka_event_bus> bus_;
};

const boost::json::value& item(const boost::json::value& document, std::size_t index) {
    return document.at("items").as_array().at(index);
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("bus tool: topics are listed, and one is shown with its partitions") {
    const site s;
    const auto all = s.run_with({"topics", "--json"});
    REQUIRE_MESSAGE(is(all, exit_code::ok), all.remarks);
    CHECK(cell(item(all.json(), 0), "topic") == "t");
    const auto one = s.run_with({"topics", "t", "--json"});
    REQUIRE(is(one, exit_code::ok));
    CHECK(one.json().at("partitions").as_array().size() == 3);
    CHECK(has(s.run_with({"topics", "t"}).results, "PARTITION  LEADER"));
}

TEST_CASE("bus tool: messages are shown whole, cut, and as digits if they are no text") {
    site s;
    s.publish("ada", "caf\xc3\xa9 and more");
    s.publish("ada", std::string{"\xff\0", 2});
    const auto all = s.run_with({"peek", "t", "--from", "start", "--json"});
    REQUIRE_MESSAGE(is(all, exit_code::ok), all.remarks);
    const auto first = item(all.json(), 0);
    CHECK(cell(first, "key") == "ada");
    CHECK(cell(first, "payload") == "caf\xc3\xa9 and more");
    CHECK(cell(first, "cut") == "false");
    CHECK(cell(first.at("headers").as_array().at(0), "value") == "order.placed.v1");
    CHECK(cell(item(all.json(), 1), "payload_hex") == "ff00");
    const auto cut = s.run_with({"peek", "t", "--from", "start", "--bytes", "4", "--json"}).json();
    CHECK(cell(item(cut, 0), "payload") == "caf");
    CHECK(cell(item(cut, 0), "cut") == "true");
    CHECK(cell(item(cut, 0), "payload_bytes") == "14");
    const auto text = s.run_with({"peek", "t", "--limit", "1"}).results;
    CHECK_MESSAGE(has(text, "ada  2 bytes"), text);
    CHECK_MESSAGE(has(text, "0xff00"), text);
}

TEST_CASE("bus tool: lag is told by partition and in all") {
    site s;
    for (auto i = 0; i < 5; ++i) s.publish("k" + std::to_string(i), "1");
    const auto told = s.run_with({"lag", "g", "--topic", "t", "--json"});
    REQUIRE_MESSAGE(is(told, exit_code::ok), told.remarks);
    CHECK(cell(told.json(), "lag") == "5");
    CHECK(told.json().at("items").as_array().size() == 3);
    CHECK(has(s.run_with({"lag", "g", "--topic", "t"}).results, "5 messages before it"));
}

TEST_CASE("bus tool: a seek says where it would go and changes nothing") {
    site s;
    for (auto i = 0; i < 5; ++i) s.publish("k" + std::to_string(i), "1");
    const auto plan = s.run_with({"seek", "g", "t", "--to", "end", "--json"});
    REQUIRE_MESSAGE(is(plan, exit_code::ok), plan.remarks);
    CHECK(cell(plan.json(), "applied") == "false");
    CHECK(has(s.run_with({"seek", "g", "t", "--to", "end"}).results, "nothing is changed yet"));
    CHECK(cell(s.run_with({"lag", "g", "--topic", "t", "--json"}).json(), "lag") == "5");
}

TEST_CASE("bus tool: check compares topics with the settings") {
    site s;
    const auto good = s.run_with({"check", "t", "--set", "kafka.partitions=3"});
    CHECK_MESSAGE(is(good, exit_code::ok), good.results);
    const auto other = s.run_with({"check", "t", "--set", "kafka.partitions=4"});
    CHECK(is(other, exit_code::failed));
    CHECK_MESSAGE(has(other.results, "has 3 partitions and not 4"), other.results);
    s.brokers().set_leader("t", 1, -1);
    const auto headless = s.run_with({"check", "t", "--set", "kafka.partitions=3"});
    CHECK(is(headless, exit_code::failed));
    CHECK_MESSAGE(has(headless.results, "partition 1 has no leader"), headless.results);
    s.brokers().forbid_topic("none");
    CHECK(is(s.run_with({"check", "none"}), exit_code::failed));
    // What the program itself publishes to is made by its first start.
    cli::app what;
    what.wire = [](runtime& app, const settings&) { app.relay({.topic = "none"}); };
    const auto own = s.run_with({"check"}, what);
    CHECK_MESSAGE(is(own, exit_code::ok), own.results);
    CHECK(has(own.results, "none"));
}

TEST_CASE("bus tool: mistakes are said with code, source and remedy") {
    site s;
    s.brokers().forbid_topic("none");
    struct row {
        std::vector<std::string> words;
        exit_code code;
        const char* says;
    };
    const row rows[] = {
        {{"topics", "none"}, exit_code::failed, "CLI-004"},
        {{"peek", "t", "--partition", "9"}, exit_code::failed, "no partition 9"},
        {{"peek", "t", "--from", "yesterday"}, exit_code::usage, "\"yesterday\" is no place"},
        {{"peek", "t", "--limit", "0"}, exit_code::usage, "--limit"},
        {{"seek", "g", "t"}, exit_code::usage, "--to"},
    };
    for (const auto& [words, code, says] : rows) {
        const auto told = s.run_with(words);
        CHECK_MESSAGE(is(told, code), told.remarks);
        CHECK_MESSAGE(has(told.remarks, says), told.remarks);
        CHECK_MESSAGE(has(told.remarks, "  fix      "), told.remarks);
    }
    const auto nobody =
        testing::run_with(cli::app{}, {"bus", "topics", "--bus", "kafka://127.0.0.1:1"});
    CHECK(is(nobody, exit_code::unreachable));
    CHECK_MESSAGE(has(nobody.remarks, "CLI-012"), nobody.remarks);
    CHECK_MESSAGE(has(nobody.remarks, "bus.url, flag --bus"), nobody.remarks);
    const auto memory = testing::run_with(cli::app{}, {"bus", "topics", "--bus", "memory:"});
    CHECK(is(memory, exit_code::usage));
    CHECK_MESSAGE(has(memory.remarks, "CLI-011"), memory.remarks);
}

TEST_CASE("bus tool: a place is start, end, an offset, a time or how long ago") {
    using kind = kafka_place::kind;
    const auto now = *parse_instant("2026-03-01T09:00:00Z");
    CHECK(cli::parse_place("start", now).what == kind::start);
    CHECK(cli::parse_place("end", now).what == kind::end);
    CHECK(cli::parse_place("1042", now).offset == 1042);
    CHECK(cli::parse_place("1042", now).what == kind::offset);
    CHECK(cli::parse_place("2026-02-01T09:00:00Z", now).time < now);
    CHECK(cli::parse_place("90min", now).time == now - 90min);
    for (const auto* text : {"", "-1", "1.5", "soon", "99999999999999999999"}) {
        CHECK_THROWS_AS((void)cli::parse_place(text, now), cli::failure);
    }
}
