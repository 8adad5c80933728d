#pragma once

#include "tidemark/core/core.hpp"

#include <string>
#include <variant>

/// The bank of the sagas' own tests.
namespace saga_test {

TIDEMARK_VALUE(money, std::int64_t)

/// Refuses what it cannot pay, and everything once it is closed.
struct account {
    static constexpr std::string_view category = "account";

    struct open {
        money balance;
    };
    struct close {};
    struct deposit {
        money amount;
    };
    struct withdraw {
        money amount;
    };
    using command = std::variant<open, close, deposit, withdraw>;

    struct opened {
        money balance;
    };
    struct closed {};
    struct deposited {
        money amount;
    };
    struct withdrawn {
        money amount;
    };
    using event = std::variant<opened, closed, deposited, withdrawn>;

    struct state {
        bool is_open = false;
        money balance;
    };

    using decision = tidemark::decision<account>;
    static decision decide(const state&, const open& c) { return opened{c.balance}; }
    static decision decide(const state&, const close&) { return closed{}; }
    static decision decide(const state& s, const deposit& c) {
        if (!s.is_open) return tidemark::reject("closed");
        return deposited{c.amount};
    }
    static decision decide(const state& s, const withdraw& c) {
        if (!s.is_open) return tidemark::reject("closed");
        if (c.amount > s.balance) return tidemark::reject("insufficient_funds", "not that much");
        return withdrawn{c.amount};
    }
    static void evolve(state& s, const opened& e) {
        s.is_open = true;
        s.balance += e.balance;
    }
    static void evolve(state& s, const closed&) { s.is_open = false; }
    static void evolve(state& s, const deposited& e) { s.balance += e.amount; }
    static void evolve(state& s, const withdrawn& e) { s.balance -= e.amount; }
};
using account_id = tidemark::id<account>;

TIDEMARK_MESSAGE(account::open, "account.open.v1", balance)
TIDEMARK_MESSAGE(account::close, "account.close.v1")
TIDEMARK_MESSAGE(account::deposit, "account.deposit.v1", amount)
TIDEMARK_MESSAGE(account::withdraw, "account.withdraw.v1", amount)
TIDEMARK_MESSAGE(account::opened, "account.opened.v1", balance)
TIDEMARK_MESSAGE(account::closed, "account.closed.v1")
TIDEMARK_MESSAGE(account::deposited, "account.deposited.v1", amount)
TIDEMARK_MESSAGE(account::withdrawn, "account.withdrawn.v1", amount)
TIDEMARK_STATE(account::state, "account.state.v1", is_open, balance)

/// Moves money between two accounts; gives it back when the credit is refused.
struct transfer {
    static constexpr std::string_view category = "transfer";
    using targets = tidemark::types<account>;

    struct begin {
        account_id from, to;
        money amount;
    };
    struct late {};
    using input =
        std::variant<begin, account::withdrawn, account::deposited, tidemark::refused, late>;

    struct state {
        account_id to;
    };

    using steps = tidemark::steps<transfer>;
    static steps react(const state&, const begin& b) {
        return {tidemark::send(b.from, account::withdraw{b.amount})
                    .undone_by(account::deposit{b.amount})
                    .named("debit"),
                tidemark::schedule("late", std::chrono::seconds{30}, late{})};
    }
    static steps react(const state& s, const account::withdrawn& e) {
        return tidemark::send(s.to, account::deposit{e.amount}).named("credit").pivot();
    }
    static steps react(const state&, const account::deposited&) {
        return {tidemark::cancel("late"), tidemark::complete()};
    }
    static steps react(const state&, const tidemark::refused& r) {
        return tidemark::fail(r.reason);
    }
    static steps react(const state&, const late&) { return tidemark::fail("timed_out"); }

    static void evolve(state& s, const begin& b) { s.to = b.to; }
    static void evolve(state&, const auto&) {}
};
using transfer_id = tidemark::id<transfer>;

TIDEMARK_MESSAGE(transfer::begin, "transfer.begin.v1", from, to, amount)
TIDEMARK_MESSAGE(transfer::late, "transfer.late.v1")
TIDEMARK_STATE(transfer::state, "transfer.state.v1", to)

}  // namespace saga_test
