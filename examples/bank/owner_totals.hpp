#pragma once

#include "tidemark/eventstore/postgres_read_model.hpp"
#include "tidemark/examples/bank/account.hpp"

namespace bank {

// [owner_totals]
/// What each owner has in all accounts, for people with SQL: `owner_totals_v1.totals`.
struct owner_totals {
    static constexpr std::string_view name = "owner_totals.v1";
    using sources = tidemark::types<account>;
    using rows = tidemark::postgres_read_model;

    static void prepare(rows&);
    static void project(rows&, const account::opened&, const tidemark::event_context&);
    static void project(rows&, const account::deposited&, const tidemark::event_context&);
    static void project(rows&, const account::withdrawn&, const tidemark::event_context&);
};
// [/owner_totals]

}  // namespace bank
