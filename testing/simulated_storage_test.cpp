#include "tidemark/testing/simulated_storage.hpp"

#include "tidemark/async/gate.hpp"
#include "tidemark/async/spawn.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;
using namespace std::chrono_literals;

namespace {

constexpr storage_faults quick{.latency_max = 0ms, .commit_max = 0ms};

append_request one_event(const std::string& stream, const std::string& id) {
    append_request made;
    made.stream = {"s", stream};
    made.events.push_back({message_id::derive({id}), {"s.happened.v1", "{}"}});
    return made;
}

awaitable<void> append_into(simulated_storage& to, append_request request,
                            std::shared_ptr<std::vector<append_outcome>> out) {
    auto batch = std::make_shared<std::vector<append_request>>();
    batch->push_back(std::move(request));
    auto outcomes = co_await to.append(std::move(batch));
    out->push_back(std::move(outcomes.front()));
}

/// One process and its database.
struct world {
    simulated_scheduler scheduler{{.seed = 1}};
    simulated_database database{scheduler, message_id::derive({"log"})};
    simulated_execution process{scheduler};
    simulated_storage storage{database, process};
    gate calls;
    std::shared_ptr<std::vector<append_outcome>> told =
        std::make_shared<std::vector<append_outcome>>();

    explicit world(const storage_faults& faults = quick) { database.set_faults(faults); }
    ~world() {
        process.kill();
        scheduler.kill({});
    }
    /// Sends without waiting; the outcome goes to `told`.
    void send(append_request request) {
        spawn(calls, process.shard(0), append_into(storage, std::move(request), told));
        scheduler.run_for(100us);
    }
    append_outcome append(append_request request) {
        run(process, append_into(storage, std::move(request), told));
        return told->back();
    }
    event_page page() { return run(process, storage.read_all(position{}, 100)).value(); }
};

position position_of(const append_outcome& outcome) {
    REQUIRE(std::holds_alternative<append_committed>(outcome));
    return std::get<append_committed>(outcome).position;
}

bool failed_as(const append_outcome& outcome, errc code) {
    const auto* failure = std::get_if<error>(&outcome);
    return failure != nullptr && failure->code() == code;
}

}  // namespace

TEST_CASE("simulated storage: a commit overtakes, and the horizon waits for the slower one") {
    world w;
    w.database.set_faults({.latency_max = 0ms, .slow_commit = 1, .slow_commit_max = 1h});
    w.send(one_event("a", "a1"));
    w.database.set_faults(quick);
    simulated_storage other{w.database, w.process};
    run(w.process, append_into(other, one_event("b", "b1"), w.told));
    CHECK(position_of(w.told->back()) == position{2});
    CHECK(w.page().events.empty());
    CHECK(w.page().horizon == position{0});
    w.scheduler.run_for(1h);
    const auto page = w.page();
    REQUIRE(page.events.size() == 2);
    CHECK(page.events[0].stream.id() == "a");
    CHECK(page.horizon == position{2});
}

TEST_CASE("simulated storage: appends of one stream take effect in the order they were sent") {
    world w{{.latency_max = 50ms, .commit_max = 50ms}};
    for (const auto* id : {"1", "2", "3", "4", "5", "6"}) w.send(one_event("a", id));
    w.scheduler.run_for(10s);
    REQUIRE(w.told->size() == 6);
    const auto page = w.page();
    REQUIRE(page.events.size() == 6);
    for (std::size_t i = 0; i < 6; ++i) {
        CHECK(page.events[i].id == message_id::derive({std::to_string(i + 1)}));
        CHECK(page.events[i].version == version{i + 1});
    }
}

