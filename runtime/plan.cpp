#include "tidemark/runtime/plan.hpp"

#include "tidemark/codec/json_codec.hpp"

#include <map>
#include <set>

namespace tidemark {

namespace {

using indices = std::set<std::uint32_t>;

instant due_of(const schedule_effect& timer, instant now) {
    if (const auto* after = std::get_if<duration>(&timer.when)) return now + *after;
    return std::get<instant>(timer.when);
}

/// Rows that must have ended: a leaf without a row stands for what it would have waited for.
indices rows_before(const effect_leaf& leaf, const std::map<std::uint32_t, indices>& rowless) {
    indices out;
    for (const auto before : leaf.after) {
        const auto index = static_cast<std::uint32_t>(before);
        const auto found = rowless.find(index);
        if (found == rowless.end()) {
            out.insert(index);
        } else {
            out.insert(found->second.begin(), found->second.end());
        }
    }
    return out;
}

}  // namespace

effect_options options_of(const request_options& wanted) {
    effect_options out;
    out.attempts = wanted.retry.attempts_max;
    out.first = wanted.retry.first;
    out.factor = wanted.retry.factor;
    out.cap = wanted.retry.cap;
    out.timeout = wanted.timeout;
    return out;
}

void plan_effects(decided& into, const std::vector<effect>& effects, instant now) {
    if (effects.empty()) return;
    std::map<std::uint32_t, indices> rowless;
    for (const auto& leaf : flatten(effects)) {
        const auto index = static_cast<std::uint32_t>(leaf.index);
        const auto before = rows_before(leaf, rowless);
        planned_effect planned;
        planned.index = index;
        planned.after.assign(before.begin(), before.end());
        if (const auto* sent = leaf.what.get_if<send_effect>()) {
            planned.kind = effect_kind::send;
            planned.target = sent->target;
            planned.message = encode(sent->command);
            into.effects.push_back(std::move(planned));
        } else if (const auto* asked = leaf.what.get_if<request_effect>()) {
            planned.kind = effect_kind::request;
            planned.message = encode(asked->value);
            planned.sequence_key = asked->options.sequence_key;
            planned.options = encode_options(options_of(asked->options));
            into.effects.push_back(std::move(planned));
        } else if (const auto* timer = leaf.what.get_if<schedule_effect>()) {
            rowless[index] = before;
            into.timers_set.push_back(
                {timer->name, due_of(*timer, now), encode(timer->command), {}});
        } else if (const auto* ended = leaf.what.get_if<cancel_effect>()) {
            rowless[index] = before;
            into.timers_cancelled.push_back(ended->name);
        }
    }
}

}  // namespace tidemark
