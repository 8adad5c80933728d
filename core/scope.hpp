#pragma once

#include "tidemark/core/aggregate.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace tidemark {

// Never defined: the first line of the error of a scope that does not fit its parent.
template <class Parent, class Wrapped>
struct no_message_with_one_field_wraps;
template <class Parent, class Wrapped>
struct two_messages_wrap;

namespace detail {

template <class M, class Wrapped>
consteval bool wraps(boost::describe::detail::list<>*) {
    return false;
}
template <class M, class Wrapped, class D, class... More>
consteval bool wraps(boost::describe::detail::list<D, More...>*) {
    return sizeof...(More) == 0 && std::same_as<field_type<D>, Wrapped>;
}

template <class Wrapped, class... M>
auto find_wrapper(types<M...>)
    -> join_types<std::conditional_t<wraps<M, Wrapped>(static_cast<field_list<M>*>(nullptr)),
                                     types<M>, types<>>...>;

template <class Parent, class Wrapped, class Found>
struct only_wrapper {
    static_assert(sizeof(two_messages_wrap<Parent, Wrapped>) > 0);
};
template <class Parent, class Wrapped>
struct only_wrapper<Parent, Wrapped, types<>> {
    static_assert(sizeof(no_message_with_one_field_wraps<Parent, Wrapped>) > 0);
};
template <class Parent, class Wrapped, class M>
struct only_wrapper<Parent, Wrapped, types<M>> {
    using type = M;
};

template <class Parent, class Messages, class Wrapped>
using wrapper_of =
    typename only_wrapper<Parent, Wrapped,
                          decltype(find_wrapper<Wrapped>(types_of<Messages>{}))>::type;

template <class M>
const auto& only_field(const M& message) {
    return [&]<class D>(boost::describe::detail::list<D>*) -> const auto& {
        return message.*D::pointer;
    }(static_cast<field_list<M>*>(nullptr));
}

/// Rewrites the effects of a child so that they mean the same on the parent's stream: timer names
/// get the prefix, `wrap` puts commands to oneself into the parent's.
[[nodiscard]] effect scoped_effect(const effect& child, std::string_view prefix,
                                   any_message (*wrap)(const any_message&));

}  // namespace detail

/// Runs the aggregate `Child` inside one member of `Parent`'s state, on the parent's stream:
///
///     using basket_scope = tidemark::scope<order, basket, &order::state::basket>;
///     order::decision order::decide(const state& s, const basket_command& c, const context& x) {
///         return basket_scope::decide(s, c, x);
///     }
///     void order::evolve(state& s, const basket_event& e) { basket_scope::evolve(s, e); }
///
/// where `basket_command` and `basket_event` are messages of the parent with one field of type
/// `basket::command` and `basket::event`. The child's timers are named "basket.<name>" and come
/// back wrapped; its requests and sends are the parent's. Where several members hold a child of one
/// type, name the two wrappers as further arguments.
template <class Parent, class Child, auto Member, class... Wrappers>
struct scope;

template <class Parent, class Child, auto Member>
struct scope<Parent, Child, Member>
    : scope<Parent, Child, Member,
            detail::wrapper_of<Parent, typename Parent::command, typename Child::command>,
            detail::wrapper_of<Parent, typename Parent::event, typename Child::event>> {};

template <class Parent, class Child, auto Member, class CommandWrapper, class EventWrapper>
struct scope<Parent, Child, Member, CommandWrapper, EventWrapper> {
    static decision<Parent> decide(const typename Parent::state& s, const CommandWrapper& command,
                                   const context& context) {
        const auto decided =
            tidemark::decide<Child>(s.*Member, detail::only_field(command), context);
        decision<Parent> wrapped;
        if (decided.is_rejected()) return wrapped.add(decided.refusal());
        for (const auto& e : decided.events()) wrapped.add(EventWrapper{e});
        for (const auto& e : decided.effects()) {
            wrapped.add(detail::scoped_effect(e, member_name(), &wrap));
        }
        return wrapped;
    }

    static void evolve(typename Parent::state& s, const EventWrapper& event) {
        tidemark::evolve<Child>(s.*Member, detail::only_field(event));
    }

  private:
    template <class C>
    static bool put(std::optional<any_message>& wrapped, const any_message& command) {
        const auto* found = command.get_if<C>();
        if (found == nullptr) return false;
        wrapped = any_message{CommandWrapper{typename Child::command{*found}}};
        return true;
    }
    static any_message wrap(const any_message& command) {
        return [&]<class... C>(types<C...>) {
            std::optional<any_message> wrapped;
            const bool found = (put<C>(wrapped, command) || ...);
            TIDEMARK_ASSERT(found, "a timer of a child carries one of the child's commands");
            return *std::move(wrapped);
        }(types_of<typename Child::command>{});
    }
    static constexpr std::string_view member_name() {
        std::string_view name;
        for_each_field<typename Parent::state>([&]<class D>(D) {
            if constexpr (std::same_as<std::remove_cv_t<decltype(D::pointer)>,
                                       std::remove_cv_t<decltype(Member)>>) {
                if (D::pointer == Member) name = D::name;
            }
        });
        return name;
    }
    static_assert(!member_name().empty(), "list the member in TIDEMARK_STATE of the parent");
};

}  // namespace tidemark
