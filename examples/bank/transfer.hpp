#pragma once

#include "tidemark/examples/bank/account.hpp"

namespace bank {

// [transfer]
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
    static steps react(const state&, const begin&);
    static steps react(const state&, const account::withdrawn&);
    static steps react(const state&, const account::deposited&);
    static steps react(const state&, const tidemark::refused&);
    static steps react(const state&, const late&);

    static void evolve(state&, const begin&);
    static void evolve(state&, const auto&) {}
};
// [/transfer]
using transfer_id = tidemark::id<transfer>;

TIDEMARK_MESSAGE(transfer::begin, "transfer.begin.v1", from, to, amount)
TIDEMARK_MESSAGE(transfer::late, "transfer.late.v1")
TIDEMARK_STATE(transfer::state, "transfer.state.v1", to)

}  // namespace bank
