#pragma once

#include "tidemark/core/version.hpp"

#include <cstdint>

namespace tidemark {

/// How long to wait between attempts: `first`, then `factor` times more each time, never above
/// `cap`.
struct backoff_policy {
    enum class jitter : std::uint8_t {
        /// Uniform in [0, delay]: spreads a crowd best.
        full,
        /// Uniform in [delay / 2, delay].
        equal,
        /// Exactly the delay.
        none,
    };
    duration first = std::chrono::seconds{1};
    std::uint32_t factor = 2;
    duration cap = std::chrono::seconds{32};
    jitter spread = jitter::full;
};

/// The delay after failed attempt `attempt` (1 is the first; 0 counts as 1) before jitter.
[[nodiscard]] duration delay_after(const backoff_policy& policy, std::uint32_t attempt);

/// The delay with jitter. Pure: the same `random` (64 uniform bits) gives the same delay.
[[nodiscard]] duration backoff(const backoff_policy& policy, std::uint32_t attempt,
                               std::uint64_t random);

}  // namespace tidemark
