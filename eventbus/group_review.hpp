#pragma once

#include "tidemark/core/version.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace tidemark {

/// When a member of a group looks whether the group holds every partition of its topic: once after
/// each assignment, when it has had nothing to do for a while. While partitions are missing it has
/// to join again, ever more seldom: a group may leave some out on purpose. Pure; times are those of
/// a steady clock.
class group_review {
  public:
    /// What a look has brought.
    enum class finding : std::uint8_t {
        whole,
        missing,
        /// Not now: the group is between two assignments, or nobody answers.
        unknown,
        /// Never: these brokers cannot be asked.
        unknowable,
    };

    explicit group_review(duration patience) : patience_{patience} {}

    /// Partitions were dealt out, or taken away.
    void rebalanced(bool is_assigned) {
        is_due_ = is_assigned;
        at_.reset();
    }
    /// How long until a look is due; nothing: none is.
    [[nodiscard]] std::optional<duration> wait(duration now) {
        if (!is_due_) return std::nullopt;
        if (!at_) at_ = now + patience_ * (1U << std::min(missed_, doublings_max));
        return std::max(*at_ - now, duration{0});
    }
    /// A look is over. True: join again.
    [[nodiscard]] bool looked(finding what) {
        at_.reset();
        is_due_ = what == finding::unknown;
        if (what == finding::whole) missed_ = 0;
        if (what != finding::missing) return false;
        ++missed_;
        return true;
    }

  private:
    static constexpr unsigned doublings_max = 6;

    duration patience_;
    bool is_due_ = false;
    std::optional<duration> at_;
    /// Looks in a row that found partitions missing.
    unsigned missed_ = 0;
};

}  // namespace tidemark
