// expect: wrong_signature_of_react_for<yard::evening, tidemark::refused>
#include "tidemark/core/compile_fail/light.hpp"

namespace yard {

struct lamp : lamp_types {};
struct evening {
    static constexpr std::string_view category = "evening";
    using targets = tidemark::types<lamp>;
    using input = std::variant<on, tidemark::refused>;
    using state = lamp_state;
    using steps = tidemark::steps<evening>;
    static steps react(const state&, const on&) { return tidemark::complete(); }
    static steps react(state&, const tidemark::refused&);
    static bool react(const state&, const tidemark::refused&, const tidemark::step_context&);
    static void evolve(state&, const auto&) {}
};
static_assert(tidemark::saga<evening>);

}  // namespace yard
