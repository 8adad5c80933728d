#pragma once

#include "tidemark/core/assert.hpp"
#include "tidemark/core/effect.hpp"
#include "tidemark/core/types.hpp"

#include <boost/container/small_vector.hpp>

#include <concepts>
#include <iosfwd>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace tidemark {

/// A string literal and nothing else: its text lives for ever.
struct literal {
    std::string_view text;
    template <std::size_t N>
        requires(N > 1)
    consteval literal(const char (&chars)[N])  // NOLINT(google-explicit-constructor)
        : text{chars, N - 1} {}
};

/// The domain said no: a stable code for programs and, if it helps, a sentence for people. A
/// refusal without a sentence allocates nothing.
struct rejection {
    /// Outlives the rejection: a literal in a decision.
    std::string_view code;
    std::string message{};

    friend bool operator==(const rejection&, const rejection&) = default;
    friend std::ostream& operator<<(std::ostream& out, const rejection& r);
};

/// Refuses a command: `return tidemark::reject("insufficient_funds")`.
[[nodiscard]] inline rejection reject(literal code, std::string message = {}) {
    return {code.text, std::move(message)};
}

// Never defined: the first line of the error a wrong part of a decision gives.
template <class Aggregate, class Part>
struct neither_an_event_nor_an_effect_of;
template <class Aggregate, class Step>
struct only_sagas_undo_name_or_pivot;
template <class Aggregate, class Request>
struct not_a_request_of;
template <class Aggregate>
struct a_rejection_stands_alone_in_a_decision_of;

template <class A>
class decision;

namespace detail {

// Kinds of effects as a decision sees them: each names the mistake it can carry.
template <class A, class Part>
struct effect_part : std::false_type {};
template <class A, class Part>
    requires one_of<Part, effect::variant> || std::same_as<Part, effect>
struct effect_part<A, Part> : std::true_type {
    static consteval bool verify() { return true; }
};
template <class A, class Target>
struct effect_part<A, sent<Target>> : std::true_type {
    static consteval bool verify() { return true; }
};
template <class A, class Command>
struct effect_part<A, scheduled<Command>> : std::true_type {
    static consteval bool verify() { return verify_sendable<A, Command>(); }
};
template <class A, class Request>
struct effect_part<A, requested<Request>> : std::true_type {
    static consteval bool verify() {
        if constexpr (one_of<Request, requests_of<A>>) {
            return true;
        } else {
            return sizeof(not_a_request_of<A, Request>) > 0;
        }
    }
};
template <class A, class Step>
struct saga_only_part : std::true_type {
    static consteval bool verify() { return sizeof(only_sagas_undo_name_or_pivot<A, Step>) > 0; }
};
template <class A, class Target>
struct effect_part<A, step_to<Target>> : saga_only_part<A, step_to<Target>> {};
template <class A, class Request>
struct effect_part<A, step_asking<Request>> : saga_only_part<A, step_asking<Request>> {};

template <class A, class Part>
consteval bool verify_part() {
    if constexpr (effect_part<A, Part>::value) {
        return effect_part<A, Part>::verify();
    } else {
        return sizeof(neither_an_event_nor_an_effect_of<A, Part>) > 0;
    }
}
template <class A, class... Parts>
struct effect_part<A, sequence<Parts...>> : std::true_type {
    static consteval bool verify() { return (verify_part<A, Parts>() && ...); }
};
template <class A, class... Parts>
struct effect_part<A, parallel<Parts...>> : std::true_type {
    static consteval bool verify() { return (verify_part<A, Parts>() && ...); }
};

template <class T>
inline constexpr bool is_decision = false;
template <class A>
inline constexpr bool is_decision<decision<A>> = true;

void write_events_begin(value_sink& sink);
void write_effects_end(value_sink& sink, const std::vector<effect>& effects);
void write_rejection(value_sink& sink, const rejection& refusal);

}  // namespace detail

/// What an aggregate decided: events and effects, or a rejection. Its parts stand in any order:
/// `return {withdrawn{c.amount}, tidemark::cancel("dormancy")};` An empty decision is valid.
template <class A>
class [[nodiscard]] decision {
  public:
    using event = typename A::event;
    using event_list = boost::container::small_vector<event, 2>;

