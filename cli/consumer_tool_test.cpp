#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/cli/open_store.hpp"
#include "tidemark/cli/output.hpp"
#include "tidemark/cli/serving.hpp"
#include "tidemark/cli/session.hpp"
#include "tidemark/cli/tool_run.hpp"
#include "tidemark/eventbus/headers.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/http/client.hpp"
#include "tidemark/runtime/test_aggregates.hpp"

#include <doctest/doctest.h>
#include <boost/json/parse.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace tidemark;
using namespace tidemark::testing;
using namespace std::chrono_literals;
using boost::json::value;
using cli::exit_code;
using store_test::counter;

/// Whether amounts of 7 can be taken in.
std::atomic<bool> may_be_seven{false};

/// What another service makes of counters.
struct sums {
    static constexpr std::string_view name = "sums.v1";
    using sources = tidemark::types<counter>;
    static void project(read_model& to, const counter::added& e, const event_context& context) {
        if (e.amount == 7 && !may_be_seven) throw std::runtime_error{"seven"};
        const auto key = context.stream.text();
        const auto known = to.get(key);
        to.put({key, std::to_string((known ? std::stoi(known->body) : 0) + e.amount), {}});
    }
    static void project(read_model&, const counter::cleared&, const event_context&) {}
};

cli::app summing() {
    cli::app out;
    out.name = "summing";
    out.wire = [](runtime& app, const settings&) {
        app.consume<sums>({.topic = "counters", .attempts_max = 1});
    };
    return out;
}

ran run_with(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--set", "http.admin_port=0"});
    return testing::run_with(summing(), arguments);
}

bus_message added(const std::string& log, const std::string& id, std::uint64_t at, int amount) {
    recorded_event event;
    event.position = position{at};
    event.stream = stream_id{"counter", id};
    event.version = version{at};
    event.id = message_id::derive({log, id, std::to_string(at)});
    event.message = {"counter.added.v1", R"({"amount":)" + std::to_string(amount) + "}"};
    bus_message message;
    message.payload = event.message.payload;
    return addressed(std::move(message), event, message_id::derive({log}), "counters");
}

/// A store whose consumer has taken 1 in, has failed at 7 and keeps 3, of the streams counter-a
/// and, in two logs, counter-b.
void make_store(const std::string& url) {
    may_be_seven = false;
    const auto values = settings_of(url);
    io world{{.shards = 1}};
    const auto events = cli::open_store(world, values, cli::store_mode::serving);
    memory_event_bus bus;
    bus.create_topic("counters", 2);
    runtime app{world, *events, bus};
    summing().wire(app, values);
    app.start();
    std::vector<bus_message> batch;
    std::uint64_t at = 0;
    for (const auto amount : {1, 7, 3}) {
        ++at;
        batch.push_back(added("one", "a", at, amount));
        batch.push_back(added("one", "b", at, amount));
        batch.push_back(added("two", "b", at, amount));
    }
    const auto reports = run(world, bus.publish(std::move(batch)));
    CHECK(reports.size() == 9);
    tidemark::event never;
    const auto until = world.clock().steady() + 1min;
    const auto is_done = [&] {
        auto found = run(world, app.consumer("sums.v1")->waiting(10)).value();
        std::erase_if(found, [](const auto& each) { return each.stands.kept != 2; });
        return found.size() == 3 && bus.lag("counters", "sums.v1") == 0;
    };
    while (!is_done() && world.clock().steady() < until) {
        CHECK(!run(world, never.wait_for(world, 1ms)));
    }
    REQUIRE(is_done());
    CHECK(run(world, app.drain()).is_complete);
}

value shown(const std::vector<std::string>& place) {
    std::vector<std::string> arguments{"consumer", "show", "sums.v1", "--json"};
    arguments.insert(arguments.end(), place.begin(), place.end());
    const auto told = run_with(arguments);
    REQUIRE_MESSAGE(is(told, exit_code::ok), told.remarks);
    return told.json();
}

ran order(std::vector<std::string> arguments, const std::string& url) {
    arguments.insert(arguments.begin(), "consumer");
    arguments.insert(arguments.end(), {"--store", url});
    return run_with(arguments);
}

value audit_of(const std::string& admin) {
    http::blocking_client client;
    http::outgoing asked;
    asked.url = admin + "/admin/v1/audit";
    return boost::json::parse(client.fetch(std::move(asked))->body);
}

}  // namespace

