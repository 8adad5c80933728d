// expect: no_tidemark_message_for<yard::lamp, yard::lamp::dim>
#include "tidemark/core/compile_fail/light.hpp"

namespace yard {

struct lamp {
    static constexpr std::string_view category = "lamp";
    struct dim {};
    using command = std::variant<on, dim>;
    using event = std::variant<lit>;
    using state = lamp_state;
    using decision = tidemark::decision<lamp>;
    static decision decide(const state&, const on&);
    static decision decide(const state&, const dim&);
    static void evolve(state& s, const lit&);
};
static_assert(tidemark::aggregate<lamp>);

}  // namespace yard
