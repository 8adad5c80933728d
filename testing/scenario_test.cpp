#include "tidemark/testing/scenario.hpp"

#include "tidemark/testing/ledger.hpp"

#include <doctest/doctest.h>

#include <string>

using ledger::coins, ledger::handover, ledger::purse, ledger::purse_id;
using tidemark::testing::given;
using tidemark::testing::scenario_mismatch;
using tidemark::testing::text_of;
using namespace std::chrono_literals;

TEST_CASE("scenario: an aggregate's decision compares with a part, a rejection or the whole") {
    const auto full = given<purse>(purse::minted{coins{100}});
    CHECK(full.when(purse::take{coins{40}}) == purse::taken{coins{40}});
    CHECK(full.when(purse::take{coins{101}}) == tidemark::reject("too_little"));
    CHECK(full.when(purse::nudge{"b", 3}) == tidemark::send(purse_id{"b"}, purse::count{3}));
    CHECK(full.when(purse::pay{"b", coins{5}}) ==
          purse::decision{purse::taken{coins{5}},
                          tidemark::send(purse_id{"b"}, purse::mint{coins{5}})});
    CHECK_FALSE(full.when(purse::take{coins{40}}) == purse::taken{coins{41}});
    CHECK(full.when(purse::take{coins{40}}) != tidemark::reject("too_little"));
}

TEST_CASE("scenario: a saga's steps compare with one step or all of them") {
    const auto begun = given<handover>(handover::begin{"a", "b", coins{4}, 30s});
    CHECK(begun.when(purse::taken{coins{4}}) ==
          tidemark::send(purse_id{"b"}, purse::put{coins{4}}).pivot());
    CHECK(given<handover>().when(handover::begin{"a", "b", coins{4}, 30s}) ==
          handover::steps{
              tidemark::send(purse_id{"a"}, purse::take{coins{4}}).undone_by(purse::mint{coins{4}}),
              tidemark::schedule("late", 30s, handover::late{})});
    CHECK(begun.when(handover::late{}) == tidemark::fail("late"));
    CHECK(begun.state().to == purse_id{"b"});
}

TEST_CASE("scenario: the state after the decision, and the past unchanged") {
    const auto full = given<purse>(purse::minted{coins{100}}, purse::taken{coins{1}});
    CHECK(full.when(purse::take{coins{40}}).state().amount == coins{59});
    CHECK(full.state().amount == coins{99});
    CHECK(full.when(purse::take{coins{1000}}).state().amount == coins{99});
}

TEST_CASE("scenario: a context of one's own is handed to the rules") {
    const tidemark::step_context from{.stream = {"handover", "h"}, .source = {}, .command = {}};
    const auto end = given<handover>().when(handover::late{}, from);
    CHECK(end == tidemark::fail("late"));
}

TEST_CASE("scenario: a failed comparison prints what was expected and what came instead") {
    const auto end = given<purse>(purse::minted{coins{100}}).when(purse::pay{"b", coins{5}});
    const purse::decision expected{purse::taken{coins{6}},
                                   tidemark::send(purse_id{"b"}, purse::mint{coins{5}})};
    REQUIRE_FALSE(end == expected);
    CHECK(text_of(end) ==
          "(- expected, + actual)\n"
          "  - purse.taken.v1{amount: 6}\n"
          "  + purse.taken.v1{amount: 5}\n"
          "    send{target: \"purse-b\", command: purse.mint.v1{amount: 5}}");
}

TEST_CASE("scenario: a part too many, a part too few and a rejection are told apart") {
    const auto none = given<purse>().when(purse::take{coins{1}});
    REQUIRE_FALSE(none == purse::taken{coins{1}});
    CHECK(text_of(none) ==
          "(- expected, + actual)\n"
          "  - purse.taken.v1{amount: 1}\n"
          "  + rejected{code: \"too_little\"}");
    const auto some = given<purse>().when(purse::mint{coins{1}});
    REQUIRE_FALSE(some == purse::decision{});
    CHECK(text_of(some) ==
          "(- expected, + actual)\n"
          "  + purse.minted.v1{amount: 1}\n"
          "  - nothing");
}

TEST_CASE("scenario: before a comparison, and after an equal one, it prints what was decided") {
    const auto end = given<purse>().when(purse::mint{coins{1}});
    CHECK(text_of(end) == "purse.minted.v1{amount: 1}");
    REQUIRE_FALSE(end == tidemark::reject("closed"));
    REQUIRE(end == purse::minted{coins{1}});
    CHECK(text_of(end) == "purse.minted.v1{amount: 1}");
}

TEST_CASE("scenario: then demands the parts and throws the difference") {
    const auto end = given<purse>(purse::minted{coins{9}}).when(purse::pay{"b", coins{5}});
    CHECK(end.then(purse::taken{coins{5}}, tidemark::send(purse_id{"b"}, purse::mint{coins{5}}))
              .state()
              .amount == coins{4});
    CHECK_THROWS_WITH_AS(end.then(tidemark::reject("closed")),
                         "(- expected, + actual)\n"
                         "  - rejected{code: \"closed\"}\n"
                         "  + purse.taken.v1{amount: 5}\n"
                         "  + send{target: \"purse-b\", command: purse.mint.v1{amount: 5}}",
                         scenario_mismatch);
    CHECK_THROWS_AS(end.then(), scenario_mismatch);
}

TEST_CASE("scenario: a saga's difference names undo, pivot and timers") {
    const auto end = given<handover>().when(handover::begin{"a", "b", coins{4}, 30s});
    REQUIRE_FALSE(end == tidemark::complete());
    const auto text = text_of(end);
    CHECK(text.find("+ send{target: \"purse-a\"") != std::string::npos);
    CHECK(text.find("purse.mint.v1{amount: 4}") != std::string::npos);
    CHECK(text.find("+ schedule{name: \"late\", after: \"30s\"") != std::string::npos);
    CHECK(text.find("- complete") != std::string::npos);
}
