#include "tidemark/async/backoff.hpp"

#include <algorithm>

namespace tidemark {
namespace {

/// Uniform in [0, span] from 64 uniform bits, by the high half of the product.
duration part_of(duration span, std::uint64_t random) {
    __extension__ using wide = unsigned __int128;
    const auto size = static_cast<std::uint64_t>(span.count()) + 1;
    const auto scaled = static_cast<wide>(random) * size;
    return duration{static_cast<duration::rep>(static_cast<std::uint64_t>(scaled >> 64U))};
}

}  // namespace

duration delay_after(const backoff_policy& policy, std::uint32_t attempt) {
    const auto cap = std::max(policy.cap, duration{0});
    auto delay = std::clamp(policy.first, duration{0}, cap);
    for (auto n = std::uint32_t{1}; n < attempt && delay < cap; ++n) {
        if (policy.factor <= 1 || delay == duration{0}) break;
        const auto factor = static_cast<duration::rep>(policy.factor);
        delay = delay.count() > cap.count() / factor ? cap : delay * factor;
    }
    return delay;
}

duration backoff(const backoff_policy& policy, std::uint32_t attempt, std::uint64_t random) {
    const auto delay = delay_after(policy, attempt);
    switch (policy.spread) {
        case backoff_policy::jitter::none:
            return delay;
        case backoff_policy::jitter::equal:
            return delay - part_of(delay / 2, random);
        case backoff_policy::jitter::full:
            break;
    }
    return part_of(delay, random);
}

}  // namespace tidemark
