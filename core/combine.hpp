#pragma once

#include "tidemark/core/aggregate.hpp"

namespace tidemark {

// Never defined: the first line of the error of halves that do not fit together.
template <class First, class Other>
struct halves_differ_in_state_command_or_event;

namespace detail {

template <class First, class Other>
consteval bool verify_half() {
    if constexpr (std::same_as<typename First::state, typename Other::state> &&
                  std::same_as<typename First::command, typename Other::command> &&
                  std::same_as<typename First::event, typename Other::event>) {
        return true;
    } else {
        return sizeof(halves_differ_in_state_command_or_event<First, Other>) > 0;
    }
}

template <class Half, class C>
concept half_decides = decides_plain<Half, C, typename Half::decision> ||
                       decides_with_context<Half, C, typename Half::decision>;

}  // namespace detail

/// An aggregate whose rules are written in parts. The parts share state, commands and events; each
/// decides the commands it has a `decide` for, on the same state. Their decisions are joined in
/// order, and the first rejection wins. Likewise every part that has an `evolve` for an event
/// evolves the state, in order. A command or event that no part knows does not compile
/// (`no_decide_for`, `no_evolve_for`).
template <class First, class... Rest>
struct combine {
    static_assert((detail::verify_half<First, Rest>() && ...));

    static constexpr std::string_view category = First::category;
    using command = typename First::command;
    using event = typename First::event;
    using state = typename First::state;
    using requests = join_types<requests_of<First>, requests_of<Rest>...>;
    using decision = tidemark::decision<combine>;

    template <class C>
        requires(detail::half_decides<First, C> || ... || detail::half_decides<Rest, C>)
    static decision decide(const state& s, const C& command, const context& context) {
        decision joined;
        add<First>(joined, s, command, context);
        (add<Rest>(joined, s, command, context), ...);
        return joined;
    }

    template <class E>
        requires(detail::evolves<First, E> || ... || detail::evolves<Rest, E>)
    static void evolve(state& s, const E& event) {
        carry<First>(s, event);
        (carry<Rest>(s, event), ...);
    }

  private:
    template <class Half, class C>
    static void add(decision& joined, const state& s, const C& command, const context& context) {
        if (joined.is_rejected()) return;
        if constexpr (detail::decides_with_context<Half, C, typename Half::decision>) {
            joined.add(Half::decide(s, command, context));
        } else if constexpr (detail::decides_plain<Half, C, typename Half::decision>) {
            joined.add(Half::decide(s, command));
        }
    }
    template <class Half, class E>
    static void carry(state& s, const E& event) {
        if constexpr (detail::evolves<Half, E>) Half::evolve(s, event);
    }
};

}  // namespace tidemark
