#pragma once

#include "tidemark/core/core.hpp"

namespace bank {

// [money]
/// Cents. A strong value: compares, adds and subtracts only with itself; a number in JSON.
TIDEMARK_VALUE(money, std::int64_t)
// [/money]

/// A bank account: opened once, never overdrawn.
struct account {
    static constexpr std::string_view category = "account";

    // [commands]
    struct open {
        std::string owner;
    };
    struct deposit {
        money amount;
    };
    struct withdraw {
        money amount;
    };
    using command = std::variant<open, deposit, withdraw>;
    // [/commands]

    // [events]
    struct opened {
        std::string owner;
        tidemark::instant at{};
    };
    struct deposited {
        money amount;
    };
    struct withdrawn {
        money amount;
    };
    using event = std::variant<opened, deposited, withdrawn>;
    // [/events]

    // [functions]
    struct state {
        std::string owner;
        money balance;
    };

    using decision = tidemark::decision<account>;
    static decision decide(const state&, const open&, const tidemark::context&);
    static decision decide(const state&, const deposit&);
    static decision decide(const state&, const withdraw&);

    static void evolve(state&, const opened&);
    static void evolve(state&, const deposited&);
    static void evolve(state&, const withdrawn&);
    // [/functions]
};
using account_id = tidemark::id<account>;

// [names]
TIDEMARK_MESSAGE(account::open, "account.open.v1", owner)
TIDEMARK_MESSAGE(account::deposit, "account.deposit.v1", amount)
TIDEMARK_MESSAGE(account::withdraw, "account.withdraw.v1", amount)
TIDEMARK_MESSAGE(account::opened, "account.opened.v1", owner, at)
TIDEMARK_MESSAGE(account::deposited, "account.deposited.v1", amount)
TIDEMARK_MESSAGE(account::withdrawn, "account.withdrawn.v1", amount)
TIDEMARK_STATE(account::state, "account.state.v1", owner, balance)
// [/names]

}  // namespace bank
