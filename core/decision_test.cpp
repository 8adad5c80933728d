#include "tidemark/core/decision.hpp"

#include "tidemark/core/core.hpp"

#include <doctest/doctest.h>

#include <sstream>

using namespace std::chrono_literals;
using tidemark::reject;

namespace {

std::string printed(const auto& value) {
    std::ostringstream out;
    out << value;
    return out.str();
}

}  // namespace

namespace tap {

struct charge {
    int cents = 0;
};

struct valve {
    static constexpr std::string_view category = "valve";
    struct open {};
    struct close {};
    using command = std::variant<open, close>;
    struct opened {
        int by = 0;
    };
    struct closed {};
    using event = std::variant<opened, closed>;
    struct state {
        bool is_open = false;
    };
    using requests = tidemark::types<charge>;
    using decision = tidemark::decision<valve>;
};

TIDEMARK_MESSAGE(charge, "tap.charge.v1", cents)
TIDEMARK_MESSAGE(valve::open, "valve.open.v1")
TIDEMARK_MESSAGE(valve::close, "valve.close.v1")
TIDEMARK_MESSAGE(valve::opened, "valve.opened.v1", by)
TIDEMARK_MESSAGE(valve::closed, "valve.closed.v1")

}  // namespace tap

using tap::valve;

TEST_CASE("decision: an event, a rejection and nothing convert") {
    const valve::decision decided = valve::opened{1};
    CHECK(decided.events().size() == 1);
    CHECK(!decided.is_rejected());
    const valve::decision refused = reject("already_open");
    CHECK(refused.is_rejected());
    CHECK(refused.refusal().code == "already_open");
    const valve::decision nothing = {};
    CHECK(nothing.is_empty());
}

TEST_CASE("decision: events and effects stand beside each other in any order") {
    const valve::decision decided = {tidemark::cancel("t"), valve::opened{1},
                                     tidemark::schedule("t", 1s, valve::close{}), valve::closed{},
                                     tidemark::request(tap::charge{5})};
    REQUIRE(decided.events().size() == 2);
    CHECK(std::holds_alternative<valve::opened>(decided.events()[0]));
    CHECK(std::holds_alternative<valve::closed>(decided.events()[1]));
    REQUIRE(decided.effects().size() == 3);
    CHECK(decided.effects()[0] == tidemark::effect{tidemark::cancel("t")});
}

TEST_CASE("decision: groups of effects are one effect") {
    const valve::decision decided = tidemark::sequence{
        tidemark::cancel("a"), tidemark::parallel{tidemark::cancel("b"), tidemark::cancel("c")}};
    REQUIRE(decided.effects().size() == 1);
    CHECK(tidemark::flatten(decided.effects()).size() == 3);
}

TEST_CASE("decision: parts can be added one by one") {
    valve::decision decided;
    for (int i = 0; i < 5; ++i) decided.add(valve::opened{i});
    decided.add(valve::event{valve::closed{}}).add(tidemark::cancel("t"));
    CHECK(decided.events().size() == 6);
    CHECK(std::get<valve::opened>(decided.events()[4]).by == 4);
    CHECK(decided.effects().size() == 1);
}

TEST_CASE("decision: the first rejection wins and drops what stood beside it") {
    valve::decision decided = valve::opened{1};
    decided.add(tidemark::cancel("t")).add(reject("first")).add(reject("second"));
    decided.add(valve::closed{});
    CHECK(decided == reject("first"));
    CHECK(decided.events().empty());
    CHECK(decided.effects().empty());
}

TEST_CASE("decision: joins another decision") {
    valve::decision decided = valve::opened{1};
    decided.add(valve::decision{valve::closed{}, tidemark::cancel("t")});
    CHECK(decided == valve::decision{valve::opened{1}, valve::closed{}, tidemark::cancel("t")});
    decided.add(valve::decision{reject("no")});
    CHECK(decided == reject("no"));
}

TEST_CASE("decision: compares with what converts to it") {
    const valve::decision decided = valve::opened{1};
    CHECK(decided == valve::opened{1});
    CHECK(decided != valve::opened{2});
    CHECK(decided != valve::closed{});
    CHECK(decided != reject("no"));
    CHECK(valve::decision{reject("no")} != reject("yes"));
    CHECK(valve::decision{reject("no", "why")} != reject("no"));
    CHECK(valve::decision{reject("no", "why")} == reject("no", "why"));
    CHECK(decided != valve::decision{valve::opened{1}, tidemark::cancel("t")});
}

TEST_CASE("decision: prints what was decided") {
    CHECK(printed(valve::decision{valve::opened{1}, tidemark::cancel("t")}) ==
          "decided{events: [valve.opened.v1{by: 1}], effects: [cancel{name: \"t\"}]}");
    CHECK(printed(valve::decision{}) == "decided{events: [], effects: []}");
    CHECK(printed(valve::decision{reject("no")}) == "rejected{code: \"no\"}");
    CHECK(printed(reject("no", "too late")) == "rejected{code: \"no\", message: \"too late\"}");
}

TEST_CASE("decision: gives its parts away") {
    valve::decision decided = {valve::opened{1}, tidemark::cancel("t")};
    const auto events = std::move(decided).take_events();
    const auto effects = std::move(decided).take_effects();
    CHECK(events.size() == 1);
    CHECK(effects.size() == 1);
}
