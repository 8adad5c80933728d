#include "tidemark/core/scope.hpp"

namespace tidemark::detail {
namespace {

std::string prefixed(std::string_view prefix, const std::string& name) {
    std::string out{prefix};
    out += '.';
    out += name;
    return out;
}

struct rewriter {
    std::string_view prefix;
    any_message (*wrap)(const any_message&);

    effect operator()(const send_effect& e) const { return e; }
    effect operator()(const request_effect& e) const { return e; }
    effect operator()(const cancel_effect& e) const {
        return cancel_effect{prefixed(prefix, e.name)};
    }
    effect operator()(const schedule_effect& e) const {
        return schedule_effect{prefixed(prefix, e.name), e.when, wrap(e.command)};
    }
    effect operator()(const sequence_effect& e) const { return sequence_effect{all(e.effects)}; }
    effect operator()(const parallel_effect& e) const { return parallel_effect{all(e.effects)}; }

  private:
    [[nodiscard]] std::vector<effect> all(const std::vector<effect>& effects) const {
        std::vector<effect> out;
        out.reserve(effects.size());
        for (const auto& e : effects) out.push_back(std::visit(*this, e.value()));
        return out;
    }
};

}  // namespace

effect scoped_effect(const effect& child, std::string_view prefix,
                     any_message (*wrap)(const any_message&)) {
    return std::visit(rewriter{prefix, wrap}, child.value());
}

}  // namespace tidemark::detail
