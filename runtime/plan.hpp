#pragma once

#include "tidemark/core/context.hpp"
#include "tidemark/core/effect.hpp"
#include "tidemark/core/version.hpp"
#include "tidemark/runtime/effect_options.hpp"
#include "tidemark/runtime/stream_type.hpp"

#include <vector>

namespace tidemark {

/// Turns a decision's effects into rows: sends and requests with what they wait for, timers set and
/// cancelled. Timers take effect with the commit, also inside a `sequence`; what stands behind one
/// there waits for what stands before it.
void plan_effects(decided& into, const std::vector<effect>& effects, instant now);

/// A request's policy as stored with its row.
[[nodiscard]] effect_options options_of(const request_options& wanted);

}  // namespace tidemark