TEST_CASE("tool: consumers are listed and shown with the streams that wait and why") {
    for_each_store([](const std::string& url) {
        make_store(url);
        const auto list = run_with({"consumer", "ls", "--json", "--store", url});
        REQUIRE_MESSAGE(is(list, exit_code::ok), list.remarks);
        const auto document = list.json();
        REQUIRE(document.at("items").as_array().size() == 1);
        const auto& item = document.at("items").at(0);
        CHECK(cli::cell(item, "name") == "sums.v1");
        CHECK(cli::cell(item, "topic") == "counters");
        CHECK(cli::cell(item, "state") == "not running");
        CHECK(cli::cell(item, "waiting_streams") == "3");
        CHECK(item.at("lag_messages").is_null());

        const auto told = shown({"--store", url});
        REQUIRE(told.at("waiting").as_array().size() == 3);
        for (const auto& each : told.at("waiting").as_array()) {
            CHECK(cli::cell(each, "state") == "parked");
            CHECK(cli::cell(each, "version") == "1");
            CHECK(cli::cell(each, "kept") == "2");
            CHECK(cli::cell(each, "error_message").find("seven") != std::string::npos);
        }
        const auto text = run_with({"consumer", "show", "sums.v1", "--store", url});
        CHECK(text.results.find("counter-a") != std::string::npos);
        CHECK(is(run_with({"consumer", "show", "none.v1", "--store", url}), exit_code::failed));
        // What a consumer keeps is no projection.
        const auto projections = run_with({"projection", "ls", "--json", "--store", url});
        const auto listed_beside = projections.json();
        for (const auto& each : listed_beside.at("items").as_array()) {
            CHECK(cli::cell(each, "name").find("sums") == std::string::npos);
        }
    });
}

TEST_CASE("tool: a stream that waits is tried dry, resumed and skipped, without a process") {
    for_each_store([](const std::string& url) {
        make_store(url);
        const auto failing = order({"resume", "sums.v1", "counter-a"}, url);
        CHECK_MESSAGE(is(failing, exit_code::ok), failing.remarks);
        CHECK(failing.results.find("version 1 to 1, 0 taken in, ") != std::string::npos);
        CHECK(failing.results.find("parked: ") != std::string::npos);

        may_be_seven = true;
        const auto tried = order({"resume", "sums.v1", "counter-a", "--dry-run"}, url);
        CHECK(tried.results == "would resume counter-a: version 1 to 3, 2 taken in, flowing\n");
        CHECK(shown({"--store", url}).at("waiting").as_array().size() == 3);
        const auto resumed = order({"resume", "sums.v1", "counter-a"}, url);
        CHECK(resumed.results == "resumed counter-a: version 1 to 3, 2 taken in, flowing\n");
        CHECK(is(order({"resume", "sums.v1", "counter-a"}, url), exit_code::failed));

        const auto unclear = order({"skip", "sums.v1", "counter-b", "--reason", "lost"}, url);
        CHECK(is(unclear, exit_code::usage));
        CHECK(unclear.remarks.find("2 logs") != std::string::npos);
        const auto log = message_id::derive({"two"}).to_string();
        CHECK(is(order({"skip", "sums.v1", "counter-b", "--log", log}, url), exit_code::usage));
        const auto skipped =
            order({"skip", "sums.v1", "counter-b", "--log", log, "--reason", "lost"}, url);
        CHECK(skipped.results == "skipped counter-b: version 1 to 3, 1 taken in, flowing\n");
        CHECK(shown({"--store", url}).at("waiting").as_array().size() == 1);
        CHECK(is(order({"resume", "sums.v1"}, url), exit_code::conflict));
    });
}

TEST_CASE("tool: what operators order of a consumer is in the audit, with who and why") {
    for_each_store([](const std::string& url) {
        make_store(url);
        const auto values = settings_of(url);
        const auto what = summing();
        cli::serving process{what, values, cli::serve_mode::development};
        process.start();
        const auto admin = process.admin_url();
        CHECK(cli::cell(shown({"--url", admin}), "waiting_streams") == "3");
        may_be_seven = true;
        const auto resumed = run_with({"consumer", "resume", "sums.v1", "counter-a", "--reason",
                                       "mended", "--actor", "ada", "--url", admin});
        CHECK_MESSAGE(is(resumed, exit_code::ok), resumed.remarks);
        const auto audit = audit_of(admin);
        REQUIRE(audit.at("items").as_array().size() == 1);
        const auto& entry = audit.at("items").at(0);
        CHECK(cli::cell(entry, "action") == "resume");
        CHECK(cli::cell(entry, "actor") == "ada");
        CHECK(cli::cell(entry, "reason") == "mended");
        CHECK(cli::cell(entry, "source") == "counter-a");
        CHECK(cli::cell(entry, "name") == "sums.v1");
        CHECK(process.drain().is_complete);
    });
}
