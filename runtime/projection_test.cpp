#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/eventstore/contract.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/observability/log.hpp"
#include "tidemark/runtime/projection_controls.hpp"
#include "tidemark/runtime/runtime.hpp"
#include "tidemark/runtime/test_aggregates.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

using namespace tidemark;
using namespace std::chrono_literals;
using store_test::counter;
using testing::contract_store;
using testing::for_each_backend;

namespace {

/// Whether the projection throws at an addition of 7, and a number at one of 42.
std::atomic<bool> is_seven_refused{true};

/// How often each counter was added to.
struct additions {
    static constexpr std::string_view name = "additions.v1";
    using sources = tidemark::types<counter>;
    static void project(read_model& to, const counter::added& e, const event_context& context) {
        if (e.amount == 7 && is_seven_refused) throw std::runtime_error{"seven"};
        if (e.amount == 42 && is_seven_refused) throw 42;
        const auto key = context.stream.text();
        const auto known = to.get(key);
        to.put({key, std::to_string(known ? std::stoi(known->body) + 1 : 1), {}});
    }
    static void project(read_model&, const counter::cleared&, const event_context&) {}
};

/// The same under another name, never in the way of the first.
struct other_additions {
    static constexpr std::string_view name = "other_additions.v1";
    using sources = tidemark::types<counter>;
    static void project(read_model& to, const counter::added&, const event_context& context) {
        to.put({context.stream.text(), "1", {}});
    }
    static void project(read_model&, const counter::cleared&, const event_context&) {}
};

projection_options quick(projection_failure on_failure = projection_failure::stop) {
    projection_options options;
    options.on_failure = on_failure;
    options.attempts_max = 2;
    options.retry_first = 1ms;
    options.retry_cap = 5ms;
    options.poll = 5ms;
    return options;
}

/// Threads that outlive every store, as they must.
tidemark::io& threads() {
    static tidemark::io made{{.shards = 1}};
    return made;
}

/// A process on the store under test.
struct process {
    contract_store& c;
    tidemark::io& io = threads();
    store_test::unused_bus bus;
    tidemark::runtime runtime{io, c.store(), bus};
    tidemark::store<counter> counters{runtime.store<counter>()};

    explicit process(contract_store& on, projection_options options = quick()) : c{on} {
        is_seven_refused = true;
        runtime.project<additions>(options);
        runtime.project<other_additions>(quick());
        runtime.start();
    }
    ~process() { CHECK(run(io, runtime.drain()).is_complete); }

    position add(const std::string& to, int amount) {
        const id<counter> which{to};
        const auto told = run(io, counters.execute<counter::add>(which, amount));
        REQUIRE(told);
        return told.receipt().position;
    }
    projection_status status(std::string_view name = "additions.v1") {
        for (auto& one : runtime.projections()) {
            if (one.name == name) return one;
        }
        FAIL("no such projection");
        return {};
    }
    /// Waits until the projection is as wanted.
    void wait(const std::function<bool(const projection_status&)>& is_there) {
        event never;
        while (!is_there(status())) CHECK(!run(io, never.wait_for(io, 1ms)));
    }
    void settle(position at) {
        const auto seen = run(io, runtime.wait_for("additions.v1", at, 1min));
        REQUIRE(seen);
        REQUIRE(*seen);
    }
    std::string count_of(const std::string& key) {
        const auto found = run(io, c.store().find_document("additions.v1", "counter-" + key));
        REQUIRE(found.has_value());
        return *found ? (*found)->body : "";
    }
    void pause(bool is_paused) {
        REQUIRE(run(io, runtime.set_paused("additions.v1", is_paused, {"ada", "an audit"})));
    }
};

}  // namespace

TEST_CASE("projection: a paused one stands still over a restart and goes on where it stood") {
    for_each_backend([](contract_store& c) {
        position last;
        {
            process p{c};
            p.settle(p.add("a", 1));
            p.pause(true);
            p.wait([](const auto& s) { return s.state == "paused"; });
            CHECK(p.status().reason == "by ada: an audit");
            last = p.add("a", 1);
            p.wait([](const auto& s) { return s.lag_events > 0; });
            CHECK(p.count_of("a") == "1");
            const auto beside = run(p.io, p.runtime.wait_for("other_additions.v1", last, 1min));
            CHECK(beside.value());
        }
        process p{c};
        p.wait([](const auto& s) { return s.state == "paused"; });
        CHECK(p.count_of("a") == "1");
        p.pause(false);
        p.settle(last);
        CHECK(p.count_of("a") == "2");
        p.wait([](const auto& s) { return s.state == "running" && s.lag_events == 0; });
        CHECK(p.status().reason.empty());
    });
}

