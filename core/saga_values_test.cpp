#include "tidemark/core/core.hpp"

#include <doctest/doctest.h>

#include <sstream>

using namespace std::chrono_literals;
using tidemark::step_context;

namespace {

std::string printed(const auto& value) {
    std::ostringstream out;
    out << value;
    return out.str();
}

}  // namespace

namespace inn {

struct room {
    static constexpr std::string_view category = "room";
    struct book {
        int nights = 0;
    };
    struct release {};
    using command = std::variant<book, release>;
    struct booked {
        int nights = 0;
    };
};

struct charge {
    int cents = 0;
};
struct refund {
    int cents = 0;
};

struct stay {
    static constexpr std::string_view category = "stay";
    using targets = tidemark::types<room, stay>;
    using requests = tidemark::types<charge, refund>;

    struct begin {
        tidemark::id<inn::room> room;
        int nights = 0;
    };
    struct late {};
    using input = std::variant<begin, room::booked, tidemark::refused, tidemark::accepted, late>;
    struct state {
        tidemark::id<inn::room> room;
        int inputs = 0;
    };

    using steps = tidemark::steps<stay>;
    static steps react(const state&, const begin& b);
    static steps react(const state& s, const room::booked&, const step_context& context);
    static steps react(const state&, const tidemark::refused& r);
    static steps react(const state&, const tidemark::accepted&);
    static steps react(const state&, const late&, const step_context&);

    static void evolve(state& s, const begin& b) {
        s.room = b.room;
        ++s.inputs;
    }
    static void evolve(state& s, const auto&) { ++s.inputs; }
};

TIDEMARK_MESSAGE(room::book, "room.book.v1", nights)
TIDEMARK_MESSAGE(room::release, "room.release.v1")
TIDEMARK_MESSAGE(room::booked, "room.booked.v1", nights)
TIDEMARK_MESSAGE(charge, "inn.charge.v1", cents)
TIDEMARK_MESSAGE(refund, "inn.refund.v1", cents)
TIDEMARK_MESSAGE(stay::begin, "stay.begin.v1", room, nights)
TIDEMARK_MESSAGE(stay::late, "stay.late.v1")
TIDEMARK_STATE(stay::state, "stay.state.v1", room, inputs)

stay::steps stay::react(const state&, const begin& b) {
    return {tidemark::send(b.room, inn::room::book{b.nights}).undone_by(inn::room::release{}),
            tidemark::schedule("late", 30s, late{})};
}
stay::steps stay::react(const state& s, const room::booked&, const step_context& context) {
    if (context.step == "again") return tidemark::send(s.room, inn::room::release{});
    return tidemark::request(charge{5}).undone_by(refund{5}).pivot();
}
stay::steps stay::react(const state&, const tidemark::refused& r) {
    return tidemark::fail(r.reason);
}
stay::steps stay::react(const state&, const tidemark::accepted&) {
    return {tidemark::cancel("late"), tidemark::complete()};
}
stay::steps stay::react(const state&, const late&, const step_context&) { return {}; }

static_assert(tidemark::saga<stay>);
static_assert(!tidemark::aggregate<stay> && !tidemark::saga<room>);

/// What a room earned, for queries.
struct earnings {
    struct hotel {
        using event = std::variant<room::booked, refund>;
    };
    static constexpr std::string_view name = "earnings.v1";
    using sources = tidemark::types<hotel>;
    static void project(tidemark::read_model&, const room::booked&, const tidemark::event_context&);
    static void project(tidemark::read_model&, const auto&, const tidemark::event_context&) {}
};
static_assert(tidemark::projection<earnings>);
static_assert(!tidemark::projection<stay>);

}  // namespace inn

using inn::room, inn::stay;

TEST_CASE("saga: an input finds its react, with and without context") {
    const auto begun = tidemark::react<stay>({}, stay::begin{"7", 2}, {});
    CHECK(begun ==
          stay::steps{
              tidemark::send(tidemark::id<room>{"7"}, room::book{2}).undone_by(room::release{}),
              tidemark::schedule("late", 30s, stay::late{})});
    CHECK(tidemark::react<stay>({}, room::booked{2}, {}) ==
          tidemark::request(inn::charge{5}).undone_by(inn::refund{5}).pivot());
    CHECK(tidemark::react<stay>({.room = "7"}, room::booked{2}, {.step = "again"}) ==
          tidemark::send(tidemark::id<room>{"7"}, room::release{}));
    CHECK(tidemark::react<stay>({}, tidemark::refused{"full"}, {}) == tidemark::fail("full"));
    CHECK(tidemark::react<stay>({}, stay::late{}, {}).is_empty());
}

TEST_CASE("saga: inputs fold into its state, by their own evolve or the generic one") {
    const std::vector<stay::input> inputs{stay::begin{"7", 2}, room::booked{2}, stay::late{}};
    CHECK(tidemark::fold<stay>(inputs) == stay::state{"7", 3});
}

TEST_CASE("steps: undo, pivot and name are part of the value") {
    const tidemark::id<room> seven = "7";
    const auto plain = tidemark::send(seven, room::book{2});
    CHECK(stay::steps{plain} == plain);
    CHECK(stay::steps{plain} != plain.undone_by(room::release{}));
    CHECK(stay::steps{plain} != plain.pivot());
    CHECK(stay::steps{plain} != plain.named("first"));
    CHECK(stay::steps{plain.named("first").pivot().undone_by(room::release{})} ==
          plain.undone_by(room::release{}).named("first").pivot());
    CHECK(stay::steps{tidemark::complete()} != tidemark::fail(""));
    CHECK(stay::steps{tidemark::fail("a")} != tidemark::fail("b"));
}

TEST_CASE("steps: a part of the list can be added later") {
    stay::steps all = tidemark::complete();
    all.add(tidemark::cancel("late")).add(tidemark::step{tidemark::fail("no")});
    CHECK(all == stay::steps{tidemark::complete(), tidemark::cancel("late"), tidemark::fail("no")});
    CHECK(std::move(all).all().size() == 3);
}

TEST_CASE("steps: a saga can be sent an input") {
    const stay::steps all = tidemark::send(tidemark::id<stay>{"1"}, stay::late{});
    const auto& sent = std::get<tidemark::send_step>(all.all().front());
    CHECK(sent.send.target.text() == "stay-1");
    CHECK(sent.send.command.name() == "stay.late.v1");
}

TEST_CASE("steps: print as they are written") {
    const auto book = tidemark::send(tidemark::id<room>{"7"}, room::book{2});
    CHECK(printed(stay::steps{book.undone_by(room::release{}).pivot().named("b"),
                              tidemark::complete(), tidemark::fail("no")}) ==
          "steps[send{target: \"room-7\", command: room.book.v1{nights: 2}, "
          "undone_by: room.release.v1{}, pivot: true, named: \"b\"}, complete{}, "
          "fail{reason: \"no\"}]");
    CHECK(printed(book.pivot()) ==
          "send{target: \"room-7\", command: room.book.v1{nights: 2}, pivot: true}");
    CHECK(printed(tidemark::request(inn::charge{5}).undone_by(inn::refund{4})) ==
          "request{value: inn.charge.v1{cents: 5}, undone_by: inn.refund.v1{cents: 4}}");
}

TEST_CASE("saga: the answers it hears have stored names") {
    CHECK(tidemark::stored_name<tidemark::refused>() == "tidemark.refused.v1");
    CHECK(tidemark::stored_name<tidemark::accepted>() == "tidemark.accepted.v1");
    CHECK(printed(tidemark::refused{"full", "no room"}) ==
          "tidemark.refused.v1{reason: \"full\", message: \"no room\"}");
}
