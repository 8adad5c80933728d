#include "tidemark/runtime/answer_pruner.hpp"

#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace std::chrono_literals;

namespace {

/// One simulated process that forgets answers after half an hour.
struct world {
    simulated_scheduler scheduler{{.seed = 5}};
    simulated_execution process{scheduler};
    memory_storage events{process.clock()};
    answer_pruner pruner{process, 0, events, 30min};

    world() { pruner.start(); }

    void answer(const std::string& key, int count) {
        auto batch = std::make_shared<std::vector<append_request>>();
        for (auto i = 0; i < count; ++i) {
            append_request one;
            one.stream = *stream_id::parse("counter-a");
            one.command = command_record{.scope = "caller",
                                         .id = key + std::to_string(i),
                                         .payload_hash = 7,
                                         .reason = {},
                                         .message = {}};
            batch->push_back(std::move(one));
        }
        (void)run(process, events.append(std::move(batch)));
    }
    bool knows(const std::string& id) {
        return run(process, events.find_answer("caller", id)).value().has_value();
    }
    void pass(duration span) {
        const auto waiter = process.make_timer(0);
        run(process, waiter->wait(span));
    }
};

}  // namespace

TEST_CASE("answer pruner: once an hour it forgets what is older than the retention, all of it") {
    world w;
    w.answer("old", 3 * static_cast<int>(answer_pruner::step_answers) + 1);
    w.pass(45min);
    w.answer("young", 2);
    w.pass(14min);
    CHECK(w.knows("old0"));
    w.pass(2min);
    CHECK_FALSE(w.knows("old0"));
    CHECK_FALSE(w.knows("old750"));
    CHECK(w.knows("young1"));
    w.pass(1h);
    CHECK_FALSE(w.knows("young1"));
    run(w.process, w.pruner.stop());
}

TEST_CASE("answer pruner: it stops at once, in its wait and in the middle of a sweep") {
    world w;
    w.answer("old", 10 * static_cast<int>(answer_pruner::step_answers));
    w.pass(1h + 2 * answer_pruner::step_pause + 10ms);
    CHECK_FALSE(w.knows("old0"));
    const auto before = w.process.clock().steady();
    run(w.process, w.pruner.stop());
    CHECK(w.process.clock().steady() - before < answer_pruner::step_pause);
    CHECK(w.knows("old999"));
}
