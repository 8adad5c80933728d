#pragma once

#include "tidemark/core/ids.hpp"

#include <chrono>
#include <compare>
#include <cstdint>
#include <iosfwd>
#include <optional>

namespace tidemark {

/// A point in time: microseconds since the Unix epoch, UTC.
using instant = std::chrono::sys_time<std::chrono::microseconds>;
using duration = std::chrono::microseconds;

/// Index of an event in its stream. The first event has version 1; 0 means "no event yet".
class version {
  public:
    using rep = std::uint64_t;

    constexpr version() = default;
    explicit constexpr version(std::uint64_t value) : value_{value} {}
    [[nodiscard]] constexpr std::uint64_t value() const { return value_; }
    [[nodiscard]] constexpr version next(std::uint64_t count = 1) const {
        return version{value_ + count};
    }
    friend constexpr auto operator<=>(version, version) = default;
    friend std::ostream& operator<<(std::ostream& out, version v);

  private:
    std::uint64_t value_ = 0;
};

/// Index of an event in the event store. Positions grow in commit-safe order and may have gaps;
/// 0 is before the first event.
class position {
  public:
    using rep = std::uint64_t;

    constexpr position() = default;
    explicit constexpr position(std::uint64_t value) : value_{value} {}
    [[nodiscard]] constexpr std::uint64_t value() const { return value_; }
    friend constexpr auto operator<=>(position, position) = default;
    friend std::ostream& operator<<(std::ostream& out, position p);

  private:
    std::uint64_t value_ = 0;
};

/// What an append demands of the head of its stream.
class expected_version {
  public:
    /// No demand: the append queues behind the stream and never conflicts.
    [[nodiscard]] static constexpr expected_version any() { return {}; }
    /// The stream must have no events.
    [[nodiscard]] static constexpr expected_version none() { return exactly(version{}); }
    /// The head must have this version, whoever wrote it.
    [[nodiscard]] static constexpr expected_version exactly(version at) {
        expected_version out;
        out.version_ = at;
        return out;
    }
    /// The head must have this version *and* be this event. Demanded by every append that was
    /// decided on tentative state: otherwise a foreign write could make its predecessor fail and
    /// let it pass, on a state that never existed.
    [[nodiscard]] static constexpr expected_version exactly(version at, message_id head) {
        auto out = exactly(at);
        if (at != version{}) out.head_ = head;
        return out;
    }

    [[nodiscard]] constexpr bool is_any() const { return !version_.has_value(); }
    [[nodiscard]] constexpr const std::optional<tidemark::version>& at() const { return version_; }
    [[nodiscard]] constexpr const std::optional<message_id>& head() const { return head_; }

    friend constexpr bool operator==(const expected_version&, const expected_version&) = default;
    friend std::ostream& operator<<(std::ostream& out, const expected_version& expected);

  private:
    std::optional<tidemark::version> version_;
    std::optional<message_id> head_;
};

}  // namespace tidemark
