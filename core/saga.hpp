#pragma once

#include "tidemark/core/aggregate.hpp"
#include "tidemark/core/steps.hpp"

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace tidemark {

/// Input of a saga: a command it sent was refused, and will be for ever.
struct refused {
    /// Code of the rejection.
    std::string reason;
    /// Its sentence, often empty.
    std::string message{};
};

/// Input of a saga: a command it sent was accepted and caused none of the events the saga lists.
struct accepted {};

TIDEMARK_MESSAGE(refused, "tidemark.refused.v1", reason, message)
TIDEMARK_MESSAGE(accepted, "tidemark.accepted.v1")

/// What `react` may know besides state and input. A value.
struct step_context {
    /// The time at which the input is handled.
    instant now{};
    /// The saga's own stream.
    stream_id stream;
    /// Version of the saga's stream before this input.
    tidemark::version version;
    /// The stream that answered; the saga's own for timers, empty for `begin` from outside.
    stream_id source;
    /// Name of the step this input answers (`send(…).named("debit")`); empty: none or not named.
    std::string step{};
    /// Id of the command this input answers, or under which it came.
    message_id command;
    /// The business transaction.
    message_id correlation;
    /// Seed for `random()`.
    std::uint64_t seed = 0;

    [[nodiscard]] random_source random() const { return random_source{seed}; }
};

// Never defined: their names are the first line of the error a mistake gives.
template <class S, class Input>
struct no_react_for;
template <class S, class Input>
struct wrong_signature_of_react_for;
template <class S, class Input>
struct two_reacts_with_and_without_context_for;

namespace detail {

template <class S, class I>
concept reacts_plain =
    requires { static_cast<steps<S> (*)(const typename S::state&, const I&)>(&S::react); };
template <class S, class I>
concept reacts_with_context = requires {
    static_cast<steps<S> (*)(const typename S::state&, const I&, const step_context&)>(&S::react);
};
template <class S, class I>
concept reacts_somehow = requires(const typename S::state& s, const I& i) {
    S::react(s, i);
} || requires(const typename S::state& s, const I& i, const step_context& x) { S::react(s, i, x); };

template <class S, class I>
consteval bool verify_react() {
    if constexpr (reacts_plain<S, I> && reacts_with_context<S, I>) {
        return sizeof(two_reacts_with_and_without_context_for<S, I>) > 0;
    } else if constexpr (reacts_plain<S, I> || reacts_with_context<S, I>) {
        return true;
    } else if constexpr (reacts_somehow<S, I>) {
        return sizeof(wrong_signature_of_react_for<S, I>) > 0;
    } else {
        return sizeof(no_react_for<S, I>) > 0;
    }
}

template <class S, class... I>
consteval bool verify_inputs(types<I...>) {
    return (verify_react<S, I>() && ...) && (verify_evolve<S, I>() && ...);
}

/// True, or a compile error that names what is missing.
template <class S>
consteval bool verify_saga() {
    return verify_category<S>() && verify_inputs<S>(types_of<typename S::input>{}) &&
           verify_messages<S>(join_types<typename S::input, requests_of<S>>{}) && verify_state<S>();
}

}  // namespace detail

/// Has the member types of a saga, whatever its functions look like.
template <class S>
concept looks_like_a_saga = requires {
    { S::category } -> std::convertible_to<std::string_view>;
    typename S::input;
    typename S::state;
    requires is_variant<typename S::input>;
    requires std::same_as<typename S::steps, steps<S>>;
    requires std::default_initializable<typename S::state> && std::copyable<typename S::state>;
};

/// Long-running coordination: a `react` for every input, with or without `step_context`, and an
/// `evolve` for every input, or one generic one. What is missing is named by the first line of the
/// error: `no_react_for<bank::transfer, bank::transfer::late>`.
template <class S>
concept saga = looks_like_a_saga<S> && detail::verify_saga<S>();

/// What the saga does on an input; pure.
template <looks_like_a_saga S>
[[nodiscard]] steps<S> react(const typename S::state& state, const typename S::input& input,
                             const step_context& context) {
    static_assert(saga<S>);
    return std::visit(
        [&]<class I>(const I& i) -> steps<S> {
            if constexpr (detail::reacts_with_context<S, I>) {
                return S::react(state, i, context);
            } else {
                return S::react(state, i);
            }
        },
        input);
}

/// Carries one input into the state.
template <looks_like_a_saga S>
void evolve(typename S::state& state, const typename S::input& input) {
    static_assert(saga<S>);
    std::visit([&](const auto& i) { S::evolve(state, i); }, input);
}

/// The state after a range of inputs (`S::input`), in order.
template <looks_like_a_saga S, class Inputs>
[[nodiscard]] typename S::state fold(const Inputs& inputs, typename S::state from = {}) {
    for (const auto& i : inputs) evolve<S>(from, i);
    return from;
}

}  // namespace tidemark
