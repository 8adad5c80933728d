#include "tidemark/runtime/command_fsm.hpp"

#include <doctest/doctest.h>

#include <vector>

using tidemark::command_fsm;
using in = command_fsm::input;
using act = command_fsm::action;
using st = command_fsm::state;

namespace {

/// Brings a fresh command into `wanted` by the shortest path.
command_fsm reach(st wanted, command_fsm::options options = {}) {
    command_fsm fsm{options};
    const auto walk = [&](std::initializer_list<in> inputs) {
        for (auto input : inputs) fsm.step(input);
    };
    switch (wanted) {
        case st::waiting:
            break;
        case st::loading:
            walk({in::begin_cold});
            break;
        case st::deciding:
            walk({in::begin_warm});
            break;
        case st::appending:
            walk({in::begin_warm, in::decided_something});
            break;
        case st::held:
            walk({in::begin_warm, in::decided_nothing});
            break;
        case st::unknown:
            walk({in::begin_warm, in::decided_something, in::outcome_unknown});
            break;
        case st::resolving:
            walk({in::begin_warm, in::decided_something, in::deadline_passed});
            break;
        case st::done:
            walk({in::deadline_passed});
            break;
    }
    return fsm;
}

struct edge {
    st from;
    in input;
    act action;
    st to;
};

}  // namespace

TEST_CASE("command_fsm: every edge leads where the table says") {
    const std::vector<edge> edges{
        {st::waiting, in::begin_cold, act::load, st::loading},
        {st::waiting, in::begin_warm, act::decide, st::deciding},
        {st::waiting, in::deadline_passed, act::reply_timed_out, st::done},
        {st::waiting, in::failed, act::reply_failed, st::done},
        {st::waiting, in::answered, act::reply_answered, st::done},
        {st::waiting, in::conflict, act::reply_conflict, st::done},
        {st::loading, in::loaded, act::decide, st::deciding},
        {st::loading, in::load_failed, act::reply_failed, st::done},
        {st::loading, in::deadline_passed, act::reply_timed_out, st::done},
        {st::deciding, in::decided_something, act::append, st::appending},
        {st::deciding, in::decided_nothing, act::hold, st::held},
        {st::deciding, in::decide_failed, act::reply_failed, st::done},
        {st::deciding, in::deadline_passed, act::reply_timed_out, st::done},
        {st::appending, in::committed, act::reply_committed, st::done},
        {st::appending, in::conflict, act::reload, st::waiting},
        {st::appending, in::answered, act::reply_answered, st::done},
        {st::appending, in::stale, act::reply_stale, st::done},
        {st::appending, in::failed, act::reply_failed, st::done},
        {st::appending, in::outcome_unknown, act::append_again, st::unknown},
        {st::appending, in::undone, act::reload, st::waiting},
        {st::appending, in::deadline_passed, act::reply_unknown, st::resolving},
        {st::unknown, in::committed, act::reply_committed, st::done},
        {st::unknown, in::conflict, act::reload, st::waiting},
        {st::unknown, in::answered, act::reply_answered, st::done},
        {st::unknown, in::stale, act::reply_stale, st::done},
        {st::unknown, in::failed, act::reply_failed, st::done},
        {st::unknown, in::outcome_unknown, act::append_again, st::unknown},
        {st::unknown, in::undone, act::reload, st::waiting},
        {st::unknown, in::deadline_passed, act::reply_unknown, st::resolving},
        {st::held, in::released, act::reply_decided, st::done},
        {st::held, in::undone, act::reload, st::waiting},
        {st::held, in::deadline_passed, act::reply_timed_out, st::done},
        {st::resolving, in::outcome_unknown, act::append_again, st::resolving},
        {st::resolving, in::deadline_passed, act::none, st::resolving},
        {st::resolving, in::committed, act::none, st::done},
        {st::resolving, in::conflict, act::none, st::done},
        {st::resolving, in::answered, act::none, st::done},
        {st::resolving, in::stale, act::none, st::done},
        {st::resolving, in::failed, act::none, st::done},
        {st::resolving, in::undone, act::none, st::done},
    };
    for (const auto& row : edges) {
        CAPTURE(row.from);
        CAPTURE(row.input);
        auto fsm = reach(row.from);
        REQUIRE(fsm.at() == row.from);
        CHECK(fsm.step(row.input) == row.action);
        CHECK(fsm.at() == row.to);
    }
}

TEST_CASE("command_fsm: conflicts are bounded, then the caller hears of it") {
    auto fsm = reach(st::appending, {.attempts_max = 3});
    CHECK(fsm.step(in::conflict) == act::reload);
    fsm.step(in::begin_cold);
    fsm.step(in::loaded);
    fsm.step(in::decided_something);
    CHECK(fsm.step(in::conflict) == act::reload);
    fsm.step(in::begin_cold);
    fsm.step(in::loaded);
    fsm.step(in::decided_something);
    CHECK(fsm.step(in::conflict) == act::reply_conflict);
    CHECK(fsm.is_answered());
}

TEST_CASE("command_fsm: a caller's own expected version is never retried") {
    auto fsm = reach(st::appending, {.attempts_max = 16, .caller_expects = true});
    CHECK(fsm.step(in::conflict) == act::reply_conflict);
}

TEST_CASE("command_fsm: being undone by a predecessor is not an attempt") {
    auto fsm = reach(st::appending, {.attempts_max = 1});
    CHECK(fsm.step(in::undone) == act::reload);
    CHECK(fsm.conflicts() == 0);
}
