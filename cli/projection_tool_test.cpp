#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/cli/open_store.hpp"
#include "tidemark/cli/output.hpp"
#include "tidemark/cli/serving.hpp"
#include "tidemark/cli/session.hpp"
#include "tidemark/cli/tool_run.hpp"
#include "tidemark/eventstore/postgres_database.hpp"
#include "tidemark/eventstore/temporary_folder.hpp"
#include "tidemark/http/client.hpp"
#include "tidemark/runtime/config.hpp"
#include "tidemark/runtime/test_aggregates.hpp"

#include <doctest/doctest.h>
#include <boost/json/parse.hpp>

#include <functional>
#include <string>
#include <vector>

namespace {

using namespace tidemark;
using namespace tidemark::testing;
using namespace std::chrono_literals;
using boost::json::value;
using cli::exit_code;
using store_test::counter;

/// Sets events of amount 7 aside.
struct additions {
    static constexpr std::string_view name = "additions.v1";
    using sources = tidemark::types<counter>;
    static void project(read_model& to, const counter::added& e, const event_context& context) {
        if (e.amount == 7) throw std::runtime_error{"seven"};
        to.put({context.stream.text(), std::to_string(e.amount), {}});
    }
    static void project(read_model&, const counter::cleared&, const event_context&) {}
};

cli::app counters() {
    cli::app out;
    out.name = "counters";
    out.wire = [](runtime& app, const settings&) {
        app.store<counter>();
        projection_options options;
        options.on_failure = projection_failure::park;
        options.attempts_max = 1;
        options.poll = 10ms;
        app.project<additions>(options);
    };
    return out;
}

ran run_with(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--set", "http.admin_port=0"});
    return testing::run_with(counters(), arguments);
}

/// A store in which a counter was added 1 and 7, and the projection has heard of both.
void make_store(const std::string& url) {
    const auto values = settings_of(url);
    io world{{.shards = 1}};
    const auto events = cli::open_store(world, values, cli::store_mode::serving);
    const auto bus = cli::open_bus(world, values, true);
    runtime app{world, *events, *bus};
    counters().wire(app, values);
    app.start();
    position last;
    for (const auto amount : {1, 7}) {
        const id<counter> which{"a"};
        const auto told = run(world, app.store<counter>().execute<counter::add>(which, amount));
        REQUIRE(told);
        last = told.receipt().position;
    }
    CHECK(run(world, app.wait_for("additions.v1", last, 1min)).value());
    CHECK(run(world, app.drain()).is_complete);
}

value only_item(const ran& told) {
    REQUIRE_MESSAGE(is(told, exit_code::ok), told.remarks);
    const auto document = told.json();
    REQUIRE(document.at("items").as_array().size() == 1);
    return document.at("items").at(0);
}

/// Asks until the one projection is in that state.
void wait_for_state(const std::string& url, const std::string& state) {
    for (std::string seen; seen != state;) {
        seen =
            cli::cell(only_item(run_with({"projection", "ls", "--json", "--url", url})), "state");
    }
}

}  // namespace

TEST_CASE("tool: a projection paused without a process is paused when one starts, and resumed") {
    for_each_store([](const std::string& url) {
        make_store(url);
        const auto paused = run_with({"projection", "pause", "additions.v1", "--reason", "an audit",
                                      "--actor", "ada", "--store", url});
        CHECK_MESSAGE(is(paused, exit_code::ok), paused.remarks);
        CHECK(paused.results.starts_with("additions.v1 is paused; its rows stay as they are"));
        const auto kept = only_item(run_with({"projection", "ls", "--json", "--store", url}));
        CHECK(cli::cell(kept, "state") == "not running");
        CHECK(cli::cell(kept, "paused") == "by ada");
        CHECK(cli::cell(kept, "parked") == "1");
        CHECK(cli::cell(kept, "lag_events") == "0");

        const auto values = settings_of(url);
        const auto what = counters();
        cli::serving process{what, values, cli::serve_mode::development};
        process.start();
        const auto admin = process.admin_url();
        wait_for_state(admin, "paused");
        const auto shown = run_with({"projection", "ls", "--url", admin});
        CHECK(shown.results.find("by ada: an audit") != std::string::npos);
        const auto resumed =
            run_with({"projection", "resume", "additions.v1", "--actor", "bob", "--url", admin});
        CHECK(is(resumed, exit_code::ok));
        wait_for_state(admin, "running");

        http::blocking_client client;
        http::outgoing asked;
        asked.url = admin + "/admin/v1/audit";
        const auto audit = boost::json::parse(client.fetch(std::move(asked))->body);
        REQUIRE(audit.at("items").as_array().size() == 2);
        CHECK(cli::cell(audit.at("items").at(0), "action") == "resume");
        CHECK(cli::cell(audit.at("items").at(0), "actor") == "bob");
        CHECK(cli::cell(audit.at("items").at(1), "action") == "pause");
        CHECK(cli::cell(audit.at("items").at(1), "name") == "additions.v1");
        CHECK(process.drain().is_complete);
    });
}

TEST_CASE("tool: projection parked lists what was set aside, and why") {
    for_each_store([](const std::string& url) {
        make_store(url);
        const auto parked =
            only_item(run_with({"projection", "parked", "additions.v1", "--json", "--store", url}));
        CHECK(cli::cell(parked, "stream") == "counter-a");
        CHECK(cli::cell(parked, "version") == "2");
        CHECK(cli::cell(parked, "name") == "counter.added.v1");
        CHECK(cli::cell(parked, "reason").find("seven") != std::string::npos);
        CHECK(cli::cell(parked, "payload") == R"({"amount":7})");
    });
}

TEST_CASE("tool: what operators said to projections is no read model and no fault of the log") {
    for_each_store([](const std::string& url) {
        make_store(url);
        for (auto i = 0; i < 5; ++i) {
            REQUIRE(is(run_with({"projection", "pause", "additions.v1", "--store", url}),
                       exit_code::ok));
        }
        CHECK(is(run_with({"check", "--log", "--set", "http.port=0", "--store", url}),
                 exit_code::ok));
        const auto unknown = run_with({"projection", "pause", "none.v1", "--store", url});
        CHECK(is(unknown, exit_code::failed));
        CHECK(unknown.remarks.find("none.v1") != std::string::npos);
    });
}
