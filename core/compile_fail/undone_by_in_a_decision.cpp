// expect: only_sagas_undo_name_or_pivot<yard::lamp, tidemark::step_to<yard::lamp>>
#include "tidemark/core/compile_fail/light.hpp"

namespace yard {

struct lamp : lamp_types {
    using decision = tidemark::decision<lamp>;
    static decision decide(const state&, const on&) { return lit{40}; }
    static decision decide(const state&, const off&) {
        return {dark{}, tidemark::send(tidemark::id<lamp>{"1"}, off{}).undone_by(on{})};
    }
    static void evolve(state& s, const lit&) { s.is_lit = true; }
    static void evolve(state& s, const dark&) { s.is_lit = false; }
};
static_assert(tidemark::aggregate<lamp>);

}  // namespace yard
