#pragma once

#include "tidemark/core/core.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <variant>

/// The domain of this module's own tests: purses that hold coins, and a saga that hands coins over.
/// Each command is there to provoke one kind of mistake in whoever carries it out.
namespace ledger {

TIDEMARK_VALUE(coins, std::int64_t)

struct purse;
using purse_id = tidemark::id<purse>;

/// Holds coins, never less than none.
struct purse {
    static constexpr std::string_view category = "purse";

    /// Puts coins in, whatever the state of the purse.
    struct mint {
        coins amount;
    };
    /// Takes coins in; a closed purse refuses.
    struct put {
        coins amount;
    };
    struct take {
        coins amount;
    };
    /// Takes coins out and sends them on, in one decision.
    struct pay {
        tidemark::id<purse> to;
        coins amount;
    };
    /// Sends without an event of its own.
    struct nudge {
        tidemark::id<purse> to;
        std::int64_t number;
    };
    /// What a nudge brings.
    struct count {
        std::int64_t number;
    };
    /// Takes coins away now and has a timer put them back.
    struct lend {
        std::string name;
        coins amount;
        tidemark::duration after;
    };
    struct give_back {
        std::string name;
    };
    struct close {};
    struct reopen {};
    using command =
        std::variant<mint, put, take, pay, nudge, count, lend, give_back, close, reopen>;

    struct minted {
        coins amount;
    };
    struct was_put {
        coins amount;
    };
    struct taken {
        coins amount;
    };
    struct counted {
        std::int64_t number;
    };
    struct lent {
        std::string name;
        coins amount;
    };
    struct given_back {
        std::string name;
        coins amount;
    };
    struct closed {};
    struct reopened {};
    using event = std::variant<minted, was_put, taken, counted, lent, given_back, closed, reopened>;

    struct state {
        coins amount{};
        std::int64_t nudges = 0;
        std::map<std::string, coins> loans{};
        bool is_closed = false;
    };

    using decision = tidemark::decision<purse>;
    static decision decide(const state&, const mint&);
    static decision decide(const state&, const put&);
    static decision decide(const state&, const take&);
    static decision decide(const state&, const pay&);
    static decision decide(const state&, const nudge&);
    static decision decide(const state&, const count&);
    static decision decide(const state&, const lend&);
    static decision decide(const state&, const give_back&);
    static decision decide(const state&, const close&);
    static decision decide(const state&, const reopen&);

    static void evolve(state&, const minted&);
    static void evolve(state&, const was_put&);
    static void evolve(state&, const taken&);
    static void evolve(state&, const counted&);
    static void evolve(state&, const lent&);
    static void evolve(state&, const given_back&);
    static void evolve(state&, const closed&);
    static void evolve(state&, const reopened&);
};

TIDEMARK_MESSAGE(purse::mint, "purse.mint.v1", amount)
TIDEMARK_MESSAGE(purse::put, "purse.put.v1", amount)
TIDEMARK_MESSAGE(purse::take, "purse.take.v1", amount)
TIDEMARK_MESSAGE(purse::pay, "purse.pay.v1", to, amount)
TIDEMARK_MESSAGE(purse::nudge, "purse.nudge.v1", to, number)
TIDEMARK_MESSAGE(purse::count, "purse.count.v1", number)
TIDEMARK_MESSAGE(purse::lend, "purse.lend.v1", name, amount, after)
TIDEMARK_MESSAGE(purse::give_back, "purse.give_back.v1", name)
TIDEMARK_MESSAGE(purse::close, "purse.close.v1")
TIDEMARK_MESSAGE(purse::reopen, "purse.reopen.v1")
TIDEMARK_MESSAGE(purse::minted, "purse.minted.v1", amount)
TIDEMARK_MESSAGE(purse::was_put, "purse.was_put.v1", amount)
TIDEMARK_MESSAGE(purse::taken, "purse.taken.v1", amount)
TIDEMARK_MESSAGE(purse::counted, "purse.counted.v1", number)
TIDEMARK_MESSAGE(purse::lent, "purse.lent.v1", name, amount)
TIDEMARK_MESSAGE(purse::given_back, "purse.given_back.v1", name, amount)
TIDEMARK_MESSAGE(purse::closed, "purse.closed.v1")
TIDEMARK_MESSAGE(purse::reopened, "purse.reopened.v1")
TIDEMARK_STATE(purse::state, "purse.state.v1", amount, nudges, loans, is_closed)

/// Hands coins from one purse to another; gives them back when the other one is closed or too late.
struct handover {
    static constexpr std::string_view category = "handover";
    using targets = tidemark::types<purse>;

    struct begin {
        purse_id from, to;
        coins amount;
        tidemark::duration patience;
    };
    struct late {};
    using input = std::variant<begin, purse::taken, purse::was_put, tidemark::refused, late>;

    struct state {
        purse_id to;
    };

    using steps = tidemark::steps<handover>;
    static steps react(const state&, const begin&);
    static steps react(const state&, const purse::taken&);
    static steps react(const state&, const purse::was_put&);
    static steps react(const state&, const tidemark::refused&);
    static steps react(const state&, const late&);

    static void evolve(state&, const begin&);
    static void evolve(state&, const auto&) {}
};
using handover_id = tidemark::id<handover>;

TIDEMARK_MESSAGE(handover::begin, "handover.begin.v1", from, to, amount, patience)
TIDEMARK_MESSAGE(handover::late, "handover.late.v1")
TIDEMARK_STATE(handover::state, "handover.state.v1", to)

}  // namespace ledger
