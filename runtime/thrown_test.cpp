#include "tidemark/core/thrown.hpp"

#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/runtime/runtime.hpp"
#include "tidemark/runtime/store.hpp"
#include "tidemark/runtime/test_aggregates.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace tidemark;
using namespace std::chrono_literals;

namespace {

/// Throws a number wherever it is told to.
struct thrower {
    static constexpr std::string_view category = "thrower";

    struct fetch {
        std::string what;
    };
    using requests = tidemark::types<fetch>;

    struct say {
        std::string what;
    };
    struct ask {
        std::string what;
    };
    using command = std::variant<say, ask>;

    struct said {
        std::string what;
        double weight;
    };
    struct said_v1 {
        std::string what;
    };
    using event = std::variant<said>;
    using upcasts = tidemark::types<said_v1>;

    struct state {
        double weight;
    };

    using decision = tidemark::decision<thrower>;
    static decision decide(const state&, const say& c) {
        if (c.what == "decide") throw 42;
        return said{c.what, 1};
    }
    static decision decide(const state&, const ask& c) {
        return tidemark::request(fetch{c.what}, {.retry = {.attempts_max = 2}});
    }
    static void evolve(state& s, const said& e) {
        if (e.what == "evolve") throw 42;
        // What JSON cannot hold.
        if (e.what == "heavy") s.weight = std::numeric_limits<double>::infinity();
    }
    static said upcast(const said_v1& old) {
        if (old.what == "upcast") throw 42;
        return {old.what, 0};
    }
};
using thrower_id = tidemark::id<thrower>;

TIDEMARK_MESSAGE(thrower::fetch, "thrower.fetch.v1", what)
TIDEMARK_MESSAGE(thrower::say, "thrower.say.v1", what)
TIDEMARK_MESSAGE(thrower::ask, "thrower.ask.v1", what)
TIDEMARK_MESSAGE(thrower::said, "thrower.said.v2", what, weight)
TIDEMARK_MESSAGE(thrower::said_v1, "thrower.said.v1", what)
TIDEMARK_STATE(thrower::state, "thrower.state.v1", weight)

const std::string no_exception = "something that is no std::exception";

struct world {
    simulated_scheduler scheduler{{.seed = 5}};
    simulated_execution process{scheduler};
    memory_storage events{process.clock()};
    store_test::unused_bus bus;
    tidemark::runtime runtime{process, events, bus};
    tidemark::store<thrower> throwers;

    explicit world(store_options kept = {}) : throwers{runtime.store<thrower>(kept)} {
        runtime.perform<thrower::fetch>(
            [](thrower::fetch) -> awaitable<thrower::say> { throw 42; });
        runtime.start();
    }
    ~world() {
        process.kill();
        runtime.abandon();
    }

    template <class Command>
    outcome call(std::string what, tidemark::call how = {}, const thrower_id& to = "a") {
        return run(process, throwers.execute<Command>(std::move(how), to, std::move(what)));
    }
    std::size_t stored() {
        return run(process, events.read(thrower_id{"a"}.stream(), version{}, 100)).value().size();
    }
};

}  // namespace

TEST_CASE("thrown: the text of an exception, and of what is none") {
    try {
        throw std::runtime_error{"no money"};
    } catch (...) {
        CHECK(thrown_text() == "no money");
    }
    try {
        throw 42;
    } catch (...) {
        CHECK(thrown_text() == no_exception);
    }
}

TEST_CASE(
    "thrown: a number out of decide or evolve is the caller's error, and the stream goes on") {
    world w;
    for (const std::string function : {"decide", "evolve"}) {
        CAPTURE(function);
        const auto told = w.call<thrower::say>(function);
        REQUIRE(told.is_error());
        CHECK(told.error().code() == errc::user_code_threw);
        CHECK(told.error().message() ==
              function + " threw: " + no_exception + "; nothing was stored");
    }
    CHECK(w.stored() == 0);
    CHECK(w.call<thrower::say>("hello"));
    CHECK(w.stored() == 1);
}

TEST_CASE("thrown: a number out of an upcast or a fold quarantines the stream, by name") {
    world w;
    for (const std::string function : {"upcast", "evolve"}) {
        CAPTURE(function);
        append_request old;
        old.stream = thrower_id{function}.stream();
        old.events.push_back(
            {w.process.fresh_id(), {"thrower.said.v1", R"({"what":")" + function + "\"}"}});
        auto batch = std::make_shared<std::vector<append_request>>();
        batch->push_back(std::move(old));
        run(w.process, w.events.append(std::move(batch)));
        const auto told = w.call<thrower::say>("hello", {}, thrower_id{function});
        REQUIRE(told.is_error());
        CHECK(told.error().code() == errc::quarantined);
        CHECK_MESSAGE(told.error().message().find("thrower-" + function) != std::string::npos,
                      told.error().message());
        CHECK_MESSAGE(told.error().message().find(no_exception) != std::string::npos,
                      told.error().message());
    }
    CHECK(w.call<thrower::say>("hello"));
}

TEST_CASE("thrown: a number out of a performer is a failed attempt, then a dead letter") {
    world w;
    REQUIRE(w.call<thrower::ask>("weather"));
    w.scheduler.run_for(60s);
    const auto letters = run(w.process, w.events.dead_letters({})).value();
    REQUIRE(letters.size() == 1);
    CHECK(letters[0].work.attempt == 2);
    CHECK(letters[0].error_code == "user_code_threw");
    CHECK(letters[0].error_message == "performer threw: " + no_exception);
    CHECK(w.call<thrower::say>("hello"));
}

TEST_CASE("thrown: a command that cannot be written is refused, with a key and without") {
    world w;
    const auto keyed = w.call<thrower::say>("\xff", call{}.once("k"));
    REQUIRE(keyed.is_error());
    CHECK(keyed.error().code() == errc::malformed_payload);
    CHECK_MESSAGE(keyed.error().message().find("$.what") != std::string::npos,
                  keyed.error().message());
    const auto plain = w.call<thrower::say>("\xff");
    REQUIRE(plain.is_error());
    CHECK(plain.error().code() == errc::user_code_threw);
    CHECK(w.stored() == 0);
    CHECK(w.call<thrower::say>("hello", call{}.once("k")));
}

TEST_CASE(
    "thrown: a state that cannot be written keeps its stream from having snapshots, no more") {
    world w{{.snapshot_every = 1}};
    REQUIRE(w.call<thrower::say>("heavy"));
    for (int i = 0; i < 40; ++i) REQUIRE(w.call<thrower::say>("hello"));
    CHECK(w.stored() == 41);
    const auto kept = run(w.process, w.events.list_snapshots({}, 10));
    REQUIRE(kept.has_value());
    CHECK(kept->empty());
}
