// expect: wrong_signature_of_evolve_for<yard::lamp, yard::dark>
#include "tidemark/core/compile_fail/light.hpp"

namespace yard {

struct lamp : lamp_types {
    using decision = tidemark::decision<lamp>;
    static decision decide(const state&, const on&) { return lit{40}; }
    static decision decide(const state&, const off&) { return dark{}; }
    static void evolve(state& s, const lit&) { s.is_lit = true; }
    static void evolve(state, const dark&) {}
};
static_assert(tidemark::aggregate<lamp>);

}  // namespace yard
