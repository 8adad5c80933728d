#pragma once

#include "tidemark/core/version.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace tidemark {

/// For how long there has been something that a reader has not taken in, by the reader's own steady
/// clock: since it first heard that the end is behind it. So no other machine's clock can make it
/// negative or absurd; what was there before the first look counts from that look. Pure; keeps at
/// most `looks_max` looks, and says up to a thirtieth too much.
class lag_clock {
  public:
    /// The end is at `end` (an offset, a position), seen at `now`. One before the last end: what
    /// was there is gone, and it begins anew.
    void saw(std::uint64_t end, duration now);
    /// How long what lies between `next` and the end has been there at most; 0: nothing does. The
    /// reader does not go back.
    [[nodiscard]] duration behind(std::uint64_t next, duration now);

    static constexpr std::size_t looks_max = 64;

  private:
    struct look {
        std::uint64_t end = 0;
        duration at{};
    };
    void thin_out();

    std::deque<look> looks_;
    std::uint64_t end_ = 0;
    /// Looks closer together are one.
    duration apart_ = closest;
    static constexpr duration closest = std::chrono::milliseconds{100};
};

}  // namespace tidemark
