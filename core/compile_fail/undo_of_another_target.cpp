// expect: not_a_command_of<yard::lamp, yard::dark>
#include "tidemark/core/compile_fail/light.hpp"

namespace yard {

struct lamp : lamp_types {};
struct evening {
    static constexpr std::string_view category = "evening";
    using targets = tidemark::types<lamp>;
    using input = std::variant<on, tidemark::refused>;
    using state = lamp_state;
    using steps = tidemark::steps<evening>;
    static steps react(const state&, const on&) {
        return tidemark::send(tidemark::id<lamp>{"1"}, on{}).undone_by(dark{});
    }
    static steps react(const state&, const tidemark::refused&) { return tidemark::fail("no"); }
    static void evolve(state&, const auto&) {}
};
static_assert(tidemark::saga<evening>);

}  // namespace yard
