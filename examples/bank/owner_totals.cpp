#include "tidemark/examples/bank/owner_totals.hpp"

#include <pqxx/pqxx>

#include <string>

namespace bank {

// [project]
static_assert(tidemark::projection<owner_totals>);

namespace {

using tidemark::event_context;

void add(owner_totals::rows& to, const event_context& context, std::int64_t amount) {
    to.sql().exec("UPDATE accounts SET balance = balance + " + std::to_string(amount) +
                  " WHERE id = " + to.sql().quote(std::string{context.stream.id()}));
}

}  // namespace

void owner_totals::prepare(rows& in) {
    in.sql().exec(
        "CREATE TABLE accounts(id text PRIMARY KEY, owner text NOT NULL, balance bigint NOT NULL);"
        "CREATE VIEW totals AS SELECT owner, sum(balance) AS balance FROM accounts GROUP BY owner");
}

void owner_totals::project(rows& to, const account::opened& e, const event_context& context) {
    const auto id = to.sql().quote(std::string{context.stream.id()});
    to.sql().exec("INSERT INTO accounts VALUES(" + id + ", " + to.sql().quote(e.owner) + ", 0)");
}
void owner_totals::project(rows& to, const account::deposited& e, const event_context& context) {
    add(to, context, e.amount.value());
}
void owner_totals::project(rows& to, const account::withdrawn& e, const event_context& context) {
    add(to, context, -e.amount.value());
}
// [/project]

}  // namespace bank
