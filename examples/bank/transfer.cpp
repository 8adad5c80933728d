#include "tidemark/examples/bank/transfer.hpp"

namespace bank {

using namespace std::chrono_literals;

// [react]
static_assert(tidemark::saga<transfer>);

transfer::steps transfer::react(const state&, const begin& b) {
    return {
        tidemark::send(b.from, account::withdraw{b.amount}).undone_by(account::deposit{b.amount}),
        tidemark::schedule("late", 30s, late{})};
}

transfer::steps transfer::react(const state& s, const account::withdrawn& e) {
    // Once the credit has happened there is no way back.
    return tidemark::send(s.to, account::deposit{e.amount}).pivot();
}

transfer::steps transfer::react(const state&, const account::deposited&) {
    return {tidemark::cancel("late"), tidemark::complete()};
}

transfer::steps transfer::react(const state&, const tidemark::refused& r) {
    return tidemark::fail(r.reason);
}

transfer::steps transfer::react(const state&, const late&) { return tidemark::fail("timed_out"); }

void transfer::evolve(state& s, const begin& b) { s.to = b.to; }
// [/react]

}  // namespace bank
