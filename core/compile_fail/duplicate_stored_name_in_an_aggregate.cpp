// expect: stored_name_used_twice_in<yard::lamp, yard::off>
#include "tidemark/core/compile_fail/light.hpp"

namespace garden {

struct cut {};
TIDEMARK_MESSAGE(cut, "lamp.off.v1")

}  // namespace garden

namespace yard {

struct lamp {
    static constexpr std::string_view category = "lamp";
    using command = std::variant<on, off>;
    using event = std::variant<lit, garden::cut>;
    using state = lamp_state;
    using decision = tidemark::decision<lamp>;
    static decision decide(const state&, const on&);
    static decision decide(const state&, const off&);
    static void evolve(state& s, const lit&);
    static void evolve(state& s, const garden::cut&);
};
static_assert(tidemark::aggregate<lamp>);

}  // namespace yard
