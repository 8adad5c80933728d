#include "tidemark/async/event.hpp"
#include "tidemark/async/gate.hpp"
#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/async/spawn.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/runtime/runtime.hpp"
#include "tidemark/runtime/store.hpp"
#include "tidemark/runtime/test_aggregates.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace std::chrono_literals;
using store_test::counter;

namespace {

/// A store that keeps the first append until it is told to let go, and then carries it out.
class slow_storage final : public memory_storage {
  public:
    using memory_storage::memory_storage;
    awaitable<std::vector<append_outcome>> append(append_batch batch) override {
        ++begun;
        while (is_held) co_await let_go_.wait();
        co_return co_await memory_storage::append(std::move(batch));
    }
    void let_go() {
        is_held = false;
        let_go_.notify();
    }

    bool is_held = true;
    int begun = 0;

  private:
    event let_go_;
};

/// One simulated process, with room for two commands in a mailbox and one append on its way.
struct world {
    simulated_scheduler scheduler{{.seed = 3}};
    simulated_execution process{scheduler};
    slow_storage events{process.clock()};
    store_test::unused_bus bus;
    tidemark::runtime runtime{process, events, bus, {.mailbox_max = 2, .pipeline_max = 1}};
    tidemark::store<counter> counters{runtime.store<counter>()};

    world() { runtime.start(); }
    ~world() {
        process.kill();
        runtime.abandon();
    }

    outcome add(int amount, tidemark::call how = {}) {
        const id<counter> a{"a"};
        return run(process, counters.execute<counter::add>(std::move(how), a, amount));
    }
    std::size_t events_stored() {
        return run(process, events.read(id<counter>{"a"}.stream(), version{}, 100)).value().size();
    }
    std::optional<answer> found(const std::string& key) {
        return run(process, runtime.find_answer("caller", key)).value();
    }
    /// Until nothing but time would change anything.
    void settle() { scheduler.run_for(100ms); }
};

awaitable<void> add_one(tidemark::store<counter> to, std::vector<outcome>& told) {
    const id<counter> a{"a"};
    auto one = co_await to.execute<counter::add>(a, 1);
    told.push_back(std::move(one));
}

}  // namespace

TEST_CASE(
    "store: a command beyond the mailbox is told so at once, and those before it are not lost") {
    world w;
    gate calls;
    std::vector<outcome> told;
    // The first is on its way to the store before two more take the places behind it.
    for (const int count : {1, 2}) {
        for (int i = 0; i < count; ++i) spawn(calls, w.process.shard(0), add_one(w.counters, told));
        w.settle();
    }
    REQUIRE(w.events.begun == 1);
    CHECK(told.empty());

    const auto before = w.process.clock().steady();
    const auto refused = w.add(1);
    REQUIRE(refused.is_error());
    CHECK(refused.error().code() == errc::overloaded);
    CHECK(refused.error().is_retryable());
    CHECK(refused.error().message() ==
          "mailbox of counter-a holds 2 commands (runtime.mailbox_max); try again later or spread "
          "the load over more streams");
    CHECK(w.process.clock().steady() - before < 50ms);

    w.events.let_go();
    run(w.process, calls.close());
    CHECK(told.size() == 3);
    for (const auto& one : told) CHECK(one.is_committed());
    CHECK(w.events_stored() == 3);
    CHECK(w.add(1));
}

TEST_CASE(
    "store: a deadline that ends under the append is an unknown outcome, never a failed one") {
    world w;
    const auto told = w.add(5, call{}.once("k").within(200ms));
    REQUIRE(told.is_error());
    CHECK(told.error().code() == errc::unknown_outcome);
    CHECK(told.error().is_retryable());
    CHECK_MESSAGE(
        told.error().message().find("ask what became of \"k\" of \"caller\"") != std::string::npos,
        told.error().message());
    CHECK(w.process.clock().steady() >= 200ms);
    CHECK(w.events.begun == 1);
    CHECK(!w.found("k"));

    w.events.let_go();
    w.settle();
    const auto became = w.found("k");
    REQUIRE(became.has_value());
    CHECK(became->outcome == answer::kind::committed);
    CHECK(became->last_version == version{1});
    const auto again = w.add(5, call{}.once("k"));
    REQUIRE(again);
    CHECK(again.is_repeated());
    CHECK(w.events_stored() == 1);
}

TEST_CASE("store: an unknown outcome of a command without a key says where to look instead") {
    world w;
    const auto told = w.add(5, call{}.within(200ms));
    REQUIRE(told.is_error());
    CHECK(told.error().code() == errc::unknown_outcome);
    CHECK_MESSAGE(told.error().message().find("read stream counter-a") != std::string::npos,
                  told.error().message());
}

TEST_CASE("store: a command known by an id can be asked for by it, also before it is decided") {
    world w;
    const auto id = w.process.fresh_id();
    const auto told = w.add(5, call{}.known_as(id).within(200ms));
    REQUIRE(told.is_error());
    CHECK(told.error().code() == errc::unknown_outcome);
    CHECK(told.command() == id);
    CHECK(!w.found(id.to_string()));
    w.events.let_go();
    w.settle();
    REQUIRE(w.found(id.to_string()).has_value());
    const auto again = w.add(5, call{}.known_as(id));
    REQUIRE(again);
    CHECK(again.is_repeated());
    CHECK(again.command() == id);
    const tidemark::id<counter> a{"a"};
    const auto stored = run(w.process, w.events.read(a.stream(), version{}, 10)).value();
    REQUIRE(stored.size() == 1);
    CHECK(stored.front().trace.causation == id);
}
