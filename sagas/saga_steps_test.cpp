#include "tidemark/runtime/runtime.hpp"
#include "tidemark/sagas/saga_type.hpp"
#include "tidemark/sagas/test_transfer.hpp"
#include "tidemark/sagas/test_world.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace std::chrono_literals;
using saga_test::account;
using saga_test::account_id;
using saga_test::hands_over;
using saga_test::money;

/// Requests, parting steps and inputs that come while settling.
namespace trip_test {

struct trip {
    static constexpr std::string_view category = "trip";
    using targets = tidemark::types<account>;

    struct charge {
        std::string card;
    };
    struct refund {
        std::string card;
    };
    using requests = tidemark::types<charge, refund>;

    struct begin {
        std::string card;
    };
    struct charged {
        std::string card;
    };
    struct poke {
        std::int64_t amount;
    };
    struct late {};
    using input = std::variant<begin, charged, poke, late, account::deposited, tidemark::refused,
                               tidemark::accepted>;

    struct state {
        std::int64_t pokes = 0;
    };

    using steps = tidemark::steps<trip>;
    static steps react(const state&, const begin& b) {
        if (b.card == "throw") throw std::runtime_error{"no card"};
        if (b.card == "react 42") throw 42;
        if (b.card != "pair") {
            return {tidemark::request(charge{b.card}, {.retry = once()})
                        .undone_by(refund{b.card})
                        .named("charge"),
                    tidemark::schedule("late", 30s, late{})};
        }
        return {
            tidemark::send(account_id{"ada"}, account::withdraw{money{40}})
                .undone_by(account::deposit{money{40}})
                .named("debit"),
            tidemark::send(account_id{"bob"}, account::deposit{money{40}}).pivot().named("credit"),
            tidemark::schedule("late", 30s, late{})};
    }
    static steps react(const state&, const charged&) { return tidemark::complete(); }
    static steps react(const state&, const tidemark::accepted&, const step_context& context) {
        if (context.step == "charge") return tidemark::complete();
        return {};
    }
    static steps react(const state& s, const poke& p) {
        return tidemark::send(account_id{"carol"}, account::deposit{money{p.amount + s.pokes}});
    }
    static steps react(const state&, const late&) { return part("timed_out"); }
    static steps react(const state&, const tidemark::refused& r) { return part(r.reason); }
    static steps react(const state&, const account::deposited&, const step_context& context) {
        if (context.step == "credit") return tidemark::complete();
        return {};
    }
    static void evolve(state& s, const poke&) { ++s.pokes; }
    static void evolve(state&, const begin& b) {
        if (b.card == "evolve 42") throw 42;
    }
    static void evolve(state&, const auto&) {}

    /// Tells carol that it failed.
    static steps part(const std::string& reason) {
        return {tidemark::send(account_id{"carol"}, account::deposit{money{1000}}).named("bye"),
                tidemark::fail(reason)};
    }
    static tidemark::retry_policy once() { return {.attempts_max = 1}; }
};
using trip_id = tidemark::id<trip>;

TIDEMARK_MESSAGE(trip::charge, "trip.charge.v1", card)
TIDEMARK_MESSAGE(trip::refund, "trip.refund.v1", card)
TIDEMARK_MESSAGE(trip::begin, "trip.begin.v1", card)
TIDEMARK_MESSAGE(trip::charged, "trip.charged.v1", card)
TIDEMARK_MESSAGE(trip::poke, "trip.poke.v1", amount)
TIDEMARK_MESSAGE(trip::late, "trip.late.v1")
TIDEMARK_STATE(trip::state, "trip.state.v1", pokes)

static_assert(tidemark::saga<trip>);

/// What a card machine answers; "lost": it charges, and fails to say so.
using card_answer = std::variant<trip::charged, tidemark::refused>;

struct agency : saga_test::world {
    std::vector<std::string> charges;
    std::vector<std::string> refunds;

    agency()
        : world{[this](tidemark::runtime& on) {
              on.store<account>();
              on.store<trip>();
              on.perform<trip::charge>([this](trip::charge asked) { return charge(asked.card); });
              on.perform<trip::refund>([this](trip::refund asked) { return refund(asked.card); });
          }} {
        REQUIRE(call<account, account::open>(account_id{"ada"}, money{100}));
        REQUIRE(call<account, account::open>(account_id{"bob"}, money{0}));
        REQUIRE(call<account, account::open>(account_id{"carol"}, money{0}));
    }
    awaitable<card_answer> charge(std::string card) {
        if (card == "stolen") co_return card_answer{tidemark::refused{"stolen", "call the police"}};
        charges.push_back(card);
        if (card == "lost") throw std::runtime_error{"the line went dead"};
        co_return card_answer{trip::charged{card}};
    }
    awaitable<void> refund(std::string card) {
        refunds.push_back(card);
        co_return;
    }
    outcome begin(const std::string& card) { return call<trip, trip::begin>(trip_id{"x"}, card); }
    bool ends(saga_phase phase) {
        const bool has_come = comes_to(trip_id{"x"}.stream(), phase);
        pass(1min);
        return has_come && events.phases.at("trip-x") == phase;
    }
    std::vector<step_state> outcomes(const std::string& step) {
        std::vector<step_state> out;
        for (const auto& one : stored<saga_step>(trip_id{"x"}.stream())) {
            if (one.name != step) continue;
            for (const auto& moved : stored<saga_step_outcome>(trip_id{"x"}.stream())) {
                if (moved.effect == one.effect) out.push_back(moved.state);
            }
        }
        return out;
    }
    std::vector<std::int64_t> deposits(const account_id& to) {
        std::vector<std::int64_t> out;
        for (const auto& event : read(to.stream())) {
            auto decoded =
                decode_variant<account::event>(event.message.name, event.message.payload);
            if (const auto* d = std::get_if<account::deposited>(&decoded.value())) {
                out.push_back(d->amount.value());
            }
        }
        return out;
    }
    std::size_t heard(std::string_view name, input_use use) {
        const auto all = stored<saga_input>(trip_id{"x"}.stream());
        return static_cast<std::size_t>(std::ranges::count_if(
            all, [&](const auto& i) { return i.name == name && i.use == use; }));
    }
};

}  // namespace trip_test

