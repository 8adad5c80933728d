#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/serving.hpp"
#include "tidemark/cli/tool_run.hpp"
#include "tidemark/http/client.hpp"
#include "tidemark/observability/log.hpp"
#include "tidemark/runtime/test_aggregates.hpp"
#include "tidemark/sagas/saga_type.hpp"

#include <doctest/doctest.h>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace {

using namespace tidemark;
using namespace tidemark::testing;
using cli::exit_code;
using store_test::counter;
using store_test::counter_id;

/// Adds 50 to one counter, then too much to another; its undo of the first is too much as well
/// until somebody has cleared that counter.
struct errand {
    static constexpr std::string_view category = "errand";
    using targets = tidemark::types<counter>;

    struct begin {
        counter_id first, second;
    };
    using input = std::variant<begin, counter::added, tidemark::refused>;
    struct state {
        counter_id second;
    };

    using steps = tidemark::steps<errand>;
    static steps react(const state&, const begin& b) {
        return tidemark::send(b.first, counter::add{50}).undone_by(counter::add{60}).named("first");
    }
    static steps react(const state& s, const counter::added&) {
        return tidemark::send(s.second, counter::add{500}).named("second");
    }
    static steps react(const state&, const tidemark::refused& r) {
        return tidemark::fail(r.reason);
    }
    static void evolve(state& s, const begin& b) { s.second = b.second; }
    static void evolve(state&, const auto&) {}
};

TIDEMARK_MESSAGE(errand::begin, "errand.begin.v1", first, second)
TIDEMARK_STATE(errand::state, "errand.state.v1", second)

awaitable<http::response> start(tidemark::store<errand> to, http::request r) {
    const id<errand> which{r.parameter("id")};
    const counter_id a{"a"};
    const counter_id b{"b"};
    auto done = co_await to.execute<errand::begin>(which, a, b);
    co_return http::json(done ? 200 : 409, "{}");
}

awaitable<http::response> clear(tidemark::store<counter> to, http::request r) {
    const counter_id which{r.parameter("id")};
    auto done = co_await to.execute<counter::clear>(which);
    co_return http::json(done ? 200 : 409, "{}");
}

cli::app errands() {
    cli::app out;
    out.name = "errands";
    out.wire = [](runtime& app, const settings&) {
        app.store<counter>();
        app.store<errand>();
    };
    out.add_routes = [](http::router& routes, runtime& app, const settings&) {
        const auto counters = app.store<counter>();
        const auto runs = app.store<errand>();
        routes.post("/errands/{id}", [runs](http::request r) { return start(runs, std::move(r)); });
        routes.post("/clear/{id}",
                    [counters](http::request r) { return clear(counters, std::move(r)); });
    };
    return out;
}

/// The application served in memory on free ports, and its tool.
class fixture {
  public:
    fixture() { process_.start(); }
    ~fixture() { CHECK(process_.drain().is_complete); }
    fixture(const fixture&) = delete;
    fixture& operator=(const fixture&) = delete;

    int post(const std::string& path) {
        http::outgoing asked;
        asked.method = http::method::post;
        asked.url = process_.api_url() + path;
        const auto answered = client_.fetch(std::move(asked));
        REQUIRE(answered.has_value());
        return answered->status;
    }
    ran tool(std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), {"--url", process_.admin_url()});
        return testing::run_with(what_, arguments);
    }
    /// `saga show` once the saga has come to stand there.
    boost::json::value comes_to(const std::string& stream, std::string_view state) {
        for (;;) {
            const auto shown = tool({"saga", "show", stream, "--json"});
            if (shown.code != 0) continue;
            auto saga = shown.json();
            if (cli::cell(saga, "state") == state) return saga;
        }
    }

  private:
    static settings free_ports() { return testing::settings_of("memory:"); }

    cli::app what_ = errands();
    settings values_ = testing::settings_of("memory:");
    cli::serving process_{what_, values_, cli::serve_mode::development};
    http::blocking_client client_;
};

}  // namespace