TEST_CASE("projection: who paused and resumed is kept, newest first") {
    for_each_backend([](contract_store& c) {
        process p{c};
        p.settle(p.add("a", 1));
        p.pause(true);
        p.pause(false);
        projection_controls controls{c.store(), c.time};
        const auto kept = run(p.io, controls.history(10)).value();
        REQUIRE(kept.size() == 2);
        CHECK(kept[0].action == "resume");
        CHECK(kept[1].action == "pause");
        CHECK(kept[1].projection == "additions.v1");
        CHECK(kept[1].who.actor == "ada");
        CHECK(kept[1].who.reason == "an audit");
        CHECK(kept[1].at > instant{});
        const auto unknown = run(p.io, p.runtime.set_paused("none.v1", true, {"ada", ""}));
        CHECK(unknown.error().code() == errc::not_found);
    });
}

TEST_CASE("projection: an event it throws on stops it by name, and no other") {
    for_each_backend([](contract_store& c) {
        process p{c};
        p.settle(p.add("a", 1));
        const auto last = p.add("a", 7);
        p.wait([](const auto& s) { return s.state == "retrying"; });
        const auto why = p.status().reason;
        CHECK_MESSAGE(
            why.find("event counter.added.v1 at position " + std::to_string(last.value()) +
                     " (stream counter-a, version 2)") != std::string::npos,
            why);
        CHECK(why.find("seven") != std::string::npos);
        CHECK(run(p.io, p.runtime.wait_for("other_additions.v1", last, 1min)).value());
        CHECK(p.count_of("a") == "1");
        is_seven_refused = false;
        p.settle(last);
        CHECK(p.count_of("a") == "2");
    });
}

TEST_CASE("projection: what it throws may be no std::exception") {
    for_each_backend([](contract_store& c) {
        process p{c};
        const auto last = p.add("a", 42);
        p.wait([](const auto& s) { return s.state == "retrying"; });
        const auto why = p.status().reason;
        CHECK_MESSAGE(why.find("counter.added.v1 at position") != std::string::npos, why);
        CHECK_MESSAGE(why.find("something that is no std::exception") != std::string::npos, why);
        is_seven_refused = false;
        p.settle(last);
        CHECK(p.count_of("a") == "1");
    });
}

TEST_CASE("projection: what it says of an event it threw on carries the event's trace") {
    const auto lines = std::make_shared<log::memory_sink>();
    const auto before = log::exchange_sink(lines);
    for_each_backend([&lines](contract_store& c) {
        process p{c, quick(projection_failure::park)};
        trace_context trace;
        trace.correlation = p.io.fresh_id();
        trace.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        const id<counter> a{"a"};
        const auto told = run(p.io, p.counters.execute<counter::add>(call{}.tracing(trace), a, 7));
        REQUIRE(told);
        p.settle(told.receipt().position);
        const auto fields = R"("correlation":")" + trace.correlation.to_string() +
                            R"(","causation":")" + told.command().to_string() +
                            R"(","trace_id":"0af7651916cd43dd8448eb211c80319c")";
        for (const std::string message : {"projection failed", "projection parked an event"}) {
            CAPTURE(message);
            CHECK(std::ranges::any_of(lines->lines(), [&](const std::string& line) {
                return line.find("\"" + message + "\"") != std::string::npos &&
                       line.find(fields) != std::string::npos;
            }));
        }
    });
    log::exchange_sink(before);
}

TEST_CASE("projection: an event of an unknown name or a broken payload is parked, if it may be") {
    for_each_backend([](contract_store& c) {
        const stream_id stream{"counter", "a"};
        c.commit({.stream = stream,
                  .expected = expected_version::any(),
                  .events = {testing::event("counter.gone.v1", R"({"amount":1})"),
                             testing::event("counter.added.v1", R"({"amount":"x"})"),
                             testing::event("counter.added.v1", R"({"amount":1})")}});
        process p{c, quick(projection_failure::park)};
        p.wait([](const auto& s) { return s.parked == 2 && s.state == "running"; });
        p.wait([](const auto& s) { return s.lag_events == 0; });
        CHECK(p.count_of("a") == "1");
        const auto parked = run(p.io, c.store().query("additions.v1.parked", {})).value();
        REQUIRE(parked.size() == 2);
        CHECK(parked[0].body.find("counter.gone.v1") != std::string::npos);
        CHECK(parked[0].body.find(R"("stream":"counter-a")") != std::string::npos);
        CHECK(parked[1].body.find("$.amount") != std::string::npos);
    });
}

