#include "tidemark/core/aggregate.hpp"

#include "tidemark/core/core.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

using tidemark::context;

namespace dice {

TIDEMARK_VALUE(points, std::int64_t)

/// Counts points; knows the time and chance only from its context.
struct game {
    static constexpr std::string_view category = "game";

    struct add {
        points amount;
    };
    struct roll {};
    struct end {};
    using command = std::variant<add, roll, end>;

    struct added {
        points amount;
    };
    struct rolled {
        std::uint64_t eyes = 0;
        tidemark::instant at{};
    };
    struct ended {};
    using event = std::variant<added, rolled, ended>;

    struct state {
        points total;
        std::uint64_t eyes = 0;
        bool is_over = false;
    };

    using decision = tidemark::decision<game>;
    static decision decide(const state& s, const add& c) {
        if (s.is_over) return tidemark::reject("game_over");
        return added{c.amount};
    }
    static decision decide(const state&, const roll&, const context& x) {
        return rolled{.eyes = x.random().below(6) + 1, .at = x.now};
    }
    static decision decide(const state&, const end&) {
        return {added{points{1}}, ended{}, tidemark::cancel("idle")};
    }

    static void evolve(state& s, const added& e) { s.total += e.amount; }
    static void evolve(state& s, const rolled& e) { s.eyes = e.eyes; }
    static void evolve(state& s, const ended&) { s.is_over = true; }
};

TIDEMARK_MESSAGE(game::add, "game.add.v1", amount)
TIDEMARK_MESSAGE(game::roll, "game.roll.v1")
TIDEMARK_MESSAGE(game::end, "game.end.v1")
TIDEMARK_MESSAGE(game::added, "game.added.v1", amount)
TIDEMARK_MESSAGE(game::rolled, "game.rolled.v1", eyes, at)
TIDEMARK_MESSAGE(game::ended, "game.ended.v1")
TIDEMARK_STATE(game::state, "game.state.v1", total, eyes, is_over)

static_assert(tidemark::aggregate<game>);
static_assert(!tidemark::aggregate<int> && !tidemark::aggregate<game::state>);
static_assert(!tidemark::saga<game>);

}  // namespace dice

using dice::game, dice::points;

TEST_CASE("aggregate: a command finds its decide") {
    CHECK(tidemark::decide<game>({}, game::add{points{3}}, {}) == game::added{points{3}});
    CHECK(tidemark::decide<game>({.is_over = true}, game::add{points{3}}, {}) ==
          tidemark::reject("game_over"));
}

TEST_CASE("aggregate: time and chance come from the context alone") {
    const auto at = tidemark::instant{std::chrono::seconds{9}};
    const auto once = tidemark::decide<game>({}, game::roll{}, {.now = at, .seed = 5});
    CHECK(once == tidemark::decide<game>({}, game::roll{}, {.now = at, .seed = 5}));
    const auto& rolled = std::get<game::rolled>(once.events().front());
    CHECK(rolled.at == at);
    CHECK((rolled.eyes >= 1 && rolled.eyes <= 6));
}

TEST_CASE("aggregate: an event finds its evolve") {
    game::state s;
    tidemark::evolve<game>(s, game::added{points{2}});
    tidemark::evolve<game>(s, game::ended{});
    CHECK(s == game::state{points{2}, 0, true});
}

TEST_CASE("aggregate: folding in two parts is folding at once") {
    const std::vector<game::event> events{game::added{points{1}}, game::rolled{4, {}},
                                          game::added{points{5}}, game::ended{}};
    const auto whole = tidemark::fold<game>(events);
    CHECK(whole == game::state{points{6}, 4, true});
    for (std::size_t cut = 0; cut <= events.size(); ++cut) {
        const auto middle = events.begin() + static_cast<std::ptrdiff_t>(cut);
        const auto head = tidemark::fold<game>(std::vector<game::event>(events.begin(), middle));
        CHECK(tidemark::fold<game>(std::vector<game::event>(middle, events.end()), head) == whole);
    }
}

TEST_CASE("aggregate: reduce decides, then evolves what was decided") {
    game::state s{.total = points{4}};
    const auto decided = tidemark::reduce<game>(s, game::end{}, {});
    CHECK(decided.events().size() == 2);
    CHECK(decided.effects().size() == 1);
    CHECK(s == game::state{points{5}, 0, true});
}

TEST_CASE("aggregate: a refused command leaves the state as it was") {
    game::state s{.total = points{4}, .is_over = true};
    CHECK(tidemark::reduce<game>(s, game::add{points{1}}, {}) == tidemark::reject("game_over"));
    CHECK(s == game::state{points{4}, 0, true});
}

TEST_CASE("aggregate: an evolve beyond the range of a value throws") {
    game::state s{.total = points{std::numeric_limits<std::int64_t>::max()}};
    CHECK_THROWS_AS((void)tidemark::reduce<game>(s, game::add{points{1}}, {}), std::overflow_error);
}