TEST_CASE("saga resume: a stuck saga is looked at, mended, resumed and completes its undo") {
    fixture f;
    CHECK(f.post("/errands/1") == 200);
    const auto stuck = f.comes_to("errand-1", "stuck");
    CHECK(cli::cell(stuck, "reason") == "undo counter.add.v1 was refused: too_much");

    const auto dry = f.tool({"saga", "resume", "errand-1", "--reason", "look", "--dry-run"});
    CHECK(is(dry, exit_code::ok));
    CHECK(dry.results.find("would resume errand-1, which is stuck") != std::string::npos);
    CHECK(dry.results.find("sends again counter.add.v1 to counter-a") != std::string::npos);
    CHECK(cli::cell(f.comes_to("errand-1", "stuck"), "version") == cli::cell(stuck, "version"));

    CHECK(f.post("/clear/a") == 200);
    const auto logged = std::make_shared<log::memory_sink>();
    const auto before = log::exchange_sink(logged);
    const auto done = f.tool(
        {"saga", "resume", "errand-1", "--reason", "cleared by hand", "--actor", "ann", "--json"});
    log::exchange_sink(before);
    CHECK(is(done, exit_code::ok));
    CHECK(std::ranges::any_of(logged->lines(), [&stuck](const auto& line) {
        const auto read = boost::json::parse(line);
        return cli::cell(read, "message") == "saga resumed by an operator" &&
               cli::cell(read, "correlation") == cli::cell(stuck, "correlation") &&
               message_id::parse(cli::cell(read, "causation")).has_value();
    }));
    CHECK(cli::cell(done.json(), "resumed") == "true");
    CHECK(done.json().at("would_resume").as_array().size() == 1);
    const auto ended = f.comes_to("errand-1", "failed");
    CHECK(cli::cell(ended.at("steps").at(0), "state") == "undone");
    // Who and why are kept in the saga's own events.
    const auto& lines = ended.at("timeline").as_array();
    CHECK(std::ranges::any_of(lines, [](const auto& line) {
        return cli::cell(line, "text").find("resumed by ann: cleared by hand") != std::string::npos;
    }));
    const auto state = f.tool({"stream", "state", "counter-a", "--json"}).json();
    CHECK(cli::cell(state.at("state"), "value") == "60");
}

TEST_CASE("saga resume: a step that was undone by other means is passed over") {
    fixture f;
    CHECK(f.post("/errands/1") == 200);
    f.comes_to("errand-1", "stuck");
    const auto done =
        f.tool({"saga", "resume", "errand-1", "--reason", "booked back by hand", "--skip"});
    CHECK(done.results.find("passes over counter.add.v1 to counter-a") != std::string::npos);
    f.comes_to("errand-1", "failed");
    const auto state = f.tool({"stream", "state", "counter-a", "--json"}).json();
    CHECK(cli::cell(state.at("state"), "value") == "50");
}

TEST_CASE("saga resume: it is refused without a reason, twice, and for what is no stuck saga") {
    fixture f;
    CHECK(f.post("/errands/1") == 200);
    f.comes_to("errand-1", "stuck");
    const auto resume = [&f](const std::string& stream) {
        return f.tool({"saga", "resume", stream, "--reason", "x", "--skip"});
    };
    CHECK(is(f.tool({"saga", "resume", "errand-1"}), exit_code::usage));
    CHECK(is(f.tool({"saga", "resume", "errand-1", "--reason", ""}), exit_code::usage));
    CHECK(is(resume("errand-2"), exit_code::failed));
    CHECK(is(resume("nodash"), exit_code::failed));
    CHECK(is(resume("other-1"), exit_code::failed));
    const auto aggregate = resume("counter-a");
    CHECK(is(aggregate, exit_code::usage));
    CHECK(aggregate.remarks.find("is an aggregate, not a saga") != std::string::npos);
    CHECK(is(resume("errand-1"), exit_code::ok));
    f.comes_to("errand-1", "failed");
    const auto again = resume("errand-1");
    CHECK(is(again, exit_code::conflict));
    CHECK(again.remarks.find("saga_has_nothing_to_resume") != std::string::npos);
}