    decision() = default;
    decision(rejection refusal)  // NOLINT(google-explicit-constructor)
        : refusal_{std::move(refusal)} {
        TIDEMARK_ASSERT(!refusal_.code.empty(), "a rejection has a code");
    }
    template <class Part>
        requires(!std::same_as<std::remove_cvref_t<Part>, decision> &&
                 !std::same_as<std::remove_cvref_t<Part>, rejection>)
    decision(Part&& part) {  // NOLINT(google-explicit-constructor)
        add(std::forward<Part>(part));
    }
    template <class First, class Second, class... Rest>
    decision(First&& first, Second&& second, Rest&&... rest) {
        if constexpr ((std::same_as<std::remove_cvref_t<First>, rejection> || ... ||
                       std::same_as<std::remove_cvref_t<Rest>, rejection>) ||
                      std::same_as<std::remove_cvref_t<Second>, rejection>) {
            static_assert(sizeof(a_rejection_stands_alone_in_a_decision_of<A>) > 0);
        } else {
            add(std::forward<First>(first));
            add(std::forward<Second>(second));
            (add(std::forward<Rest>(rest)), ...);
        }
    }

    /// Adds an event, an effect, or all of another decision over the same events. A rejection
    /// replaces everything added before; nothing can be added to a rejected decision any more, so
    /// the first rejection wins.
    template <class Part>
    decision& add(Part&& part) {
        using plain = std::remove_cvref_t<Part>;
        if (is_rejected()) return *this;
        if constexpr (one_of<plain, event>) {
            events_.emplace_back(std::in_place_type<plain>, std::forward<Part>(part));
        } else if constexpr (std::same_as<plain, event>) {
            events_.push_back(std::forward<Part>(part));
        } else if constexpr (std::same_as<plain, rejection>) {
            *this = decision{plain{std::forward<Part>(part)}};
        } else if constexpr (detail::is_decision<plain>) {
            join(std::forward<Part>(part));
        } else {
            static_assert(detail::verify_part<A, plain>());
            // A wrong part has said so above; no second error for what cannot be converted.
            if constexpr (std::convertible_to<Part, effect>) {
                effects_.push_back(std::forward<Part>(part));
            }
        }
        return *this;
    }

    [[nodiscard]] bool is_rejected() const { return !refusal_.code.empty(); }
    /// The rejection; only of a rejected decision.
    [[nodiscard]] const rejection& refusal() const {
        TIDEMARK_ASSERT(is_rejected(), "only a rejected decision has a refusal");
        return refusal_;
    }
    [[nodiscard]] const event_list& events() const { return events_; }
    [[nodiscard]] const std::vector<effect>& effects() const { return effects_; }
    /// Neither events, nor effects, nor a rejection.
    [[nodiscard]] bool is_empty() const {
        return !is_rejected() && events_.empty() && effects_.empty();
    }
    /// Moves the parts out.
    [[nodiscard]] event_list take_events() && { return std::move(events_); }
    [[nodiscard]] std::vector<effect> take_effects() && { return std::move(effects_); }

    /// Tells the decision to the sink, for tests and logs.
    void write(value_sink& sink) const {
        if (is_rejected()) return detail::write_rejection(sink, refusal_);
        detail::write_events_begin(sink);
        for (const auto& e : events_) walk(sink, e);
        detail::write_effects_end(sink, effects_);
    }

    friend bool operator==(const decision& a, const decision& b) {
        return a.refusal_ == b.refusal_ && a.events_ == b.events_ && a.effects_ == b.effects_;
    }
    friend std::ostream& operator<<(std::ostream& out, const decision& d) {
        return print_written(
            out, {},
            [](value_sink& sink, const void* erased) {
                static_cast<const decision*>(erased)->write(sink);
            },
            &d);
    }

  private:
    template <class Other>
    void join(Other&& other) {
        if (other.is_rejected()) {
            *this = decision{other.refusal()};
            return;
        }
        for (const auto& e : other.events()) add(e);
        for (const auto& e : other.effects()) effects_.push_back(e);
    }

    event_list events_;
    std::vector<effect> effects_;
    // An empty code: not rejected.
    rejection refusal_;
};

}  // namespace tidemark