using trip_test::agency;
using trip_test::trip;
using trip_test::trip_id;

TEST_CASE("saga steps: what a performer answers is the answer to its request") {
    agency a;
    REQUIRE(a.begin("visa"));
    CHECK(a.ends(saga_phase::completed));
    CHECK(a.outcomes("charge") == std::vector<step_state>{step_state::succeeded});
    CHECK(a.heard("trip.charged.v1", input_use::reacted) == 1);
    CHECK(a.pending(trip_id{"x"}.stream()) == 0);
}

TEST_CASE("saga steps: a performer refuses by answering `refused`") {
    agency a;
    REQUIRE(a.begin("stolen"));
    CHECK(a.ends(saga_phase::failed));
    CHECK(a.outcomes("charge") == std::vector<step_state>{step_state::refused});
    CHECK(a.refunds.empty());
}

TEST_CASE("saga steps: a request of unknown outcome counts as happened and is undone") {
    agency a;
    REQUIRE(a.begin("lost"));
    CHECK(a.ends(saga_phase::failed));
    CHECK(a.charges == std::vector<std::string>{"lost"});
    CHECK(a.refunds == std::vector<std::string>{"lost"});
    CHECK(a.outcomes("charge") ==
          std::vector<step_state>{step_state::assumed, step_state::undo_sent, step_state::undone});
    CHECK(a.pending(trip_id{"x"}.stream()) == 0);  // the dead letter is closed
    auto letters = run(a.outside(), a.events.dead_letters({}));
    CHECK(letters.value().empty());
}

TEST_CASE("saga steps: what stands beside a fail is sent when the failure is certain") {
    agency a;
    REQUIRE(a.call<account, account::close>(account_id{"bob"}));
    REQUIRE(a.begin("pair"));
    CHECK(a.ends(saga_phase::failed));
    CHECK(a.deposits(account_id{"ada"}) == std::vector<std::int64_t>{40});
    CHECK(a.deposits(account_id{"carol"}) == std::vector<std::int64_t>{1000});
    CHECK(a.outcomes("bye").front() == step_state::sent);
}

TEST_CASE("saga steps: a pivot found while settling drops what stood beside the fail") {
    agency a;
    a.events.is_blocked = [](const append_request& sent) {
        return hands_over(sent, "account.deposited.v1");
    };
    REQUIRE(a.begin("pair"));
    REQUIRE(a.comes_to(trip_id{"x"}.stream(), saga_phase::compensating));
    // The saga is settling: what comes now waits for the pivot.
    REQUIRE(a.call<trip, trip::poke>(trip_id{"x"}, std::int64_t{5}));
    REQUIRE(a.call<trip, trip::poke>(trip_id{"x"}, std::int64_t{7}));
    CHECK(a.heard("trip.poke.v1", input_use::held) == 2);
    CHECK(a.deposits(account_id{"carol"}).empty());
    a.events.is_blocked = {};
    CHECK(a.ends(saga_phase::completed));
    CHECK(a.deposits(account_id{"ada"}).empty());
    CHECK(a.deposits(account_id{"bob"}) == std::vector<std::int64_t>{40});
    auto to_carol = a.deposits(account_id{"carol"});  // 7 + the poke before it
    std::ranges::sort(to_carol);
    CHECK(to_carol == std::vector<std::int64_t>{5, 8});
}

TEST_CASE("saga steps: a saga that was brought back goes on after a crash") {
    agency a;
    a.events.is_blocked = [](const append_request& sent) {
        return hands_over(sent, "account.deposited.v1");
    };
    REQUIRE(a.begin("pair"));
    REQUIRE(a.comes_to(trip_id{"x"}.stream(), saga_phase::compensating));
    REQUIRE(a.call<trip, trip::poke>(trip_id{"x"}, std::int64_t{5}));
    a.crash();
    a.events.is_blocked = {};
    a.boot();
    CHECK(a.ends(saga_phase::completed));
    CHECK(a.deposits(account_id{"carol"}) == std::vector<std::int64_t>{5});
    auto folded = run(*a.process, a.runtime->state_of(trip_id{"x"}.stream(), std::nullopt));
    REQUIRE(folded.has_value());
    CHECK(folded->state.starts_with(R"({"state":{"pokes":1},"saga":)"));
}

TEST_CASE("saga steps: a throwing react stores nothing and says so") {
    agency a;
    const auto told = a.begin("throw");
    REQUIRE(told.is_error());
    CHECK(told.error().code() == errc::user_code_threw);
    CHECK(a.read(trip_id{"x"}.stream()).empty());
    REQUIRE(a.begin("visa"));
    CHECK(a.ends(saga_phase::completed));
}

TEST_CASE("saga steps: what is thrown may be no std::exception") {
    agency a;
    for (const std::string function : {"react", "evolve"}) {
        CAPTURE(function);
        const auto told = a.begin(function + " 42");
        REQUIRE(told.is_error());
        CHECK(told.error().code() == errc::user_code_threw);
        CHECK(told.error().message() ==
              function + " threw: something that is no std::exception; nothing was stored");
    }
    REQUIRE(a.begin("visa"));
    CHECK(a.ends(saga_phase::completed));
}
