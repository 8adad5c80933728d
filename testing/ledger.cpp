#include "tidemark/testing/ledger.hpp"

namespace ledger {

static_assert(tidemark::aggregate<purse>);
static_assert(tidemark::saga<handover>);

purse::decision purse::decide(const state&, const mint& c) { return minted{c.amount}; }

purse::decision purse::decide(const state& s, const put& c) {
    if (s.is_closed) return tidemark::reject("closed");
    return was_put{c.amount};
}

purse::decision purse::decide(const state& s, const take& c) {
    if (c.amount > s.amount) return tidemark::reject("too_little");
    return taken{c.amount};
}

purse::decision purse::decide(const state& s, const pay& c) {
    if (c.amount > s.amount) return tidemark::reject("too_little");
    return {taken{c.amount}, tidemark::send(c.to, mint{c.amount})};
}

purse::decision purse::decide(const state&, const nudge& c) {
    return tidemark::send(c.to, count{c.number});
}

purse::decision purse::decide(const state&, const count& c) { return counted{c.number}; }

purse::decision purse::decide(const state& s, const lend& c) {
    if (c.amount > s.amount) return tidemark::reject("too_little");
    if (s.loans.contains(c.name)) return tidemark::reject("already_lent");
    return {lent{c.name, c.amount}, tidemark::schedule(c.name, c.after, give_back{c.name})};
}

purse::decision purse::decide(const state& s, const give_back& c) {
    const auto found = s.loans.find(c.name);
    if (found == s.loans.end()) return tidemark::reject("not_lent");
    return given_back{c.name, found->second};
}

purse::decision purse::decide(const state& s, const close&) {
    if (s.is_closed) return tidemark::reject("closed");
    return closed{};
}

purse::decision purse::decide(const state& s, const reopen&) {
    if (!s.is_closed) return tidemark::reject("open");
    return reopened{};
}

void purse::evolve(state& s, const minted& e) { s.amount += e.amount; }
void purse::evolve(state& s, const was_put& e) { s.amount += e.amount; }
void purse::evolve(state& s, const taken& e) { s.amount -= e.amount; }
void purse::evolve(state& s, const counted&) { ++s.nudges; }
void purse::evolve(state& s, const lent& e) {
    s.amount -= e.amount;
    s.loans.emplace(e.name, e.amount);
}
void purse::evolve(state& s, const given_back& e) {
    s.amount += e.amount;
    s.loans.erase(e.name);
}
void purse::evolve(state& s, const closed&) { s.is_closed = true; }
void purse::evolve(state& s, const reopened&) { s.is_closed = false; }

handover::steps handover::react(const state&, const begin& b) {
    return {tidemark::send(b.from, purse::take{b.amount}).undone_by(purse::mint{b.amount}),
            tidemark::schedule("late", b.patience, late{})};
}

handover::steps handover::react(const state& s, const purse::taken& e) {
    return tidemark::send(s.to, purse::put{e.amount}).pivot();
}

handover::steps handover::react(const state&, const purse::was_put&) {
    return {tidemark::cancel("late"), tidemark::complete()};
}

handover::steps handover::react(const state&, const tidemark::refused& r) {
    return tidemark::fail(r.reason);
}

handover::steps handover::react(const state&, const late&) { return tidemark::fail("late"); }

void handover::evolve(state& s, const begin& b) { s.to = b.to; }

}  // namespace ledger