TEST_CASE("projection: a payload of any bytes can be parked, and is counted after a restart") {
    for_each_backend([](contract_store& c) {
        const std::string bytes{"\xff\0{", 3};
        c.commit({.stream = stream_id{"counter", "a"},
                  .expected = expected_version::any(),
                  .events = {testing::event("counter.added.v1", bytes)}});
        {
            process p{c, quick(projection_failure::park)};
            p.wait([](const auto& s) { return s.parked == 1; });
        }
        process p{c, quick(projection_failure::park)};
        p.wait([](const auto& s) { return s.parked == 1; });
    });
}

TEST_CASE("projection: a rebuild replaces the rows and forgets what is not parked any more") {
    for_each_backend([](contract_store& c) {
        process p{c, quick(projection_failure::park)};
        const auto last = p.add("a", 7);
        p.settle(last);
        p.wait([](const auto& s) { return s.parked == 1; });
        is_seven_refused = false;
        REQUIRE(p.runtime.rebuild("additions.v1"));
        p.wait([](const auto& s) { return s.parked == 0 && s.state == "running"; });
        CHECK(p.count_of("a") == "1");
        CHECK(run(p.io, c.store().query("additions.v1.parked", {})).value().empty());
    });
}

TEST_CASE("projection: a checkpoint ahead of the log is named, and a rebuild mends it") {
    for_each_backend([](contract_store& c) {
        const auto log = run(threads(), c.store().status()).value().incarnation;
        auto ahead = [](read_model& rows) { rows.put({"counter-a", "41", {}}); };
        REQUIRE(run(threads(), c.store().update("additions.v1", {position{}, log},
                                                {position{99}, log}, ahead)));
        process p{c};
        const auto last = p.add("a", 1);
        p.wait([](const auto& s) { return s.state == "retrying"; });
        CHECK(p.status().reason.find("has seen position 99, but the log ends at ") !=
              std::string::npos);
        REQUIRE(p.runtime.rebuild("additions.v1"));
        p.settle(last);
        CHECK(p.count_of("a") == "1");
    });
}

namespace {

/// Loses its database inside the first batches: what the projection reads there throws.
class failing_storage final : public memory_storage {
  public:
    using memory_storage::memory_storage;
    int failures_left = 3;

    awaitable<result<void>> update(std::string name, checkpoint from, checkpoint to,
                                   std::function<void(read_model&)> change) override {
        if (name != "additions.v1" || failures_left == 0) {
            co_return co_await memory_storage::update(std::move(name), from, to, std::move(change));
        }
        --failures_left;
        lost_rows rows;
        try {
            change(rows);
        } catch (const std::exception&) {
            co_return error{errc::unavailable, "the server went away"};
        }
        co_return error{errc::unavailable, "the projection swallowed it"};
    }

  private:
    struct lost_rows final : read_model {
        [[noreturn]] static void lose() {
            throw std::system_error{make_error_code(errc::unavailable)};
        }
        std::optional<document> get(std::string_view) override { lose(); }
        void put(document) override { lose(); }
        void erase(std::string_view) override { lose(); }
        std::vector<document> find(std::string_view, std::string_view, std::size_t) override {
            lose();
        }
        read_model& beside(std::string_view) override { lose(); }
    };
};

}  // namespace

TEST_CASE("projection: an event is not parked for a storage that went away meanwhile") {
    is_seven_refused = true;
    failing_storage events{threads().clock()};
    store_test::unused_bus bus;
    tidemark::runtime runtime{threads(), events, bus};
    const auto counters = runtime.store<counter>();
    auto options = quick(projection_failure::park);
    options.attempts_max = 1;
    runtime.project<additions>(options);
    runtime.start();
    const auto told = run(threads(), counters.execute<counter::add>(id<counter>{"a"}, 1));
    REQUIRE(told);
    const auto at = told.receipt().position;
    CHECK(run(threads(), runtime.wait_for("additions.v1", at, 1min)).value());
    CHECK(events.failures_left == 0);
    CHECK(runtime.projections().front().parked == 0);
    const auto row = run(threads(), events.find_document("additions.v1", "counter-a")).value();
    REQUIRE(row.has_value());
    CHECK(row->body == "1");
    CHECK(run(threads(), runtime.drain()).is_complete);
}
