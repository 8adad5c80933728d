#pragma once

#include "tidemark/examples/bank/account.hpp"

namespace bank {

/// An account as a list of accounts shows it.
struct balance_row {
    std::string account;
    std::string owner{};
    money balance{};
    std::uint64_t version = 0;
};
TIDEMARK_STRUCT(balance_row, account, owner, balance, version)

// [balances]
/// What each account holds, for queries. Document key: the account's id; index: its owner.
struct balances {
    static constexpr std::string_view name = "balances.v1";
    using sources = tidemark::types<account>;

    static void project(tidemark::read_model&, const account::opened&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const account::deposited&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const account::withdrawn&,
                        const tidemark::event_context&);
};
// [/balances]

}  // namespace bank
