// A backup is put in place while what was read from the newer log is still there.
#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/cli/open_store.hpp"
#include "tidemark/cli/output.hpp"
#include "tidemark/cli/tool_run.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/eventstore/postgres_connection.hpp"
#include "tidemark/eventstore/postgres_database.hpp"
#include "tidemark/runtime/runtime.hpp"
#include "tidemark/runtime/test_aggregates.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;
using namespace std::chrono_literals;
using cli::exit_code;
using store_test::counter;
using store_test::sums;

namespace {

constexpr auto topic = "counters";

ran run_with(const std::vector<std::string>& arguments) {
    return testing::run_with(cli::app{}, arguments);
}

/// What a process of a counter, a read model and a relay leaves behind when it ends.
class process {
  public:
    explicit process(const std::string& url)
        : values_{settings_of(url)},
          events_{cli::open_store(world_, values_, cli::store_mode::serving)},
          app_{world_, *events_, bus_} {
        bus_.create_topic(topic, 1);
        app_.store<counter>();
        app_.project<sums>({.poll = 5ms});
        app_.relay({.topic = topic, .poll_interval = 5ms});
        app_.start();
    }
    ~process() { CHECK(run(world_, app_.drain()).is_complete); }
    process(const process&) = delete;
    process& operator=(const process&) = delete;

    void add(int amount) {
        const id<counter> which{"one"};
        const auto told = run(world_, app_.store<counter>().execute<counter::add>(which, amount));
        REQUIRE(told);
        CHECK(run(world_, app_.wait_for("sums.v1", told.receipt().position, 1min)).value());
    }
    /// Once its relay has come to stand still, or has published up to `at`.
    relay_status relay_at(position at) {
        for (;;) {
            const auto all = app_.relays();
            if (all.front().phase == relay_fsm::phase::parked) return all.front();
            if (all.front().checkpoint >= at) return all.front();
        }
    }
    store_status status() { return run(world_, events_->status()).value(); }

  private:
    io world_{{.shards = 1}};
    settings values_;
    memory_event_bus bus_;
    std::unique_ptr<storage> events_;
    runtime app_;
};

void make_store(const std::string& url) {
    process before{url};
    before.add(5);
    before.relay_at(position{1});
}

}  // namespace

TEST_CASE("tool: a restored log has another identity; its read models go on, its relays wait") {
    for_each_store([](const std::string& url) {
        make_store(url);
        const auto dry = run_with({"restored", "--dry-run", "--json", "--store", url});
        REQUIRE_MESSAGE(is(dry, exit_code::ok), dry.remarks);
        const auto told = run_with({"restored", "--json", "--store", url});
        REQUIRE_MESSAGE(is(told, exit_code::ok), told.remarks);
        CHECK(cli::cell(told.json(), "before") == cli::cell(dry.json(), "before"));
        CHECK(cli::cell(told.json(), "after") != cli::cell(told.json(), "before"));
        CHECK(cli::cell(told.json(), "read_models") == "1");
        CHECK(cli::cell(told.json(), "relays") == "1");

        process after{url};
        CHECK(after.status().incarnation.to_string() == cli::cell(told.json(), "after"));
        after.add(2);
        const auto relay = after.relay_at(position{2});
        CHECK(relay.phase == relay_fsm::phase::parked);
        CHECK(relay.reason.find(cli::cell(told.json(), "before")) != std::string::npos);
    });
}

TEST_CASE("tool: relays of a restored log go on, or publish it again, when they are told to") {
    for (const std::string fate : {"go-on", "again"}) {
        CAPTURE(fate);
        for_each_store([&fate](const std::string& url) {
            make_store(url);
            const auto told = run_with({"restored", "--relays", fate, "--store", url});
            REQUIRE_MESSAGE(is(told, exit_code::ok), told.remarks);
            process after{url};
            after.add(2);
            const auto relay = after.relay_at(position{2});
            CHECK(relay.phase != relay_fsm::phase::parked);
            CHECK(relay.published == (fate == "again" ? 2 : 1));
        });
    }
}

TEST_CASE("tool: what relays of a restored log do can be said later, without another identity") {
    for_each_store([](const std::string& url) {
        make_store(url);
        const auto told = run_with({"restored", "--json", "--store", url});
        REQUIRE_MESSAGE(is(told, exit_code::ok), told.remarks);
        const auto later =
            run_with({"restored", "--nothing-lost", "--relays", "go-on", "--json", "--store", url});
        REQUIRE_MESSAGE(is(later, exit_code::ok), later.remarks);
        CHECK(cli::cell(later.json(), "after") == cli::cell(told.json(), "after"));
        process after{url};
        after.add(2);
        const auto relay = after.relay_at(position{2});
        CHECK(relay.phase != relay_fsm::phase::parked);
        CHECK(relay.published == 1);
    });
}

TEST_CASE("tool: a log that was moved as a whole keeps its identity") {
    for_each_store([](const std::string& url) {
        make_store(url);
        const auto told = run_with({"restored", "--nothing-lost", "--json", "--store", url});
        REQUIRE_MESSAGE(is(told, exit_code::ok), told.remarks);
        CHECK(cli::cell(told.json(), "after") == cli::cell(told.json(), "before"));
        process after{url};
        after.add(2);
        CHECK(after.relay_at(position{2}).phase != relay_fsm::phase::parked);
    });
}

TEST_CASE("tool: a log that is served is not renewed") {
    for_each_store([](const std::string& url) {
        process serving{url};
        const auto before = serving.status().incarnation;
        const auto refused = run_with({"restored", "--store", url});
        CHECK(is(refused, exit_code::conflict));
        CHECK(serving.status().incarnation == before);
    });
    CHECK_FALSE(is(run_with({"restored", "--store", "memory:"}), exit_code::ok));
    CHECK_FALSE(is(run_with({"restored", "--store", "sqlite:/nowhere/t.db"}), exit_code::ok));
}

TEST_CASE("tool: a database that was copied is not served before somebody says what it is") {
    if (!has_postgres()) return;
    const postgres_database database;
    const auto& options = database.options();
    make_store(options.url);
    postgres_connection{options}.execute("UPDATE meta SET home = 'elsewhere/1'");
    const auto refused = run_with({"migrate", "status", "--store", options.url});
    CHECK(is(refused, exit_code::ok));
    std::string why;
    try {
        const process never{options.url};
    } catch (const cli::failure& told) {
        why = told.said().what;
    }
    CHECK(why.find("elsewhere/1") != std::string::npos);
    CHECK(why.find("tidemark restored") != std::string::npos);
    CHECK(is(run_with({"restored", "--nothing-lost", "--store", options.url}), exit_code::ok));
    process again{options.url};
    again.add(2);
}
