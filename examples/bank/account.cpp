#include "tidemark/examples/bank/account.hpp"

namespace bank {

// [decide]
static_assert(tidemark::aggregate<account>);

account::decision account::decide(const state& s, const open& c, const tidemark::context& context) {
    if (!s.owner.empty()) return tidemark::reject("already_open");
    return opened{.owner = c.owner, .at = context.now};
}

account::decision account::decide(const state& s, const deposit& c) {
    if (s.owner.empty()) return tidemark::reject("not_open");
    if (c.amount <= money{}) return tidemark::reject("amount_not_positive");
    return deposited{c.amount};
}

account::decision account::decide(const state& s, const withdraw& c) {
    if (s.owner.empty()) return tidemark::reject("not_open");
    if (c.amount <= money{}) return tidemark::reject("amount_not_positive");
    if (c.amount > s.balance) return tidemark::reject("insufficient_funds");
    return withdrawn{c.amount};
}
// [/decide]

// [evolve]
void account::evolve(state& s, const opened& e) { s.owner = e.owner; }
void account::evolve(state& s, const deposited& e) { s.balance += e.amount; }
void account::evolve(state& s, const withdrawn& e) { s.balance -= e.amount; }
// [/evolve]

}  // namespace bank
