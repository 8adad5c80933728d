#pragma once

#include "tidemark/core/context.hpp"
#include "tidemark/core/decision.hpp"
#include "tidemark/core/message.hpp"
#include "tidemark/core/types.hpp"

#include <concepts>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace tidemark {

// Never defined: their names are the first line of the error a mistake gives.
template <class A, class Command>
struct no_decide_for;
template <class A, class Command>
struct wrong_signature_of_decide_for;
template <class A, class Command>
struct two_decides_with_and_without_context_for;
template <class A, class Event>
struct no_evolve_for;
template <class A, class Event>
struct wrong_signature_of_evolve_for;
template <class A, class Type>
struct no_tidemark_message_for;
template <class A>
struct no_tidemark_state_for;
template <class A, class Message>
struct stored_name_used_twice_in;
template <class A>
struct category_is_not_lower_case_letters_digits_and_underscores_in;

namespace detail {

// The exact signature: an implicit conversion must not let a missing overload pass.
template <class A, class C, class Decision>
concept decides_plain =
    requires { static_cast<Decision (*)(const typename A::state&, const C&)>(&A::decide); };
template <class A, class C, class Decision>
concept decides_with_context = requires {
    static_cast<Decision (*)(const typename A::state&, const C&, const context&)>(&A::decide);
};
template <class A, class C>
concept decides_somehow = requires(const typename A::state& s, const C& c) {
    A::decide(s, c);
} || requires(const typename A::state& s, const C& c, const context& x) { A::decide(s, c, x); };

template <class A, class E>
concept evolves = requires { static_cast<void (*)(typename A::state&, const E&)>(&A::evolve); };
template <class A, class E>
concept evolves_somehow = requires(typename A::state& s, const E& e) { A::evolve(s, e); };

template <class A, class C>
consteval bool verify_decide() {
    constexpr bool plain = decides_plain<A, C, typename A::decision>;
    constexpr bool with_context = decides_with_context<A, C, typename A::decision>;
    if constexpr (plain && with_context) {
        return sizeof(two_decides_with_and_without_context_for<A, C>) > 0;
    } else if constexpr (plain || with_context) {
        return true;
    } else if constexpr (decides_somehow<A, C>) {
        return sizeof(wrong_signature_of_decide_for<A, C>) > 0;
    } else {
        return sizeof(no_decide_for<A, C>) > 0;
    }
}

template <class A, class E>
consteval bool verify_evolve() {
    if constexpr (evolves<A, E>) {
        return true;
    } else if constexpr (evolves_somehow<A, E>) {
        return sizeof(wrong_signature_of_evolve_for<A, E>) > 0;
    } else {
        return sizeof(no_evolve_for<A, E>) > 0;
    }
}

template <class A, class M>
consteval bool verify_message() {
    if constexpr (message<M>) {
        return true;
    } else {
        return sizeof(no_tidemark_message_for<A, M>) > 0;
    }
}

template <class A, class M, class... Others>
consteval bool verify_name_is_single() {
    if constexpr (((stored_name<M>() == stored_name<Others>()) || ...)) {
        return sizeof(stored_name_used_twice_in<A, M>) > 0;
    } else {
        return true;
    }
}

template <class A>
consteval bool verify_names_differ(types<>) {
    return true;
}
template <class A, class First, class... Rest>
consteval bool verify_names_differ(types<First, Rest...>) {
    return verify_name_is_single<A, First, Rest...>() && verify_names_differ<A>(types<Rest...>{});
}

template <class A, class... M>
consteval bool verify_messages(types<M...> all) {
    if constexpr ((message<M> && ...)) {
        return verify_names_differ<A>(all);
    } else {
        return (verify_message<A, M>() && ...);
    }
}

template <class A>
consteval bool verify_state() {
    if constexpr (stored<typename A::state>) {
        return true;
    } else {
        return sizeof(no_tidemark_state_for<A>) > 0;
    }
}

[[nodiscard]] constexpr bool is_category(std::string_view text) {
    if (text.empty() || text.size() > 64) return false;
    for (const char c : text) {
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_') return false;
    }
    return true;
}

template <class A>
consteval bool verify_category() {
    if constexpr (is_category(A::category)) {
        return true;
    } else {
        return sizeof(category_is_not_lower_case_letters_digits_and_underscores_in<A>) > 0;
    }
}

template <class A, class... C, class... E>
consteval bool verify_functions(types<C...>, types<E...>) {
    return (verify_decide<A, C>() && ...) && (verify_evolve<A, E>() && ...);
}

/// True, or a compile error that names what is missing.
template <class A>
consteval bool verify_aggregate() {
    return verify_category<A>() &&
           verify_functions<A>(types_of<typename A::command>{}, types_of<typename A::event>{}) &&
           verify_messages<A>(
               join_types<typename A::command, typename A::event, requests_of<A>>{}) &&
           verify_state<A>();
}

}  // namespace detail

/// Has the member types of an aggregate, whatever its functions look like.
template <class A>
concept looks_like_an_aggregate = requires {
    { A::category } -> std::convertible_to<std::string_view>;
    typename A::command;
    typename A::event;
    typename A::state;
    requires is_variant<typename A::command> && is_variant<typename A::event>;
    requires std::same_as<typename A::decision, decision<A>>;
    requires std::default_initializable<typename A::state> && std::copyable<typename A::state>;
};

/// State plus rules kept consistent together: a `decide` for every command, an `evolve` for every
/// event, all messages described. What is missing is named by the first line of the error:
/// `no_decide_for<bank::account, bank::account::open>`.
template <class A>
concept aggregate = looks_like_an_aggregate<A> && detail::verify_aggregate<A>();

/// The decision on a command; pure.
template <looks_like_an_aggregate A>
[[nodiscard]] decision<A> decide(const typename A::state& state, const typename A::command& command,
                                 const context& context) {
    static_assert(aggregate<A>);
    return std::visit(
        [&]<class C>(const C& c) -> decision<A> {
            if constexpr (detail::decides_with_context<A, C, decision<A>>) {
                return A::decide(state, c, context);
            } else {
                return A::decide(state, c);
            }
        },
        command);
}

/// Carries one event into the state.
template <looks_like_an_aggregate A>
void evolve(typename A::state& state, const typename A::event& event) {
    static_assert(aggregate<A>);
    std::visit([&](const auto& e) { A::evolve(state, e); }, event);
}

/// The state after a range of events (`A::event`), in order.
template <looks_like_an_aggregate A, class Events>
[[nodiscard]] typename A::state fold(const Events& events, typename A::state from = {}) {
    for (const auto& e : events) evolve<A>(from, e);
    return from;
}

/// Decides and carries what was decided into the state. If `decide` throws the state is unchanged;
/// if `evolve` throws it may be half way and must be thrown away.
template <looks_like_an_aggregate A>
decision<A> reduce(typename A::state& state, const typename A::command& command,
                   const context& context) {
    auto decided = decide<A>(state, command, context);
    for (const auto& e : decided.events()) evolve<A>(state, e);
    return decided;
}

}  // namespace tidemark
