/// Projections whose checkpoint is ahead of the log, or of another one: the log was restored from a
/// time before, and they were not.

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/runtime/runtime.hpp"
#include "tidemark/runtime/test_aggregates.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

namespace {

using namespace tidemark;
using store_test::counter;
using store_test::sums;

/// A log of one event of 5, beside rows and a checkpoint that were kept from elsewhere.
struct world {
    tidemark::io io{{.shards = 1}};
    memory_storage events{io.clock()};
    store_test::unused_bus bus;
    tidemark::runtime runtime{io, events, bus};
    tidemark::store<counter> counters{runtime.store<counter>()};

    world(position at, bool is_other_log) {
        const auto log = run(io, events.status());
        REQUIRE(log.has_value());
        const auto incarnation = is_other_log ? message_id::derive({"other"}) : log->incarnation;
        const checkpoint fresh{{}, log->incarnation};
        const auto keep = [](read_model& to) { to.put({"sum", "100", {}}); };
        REQUIRE(run(io, events.update("sums.v1", fresh, {at, incarnation}, keep)));
        runtime.project<sums>({.retry_first = std::chrono::milliseconds{1},
                               .retry_cap = std::chrono::milliseconds{1}});
        runtime.start();
        const id<counter> one{"one"};
        REQUIRE(run(io, counters.execute<counter::add>(one, 5)));
    }
    ~world() { CHECK(run(io, runtime.drain()).is_complete); }

    std::string reason() {
        for (;;) {
            const auto all = runtime.projections();
            REQUIRE(all.size() == 1);
            if (!all.front().reason.empty()) return all.front().reason;
        }
    }
    std::string sum() {
        const auto row = run(io, events.find_document("sums.v1", "sum"));
        REQUIRE(row.has_value());
        return row->has_value() ? (*row)->body : "none";
    }
    void rebuild() {
        REQUIRE(runtime.rebuild("sums.v1"));
        const auto seen =
            run(io, runtime.wait_for("sums.v1", position{1}, std::chrono::minutes{1}));
        REQUIRE(seen.has_value());
        REQUIRE(*seen);
    }
};

}  // namespace

TEST_CASE("restored log: a projection that is ahead of it stands still, says so, can be rebuilt") {
    world w{position{7}, false};
    const auto why = w.reason();
    CHECK(why.find("sums.v1 has seen position 7") != std::string::npos);
    CHECK(why.find("but the log ends at") != std::string::npos);
    CHECK(why.find("rebuild the projection") != std::string::npos);
    CHECK(w.sum() == "100");
    w.rebuild();
    CHECK(w.sum() == "5");
}

TEST_CASE("restored log: a projection of another log stands still, says so, can be rebuilt") {
    world w{position{1}, true};
    CHECK(w.reason().find("was built from log") != std::string::npos);
    CHECK(w.sum() == "100");
    w.rebuild();
    CHECK(w.sum() == "5");
}
