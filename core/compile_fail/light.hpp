#pragma once

#include "tidemark/core/core.hpp"

namespace yard {

// Messages of a lamp that every case completes with its own mistake.
struct on {};
struct off {};
struct lit {
    std::int64_t watts = 0;
};
struct dark {};
struct lamp_state {
    bool is_lit = false;
};

TIDEMARK_MESSAGE(on, "lamp.on.v1")
TIDEMARK_MESSAGE(off, "lamp.off.v1")
TIDEMARK_MESSAGE(lit, "lamp.lit.v1", watts)
TIDEMARK_MESSAGE(dark, "lamp.dark.v1")
TIDEMARK_STATE(lamp_state, "lamp.state.v1", is_lit)

struct lamp_types {
    static constexpr std::string_view category = "lamp";
    using command = std::variant<on, off>;
    using event = std::variant<lit, dark>;
    using state = lamp_state;
};

}  // namespace yard
