#pragma once

#include "tidemark/core/aggregate.hpp"
#include "tidemark/core/saga.hpp"
#include "tidemark/testing/difference.hpp"

#include <concepts>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace tidemark::testing {

/// The time at which a command without a context of its own is decided: 2020-01-01 00:00 UTC.
inline constexpr instant scenario_start{std::chrono::seconds{1'577'836'800}};

namespace detail {

[[nodiscard]] stream_id scenario_stream(std::string_view category);
[[nodiscard]] context context_at(std::string_view category, std::uint64_t version);
[[nodiscard]] step_context step_context_at(std::string_view category, std::uint64_t version);

/// What a scenario ends in, one line a part, so that two ends can be compared line by line.
template <class A>
[[nodiscard]] std::vector<std::string> parts_of(const decision<A>& made) {
    if (made.is_rejected()) return {text_of(made.refusal())};
    std::vector<std::string> lines;
    for (const auto& event : made.events()) {
        std::visit([&](const auto& e) { lines.push_back(text_of(e)); }, event);
    }
    for (const auto& effect : made.effects()) lines.push_back(text_of(effect));
    return lines;
}
template <class S>
[[nodiscard]] std::vector<std::string> parts_of(const steps<S>& made) {
    std::vector<std::string> lines;
    for (const auto& one : made.all()) {
        std::visit([&](const auto& step) { lines.push_back(text_of(step)); }, one);
    }
    return lines;
}

/// `decision<A>` of an aggregate, `steps<S>` of a saga.
template <class T>
struct end_of {
    using type = decision<T>;
};
template <looks_like_a_saga T>
struct end_of<T> {
    using type = steps<T>;
};

}  // namespace detail

/// What a command led to, or an input. Compares with a whole decision (or steps) and with a single
/// part of one; printed after a comparison that failed it shows the difference line by line.
template <class T>
class [[nodiscard]] scenario_end {
  public:
    /// `decision<T>` or `steps<T>`.
    using made_type = typename detail::end_of<T>::type;

    scenario_end(made_type made, typename T::state state)
        : made_{std::move(made)}, state_{std::move(state)} {}

    /// The decision, or the steps.
    [[nodiscard]] const made_type& made() const { return made_; }
    /// The state after what was decided (of a saga: after the input).
    [[nodiscard]] const typename T::state& state() const { return state_; }

    /// Demands exactly these parts, in this order; no parts: nothing was decided. Throws
    /// `scenario_mismatch` with the difference. For test frameworks that do not print operands.
    template <class... Parts>
    const scenario_end& then(Parts&&... parts) const {
        const made_type expected{std::forward<Parts>(parts)...};
        if (!(made_ == expected)) throw scenario_mismatch{difference_to(expected)};
        return *this;
    }

    friend bool operator==(const scenario_end& end, const made_type& expected) {
        return end.compare(expected);
    }
    template <class Part>
        requires(!std::same_as<Part, scenario_end> && !std::same_as<Part, made_type>)
    friend bool operator==(const scenario_end& end, const Part& part) {
        return end.compare(made_type{part});
    }

    friend std::ostream& operator<<(std::ostream& out, const scenario_end& end) {
        return print_text(
            out, end.unequal_.empty() ? joined(detail::parts_of(end.made_)) : end.unequal_);
    }

  private:
    [[nodiscard]] std::string difference_to(const made_type& expected) const {
        return difference(detail::parts_of(expected), detail::parts_of(made_));
    }
    [[nodiscard]] bool compare(const made_type& expected) const {
        const bool is_equal = made_ == expected;
        unequal_ = is_equal ? std::string{} : difference_to(expected);
        return is_equal;
    }

    made_type made_;
    typename T::state state_;
    /// The difference to what it was last compared with; empty if it was equal.
    mutable std::string unequal_;
};

/// The past of an aggregate (its events) or of a saga (its inputs). Reusable: `when` changes
/// nothing.
template <class T>
class scenario_past {
  public:
    template <class... Past>
    explicit scenario_past(Past&&... past) {
        (add(std::forward<Past>(past)), ...);
    }

    /// Decides one command on it, or reacts to one input.
    scenario_end<T> when(inbox_of<T> message) const {
        if constexpr (looks_like_a_saga<T>) {
            return when(std::move(message), detail::step_context_at(T::category, count_));
        } else {
            return when(std::move(message), detail::context_at(T::category, count_));
        }
    }
    scenario_end<T> when(inbox_of<T> message, const context& given) const
        requires(!looks_like_a_saga<T>)
    {
        auto state = state_;
        auto made = reduce<T>(state, message, given);
        return {std::move(made), std::move(state)};
    }
    scenario_end<T> when(inbox_of<T> message, const step_context& given) const
        requires looks_like_a_saga<T>
    {
        auto state = state_;
        auto made = react<T>(state, message, given);
        evolve<T>(state, message);
        return {std::move(made), std::move(state)};
    }

    [[nodiscard]] const typename T::state& state() const { return state_; }

  private:
    template <class Message>
    void add(Message&& message) {
        evolve<T>(state_, std::forward<Message>(message));
        ++count_;
    }

    typename T::state state_{};
    std::uint64_t count_ = 0;
};

/// Starts a test of pure rules in one expression:
/// `given<account>(account::opened{"ada"}).when(account::withdraw{money{40}})`. Without a context
/// the command is decided at `scenario_start`, at the version that the events give.
template <class T, class... Past>
[[nodiscard]] scenario_past<T> given(Past&&... past) {
    return scenario_past<T>{std::forward<Past>(past)...};
}

}  // namespace tidemark::testing
