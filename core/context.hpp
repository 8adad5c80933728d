#pragma once

#include "tidemark/core/ids.hpp"
#include "tidemark/core/version.hpp"

#include <cstdint>

namespace tidemark {

/// Deterministic random numbers handed to `decide` as data (SplitMix64, Steele, Lea and Flood
/// 2014). The seed derives from the command id, so deciding again gives the same numbers.
class random_source {
  public:
    constexpr random_source() = default;
    explicit constexpr random_source(std::uint64_t seed) : state_{seed} {}

    constexpr std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15ULL;
        auto z = state_;
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31U);
    }
    /// Uniform in [0, bound); 0 for a bound of 0.
    constexpr std::uint64_t below(std::uint64_t bound) {
        if (bound == 0) return 0;
        const auto limit = UINT64_MAX - UINT64_MAX % bound;
        for (;;) {
            if (const auto value = next(); value < limit) return value % bound;
        }
    }
    /// Uniform in [0, 1).
    constexpr double unit() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

  private:
    std::uint64_t state_ = 0;
};

/// Everything a decision may know besides state and command. A value: the same context, state and
/// command always give the same decision.
struct context {
    /// The time at which the command is decided.
    instant now{};
    /// The stream the command is decided on.
    stream_id stream;
    /// The version the decision is made on.
    tidemark::version version;
    /// Id of the command.
    message_id command;
    /// The message that caused the command.
    message_id causation;
    /// The business transaction.
    message_id correlation;
    /// Seed for `random()`.
    std::uint64_t seed = 0;

    [[nodiscard]] random_source random() const { return random_source{seed}; }
};

}  // namespace tidemark
