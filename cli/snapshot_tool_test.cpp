#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/open_store.hpp"
#include "tidemark/cli/output.hpp"
#include "tidemark/cli/serving.hpp"
#include "tidemark/cli/session.hpp"
#include "tidemark/cli/tool_run.hpp"
#include "tidemark/eventstore/postgres_database.hpp"
#include "tidemark/eventstore/temporary_folder.hpp"
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
using cli::exit_code;
using store_test::counter;

cli::app counters() {
    cli::app out;
    out.name = "counters";
    out.wire = [](runtime& app, const settings&) { app.store<counter>({.snapshot_every = 2}); };
    return out;
}

ran run_with(const std::vector<std::string>& arguments) {
    return testing::run_with(counters(), arguments);
}

/// Runs `use` with a store that keeps the snapshots of two streams.
void with_snapshots(const std::string& url, const std::function<void(storage&, io&)>& use) {
    const auto values = settings_of(url);
    io world{{.shards = 1}};
    const auto events = cli::open_store(world, values, cli::store_mode::serving);
    const auto bus = cli::open_bus(world, values, true);
    runtime app{world, *events, *bus};
    auto store = app.store<counter>({.snapshot_every = 2});
    app.start();
    for (const auto* name : {"a", "b"}) {
        for (const auto amount : {1, 2}) {
            const id<counter> which{name};
            REQUIRE(run(world, store.execute<counter::add>(which, amount)));
        }
    }
    // Snapshots are saved behind the reply; a drained runtime has saved them.
    REQUIRE(run(world, app.drain()).is_complete);
    use(*events, world);
}

/// Leaves a wrong snapshot of b, one of an older schema and one that cannot be read.
void spoil(storage& events, io& world) {
    auto kept = run(world, events.latest_snapshot(id<counter>{"b"}.stream(), "counter.state.v1"));
    REQUIRE(kept.has_value());
    REQUIRE(kept->has_value());
    auto wrong = **kept;
    wrong.payload = R"({"value":4})";
    REQUIRE(run(world, events.save_snapshot(wrong)));
    wrong.name = "counter.state.v0";
    REQUIRE(run(world, events.save_snapshot(wrong)));
    auto broken = **kept;
    broken.stream = id<counter>{"c"}.stream();
    broken.payload = "not JSON";
    REQUIRE(run(world, events.save_snapshot(broken)));
}

}  // namespace

TEST_CASE("tool: snapshot verify finds snapshots equal to a replay, of one stream or of all") {
    for_each_store([](const std::string& url) {
        with_snapshots(url, [](storage&, io&) {});
        const auto all = run_with({"snapshot", "verify", "--all", "--json", "--store", url});
        CHECK_MESSAGE(is(all, exit_code::ok), all.remarks);
        CHECK(all.results ==
              "{\"ok\":true,\"checked\":2,\"differing\":0,\"ignored\":0,\"items\":[]}\n");
        const auto one = run_with({"snapshot", "verify", "counter-a", "--json", "--store", url});
        CHECK(cli::cell(boost::json::parse(one.results), "checked") == "1");
        const auto listed = run_with({"snapshot", "ls", "--json", "--store", url});
        CHECK(boost::json::parse(listed.results).at("items").as_array().size() == 2);
    });
}

TEST_CASE("tool: snapshot verify names stream, version and member, and says what is ignored") {
    for_each_store([](const std::string& url) {
        with_snapshots(url, spoil);
        const auto told = run_with({"snapshot", "verify", "--all", "--store", url});
        CHECK(is(told, exit_code::failed));
        CHECK_MESSAGE(told.results.find("DIFFERS  counter-b at version 2 (counter.state.v1): "
                                        "$.value: 4 -> 3\n") != std::string::npos,
                      told.results);
        CHECK(told.results.find("ignored  counter-b at version 2 (counter.state.v0): of another "
                                "schema") != std::string::npos);
        CHECK(told.results.find("ignored  counter-c at version 2 (counter.state.v1): not "
                                "readable") != std::string::npos);
        CHECK(told.results.find("4 snapshots: 1 equal a replay, 1 differ, 2 ignored\n") !=
              std::string::npos);
        CHECK(is(run_with({"snapshot", "verify", "counter-a", "--store", url}), exit_code::ok));
    });
}

TEST_CASE("tool: snapshot verify asks a process that serves the store") {
    for_each_store([](const std::string& url) {
        with_snapshots(url, spoil);
        const auto values = settings_of(url);
        const auto what = counters();
        cli::serving process{what, values, cli::serve_mode::production};
        process.start();
        const auto told =
            run_with({"snapshot", "verify", "--all", "--json", "--url", process.admin_url()});
        CHECK(is(told, exit_code::failed));
        const auto document = boost::json::parse(told.results);
        CHECK(cli::cell(document, "differing") == "1");
        CHECK(cli::cell(document.at("items").at(0), "stream") == "counter-b");
        CHECK(process.drain().is_complete);
    });
}

TEST_CASE("tool: snapshot verify wants to know which") {
    CHECK(is(run_with({"snapshot", "verify"}), exit_code::usage));
    CHECK(is(run_with({"snapshot", "verify", "a-1", "--all"}), exit_code::usage));
}