TEST_CASE("simulated storage: a crash loses what is not committed, and the sequence falls back") {
    world w;
    CHECK(position_of(w.append(one_event("a", "a1"))) == position{1});
    w.database.set_faults({.latency_max = 0ms, .slow_commit = 1, .slow_commit_max = 1h});
    w.send(one_event("b", "b1"));
    CHECK(w.database.unfinished() == 1);
    CHECK(w.told->size() == 1);
    w.database.set_faults(quick);
    w.database.crash(0ms);
    w.scheduler.run_for(2h);
    REQUIRE(w.told->size() == 2);
    CHECK(failed_as(w.told->at(1), errc::unknown_outcome));
    CHECK(w.database.log().stream_count() == 1);
    CHECK(position_of(w.append(one_event("c", "c1"))) <= position{3});
}

TEST_CASE("simulated storage: a position that was rolled back can be drawn again after a crash") {
    world w;
    position_of(w.append(one_event("a", "a1")));
    auto has_fallen = false;
    for (int i = 0; i < 20 && !has_fallen; ++i) {
        w.database.hold_horizon(1ms);
        w.scheduler.run_for(2ms);
        const auto reached = w.database.horizon();
        w.database.crash(0ms);
        has_fallen = w.database.horizon() < reached;
    }
    CHECK(has_fallen);
    CHECK(w.page().seen == position{1});
}

TEST_CASE("simulated storage: after a lost reply the same append answers as the first time") {
    world w{{.latency_max = 0ms, .commit_max = 0ms, .reply_lost = 1}};
    CHECK(failed_as(w.append(one_event("a", "a1")), errc::unknown_outcome));
    CHECK(w.database.log().last_position() == position{1});
    w.database.set_faults(quick);
    CHECK(position_of(w.append(one_event("a", "a1"))) == position{1});
    CHECK(w.database.log().last_position() == position{1});
}

TEST_CASE("simulated storage: a lost request was never carried out") {
    world w{{.latency_max = 0ms, .commit_max = 0ms, .request_lost = 1}};
    CHECK(failed_as(w.append(one_event("a", "a1")), errc::unknown_outcome));
    w.scheduler.run_for(1min);
    CHECK(w.database.log().stream_count() == 0);
}

TEST_CASE("simulated storage: an append can take effect after the caller has sent it again") {
    world w{{.latency_max = 0ms, .commit_max = 0ms, .executed_late = 1, .late_max = 1s}};
    CHECK(failed_as(w.append(one_event("a", "a1")), errc::unknown_outcome));
    CHECK(w.database.log().stream_count() == 0);
    w.database.set_faults(quick);
    CHECK(position_of(w.append(one_event("a", "a1"))) == position{1});
    w.scheduler.run_for(2s);
    CHECK(w.page().events.size() == 1);
}

TEST_CASE("simulated storage: while it refuses connections nothing was sent") {
    world w;
    w.database.refuse_for(1s);
    CHECK(failed_as(w.append(one_event("a", "a1")), errc::unavailable));
    CHECK_FALSE(run(w.process, w.storage.status()).has_value());
    w.scheduler.run_for(1s);
    CHECK(position_of(w.append(one_event("a", "a1"))) == position{1});
    CHECK(run(w.process, w.storage.status()).value().last_position == position{1});
}

TEST_CASE("simulated storage: what a dead process has sent is carried out") {
    world w{{.latency_max = 0ms, .slow_commit = 1, .slow_commit_max = 1s}};
    w.send(one_event("a", "a1"));
    w.process.kill();
    w.scheduler.run_for(2s);
    CHECK(w.told->empty());
    CHECK(w.database.log().last_position() == position{1});
}

TEST_CASE("simulated storage: a read model's change dies with the process that makes it") {
    auto has_changed = false;
    {
        world w{{.latency_max = 1h}};
        const auto at = w.database.models().load_checkpoint("m");
        auto change = [&has_changed](read_model&) { has_changed = true; };
        auto ignored = [](awaitable<result<void>> work) -> awaitable<void> {
            co_await std::move(work);
        };
        spawn(w.calls, w.process.shard(0), ignored(w.storage.update("m", at, at, change)));
        w.scheduler.run_for(100us);
        w.process.kill();
        w.scheduler.run_for(3h);
    }
    CHECK_FALSE(has_changed);
}
