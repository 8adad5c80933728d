#include "tidemark/core/core.hpp"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using tidemark::context;

namespace yard {

/// What the halves of `crane` share.
struct crane_types {
    static constexpr std::string_view category = "crane";
    struct lift {
        int tons = 0;
    };
    struct rest {};
    using command = std::variant<lift, rest>;
    struct lifted {
        int tons = 0;
    };
    struct logged {
        int lifts = 0;
    };
    using event = std::variant<lifted, logged>;
    struct state {
        int tons = 0;
        int lifts = 0;
    };
};

TIDEMARK_MESSAGE(crane_types::lift, "crane.lift.v1", tons)
TIDEMARK_MESSAGE(crane_types::rest, "crane.rest.v1")
TIDEMARK_MESSAGE(crane_types::lifted, "crane.lifted.v1", tons)
TIDEMARK_MESSAGE(crane_types::logged, "crane.logged.v1", lifts)
TIDEMARK_STATE(crane_types::state, "crane.state.v1", tons, lifts)

struct motor : crane_types {
    using decision = tidemark::decision<motor>;
    static decision decide(const state&, const lift& c) {
        if (c.tons > 10) return tidemark::reject("too_heavy");
        return {lifted{c.tons}, tidemark::cancel("idle")};
    }
    static decision decide(const state&, const rest&) {
        return tidemark::schedule("idle", 5s, rest{});
    }
    static void evolve(state& s, const lifted& e) { s.tons += e.tons; }
};

struct logbook : crane_types {
    using decision = tidemark::decision<logbook>;
    static decision decide(const state& s, const lift& c, const context&) {
        if (c.tons == 13) return tidemark::reject("unlucky");
        if (s.lifts == 1 && c.tons < 0) return tidemark::reject("log_full");
        return logged{s.lifts + 1};
    }
    static void evolve(state& s, const logged& e) { s.lifts = e.lifts; }
    static void evolve(state& s, const lifted&) { s.lifts += 100; }
};

using crane = tidemark::combine<motor, logbook>;
static_assert(tidemark::aggregate<crane>);

/// A stack of crates that can be moved; lives inside a yard.
struct pile {
    static constexpr std::string_view category = "pile";
    struct put {
        int crates = 0;
    };
    struct check {};
    using command = std::variant<put, check>;
    struct grew {
        int crates = 0;
    };
    using event = std::variant<grew>;
    struct state {
        int crates = 0;
    };
    using decision = tidemark::decision<pile>;
    static decision decide(const state& s, const put& c) {
        if (s.crates + c.crates > 5) return tidemark::reject("pile_full");
        return {grew{c.crates}, tidemark::sequence{tidemark::cancel("check"),
                                                   tidemark::schedule("check", 1h, check{})}};
    }
    static decision decide(const state&, const check&) { return tidemark::cancel("check"); }
    static void evolve(state& s, const grew& e) { s.crates += e.crates; }
};

TIDEMARK_MESSAGE(pile::put, "pile.put.v1", crates)
TIDEMARK_MESSAGE(pile::check, "pile.check.v1")
TIDEMARK_MESSAGE(pile::grew, "pile.grew.v1", crates)
TIDEMARK_STATE(pile::state, "pile.state.v1", crates)

struct place {
    static constexpr std::string_view category = "place";
    struct pile_command {
        pile::command command;
    };
    struct shut {};
    using command = std::variant<shut, pile_command>;
    struct pile_event {
        pile::event event;
    };
    using event = std::variant<pile_event>;
    struct state {
        int gates = 0;
        pile::state north;
    };
    using north_scope = tidemark::scope<place, pile, &place::state::north>;

    using decision = tidemark::decision<place>;
    static decision decide(const state& s, const pile_command& c, const context& x);
    static decision decide(const state&, const shut&) { return {}; }
    static void evolve(state& s, const pile_event& e);
};

TIDEMARK_MESSAGE(place::pile_command, "place.pile_command.v1", command)
TIDEMARK_MESSAGE(place::shut, "place.shut.v1")
TIDEMARK_MESSAGE(place::pile_event, "place.pile_event.v1", event)
TIDEMARK_STATE(place::state, "place.state.v1", gates, north)

place::decision place::decide(const state& s, const pile_command& c, const context& x) {
    return north_scope::decide(s, c, x);
}
void place::evolve(state& s, const pile_event& e) { north_scope::evolve(s, e); }

static_assert(tidemark::aggregate<place>);

}  // namespace yard

using yard::crane, yard::pile, yard::place;

TEST_CASE("combine: decisions of all halves on the same state are joined in order") {
    CHECK(tidemark::decide<crane>({.tons = 0, .lifts = 4}, crane::command{yard::motor::lift{3}},
                                  {}) == crane::decision{yard::motor::lifted{3},
                                                         tidemark::cancel("idle"),
                                                         yard::motor::logged{5}});
}

TEST_CASE("combine: the first rejection wins") {
    CHECK(tidemark::decide<crane>({}, yard::motor::lift{13}, {}) == tidemark::reject("too_heavy"));
    CHECK(tidemark::decide<crane>({.tons = 0, .lifts = 1}, yard::motor::lift{-1}, {}) ==
          tidemark::reject("log_full"));
}

TEST_CASE("combine: a half without a decide for a command stays silent") {
    CHECK(tidemark::decide<crane>({}, yard::motor::rest{}, {}) ==
          tidemark::schedule("idle", 5s, yard::motor::rest{}));
}

TEST_CASE("combine: every half that knows an event evolves the state") {
    crane::state s;
    (void)tidemark::reduce<crane>(s, yard::motor::lift{3}, {});
    CHECK(s == crane::state{3, 1});
    tidemark::evolve<crane>(s, yard::motor::lifted{1});
    CHECK(s == crane::state{4, 101});
}

TEST_CASE("scope: the child's events and timers become the parent's") {
    const auto decided = tidemark::decide<place>({}, place::pile_command{pile::put{2}}, context{});
    CHECK(decided == place::decision{place::pile_event{pile::grew{2}},
                                     tidemark::sequence{
                                         tidemark::cancel("north.check"),
                                         tidemark::schedule("north.check", 1h,
                                                            place::pile_command{pile::check{}})}});
}

TEST_CASE("scope: the child's rejection is the parent's") {
    CHECK(tidemark::decide<place>({.gates = 1, .north = {4}}, place::pile_command{pile::put{2}},
                                  {}) == tidemark::reject("pile_full"));
}

TEST_CASE("scope: the child evolves its member and nothing else") {
    place::state s{.gates = 3, .north = {1}};
    (void)tidemark::reduce<place>(s, place::pile_command{pile::put{2}}, {});
    CHECK(s == place::state{3, {3}});
}

TEST_CASE("scope: a timer of the child comes back as the command that was set") {
    CHECK(tidemark::decide<place>({}, place::pile_command{pile::check{}}, {}) ==
          tidemark::cancel("north.check"));
}
