// expect: not_a_step_of<yard::evening, yard::lit>
#include "tidemark/core/compile_fail/light.hpp"

namespace yard {

struct lamp : lamp_types {};
struct evening {
    static constexpr std::string_view category = "evening";
    using targets = tidemark::types<lamp>;
    using input = std::variant<on, tidemark::refused>;
    using state = lamp_state;
    using steps = tidemark::steps<evening>;
    static steps react(const state&, const on&) { return lit{1}; }
    static steps react(const state&, const tidemark::refused&) { return tidemark::fail("no"); }
    static void evolve(state&, const auto&) {}
};
static_assert(tidemark::saga<evening>);

}  // namespace yard
