#include "tidemark/examples/bank/balances.hpp"

#include "tidemark/codec/json_codec.hpp"
#include "tidemark/eventstore/read_model.hpp"

namespace bank {

// [project]
static_assert(tidemark::projection<balances>);

namespace {

using tidemark::event_context;
using tidemark::read_model;

/// Loads the account's row, changes it and stores it again.
template <class Change>
void change_row(read_model& rows, const event_context& context, Change change) {
    balance_row row{.account = std::string{context.stream.id()}};
    if (const auto kept = rows.get(row.account)) {
        row = tidemark::decode<balance_row>(kept->body).value();
    }
    change(row);
    row.version = context.version.value();
    rows.put({row.account, tidemark::encode_json(row).value(), {{"owner", row.owner}}});
}

}  // namespace

void balances::project(read_model& rows, const account::opened& e, const event_context& context) {
    change_row(rows, context, [&](balance_row& row) { row.owner = e.owner; });
}
void balances::project(read_model& rows, const account::deposited& e,
                       const event_context& context) {
    change_row(rows, context, [&](balance_row& row) { row.balance += e.amount; });
}
void balances::project(read_model& rows, const account::withdrawn& e,
                       const event_context& context) {
    change_row(rows, context, [&](balance_row& row) { row.balance -= e.amount; });
}
// [/project]

}  // namespace bank
