#pragma once

#include "tidemark/codec/json_codec.hpp"
#include "tidemark/core/thrown.hpp"

#include <boost/mp11/algorithm.hpp>
#include <boost/mp11/list.hpp>

#include <array>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

/// Old stored messages become today's by pure functions, one step each:
///
///     struct account {
///         struct opened    { std::string owner; tidemark::instant at{}; };
///         struct opened_v1 { std::string owner; };  // as it was stored once
///         using upcasts = tidemark::types<opened_v1>;
///         static opened upcast(const opened_v1&);
///     };
///     TIDEMARK_MESSAGE(account::opened_v1, "account.opened.v1", owner)
///
/// Steps chain (v1 → v2 → v3), for events, commands and saga inputs alike. A saga need not repeat
/// what its `targets` declare. A cycle, a missing function and a chain that ends nowhere do not
/// compile.
namespace tidemark {
namespace upcasting {

// Declared, never defined: their names are the first line of the compiler's error.
template <class Owner, class Old>
struct no_upcast_for;
template <class Owner, class Old>
struct upcasts_run_in_a_cycle_through;
template <class Owner, class Last>
struct upcast_ends_in_no_current_message;

template <class Owner>
struct declared_upcasts {
    using type = boost::mp11::mp_list<>;
};
template <class Owner>
    requires requires { typename Owner::upcasts; }
struct declared_upcasts<Owner> {
    using type = boost::mp11::mp_rename<typename Owner::upcasts, boost::mp11::mp_list>;
};

template <class Owner, class Old>
inline constexpr bool declares =
    boost::mp11::mp_contains<typename declared_upcasts<Owner>::type, Old>::value;

template <class Owner, class Old>
consteval auto upcast_step() {
    if constexpr (requires(const Old& old) { Owner::upcast(old); }) {
        return std::type_identity<
            std::remove_cvref_t<decltype(Owner::upcast(std::declval<const Old&>()))>>{};
    } else {
        static_assert(sizeof(no_upcast_for<Owner, Old>) != 0);
    }
}

/// Where the chain that starts at `T` ends; `Seen` are the types on the way.
template <class Owner, class T, class... Seen>
consteval auto chain_end() {
    if constexpr ((std::is_same_v<T, Seen> || ...)) {
        static_assert(sizeof(upcasts_run_in_a_cycle_through<Owner, T>) != 0);
    } else if constexpr (declares<Owner, T>) {
        using next = typename decltype(upcast_step<Owner, T>())::type;
        return chain_end<Owner, next, T, Seen...>();
    } else {
        return std::type_identity<T>{};
    }
}

template <class Variant, class T>
inline constexpr bool holds = boost::mp11::mp_contains<Variant, T>::value;

template <class Owner, class T>
consteval bool is_current() {
    auto found = false;
    if constexpr (requires { typename Owner::event; }) {
        found = found || holds<typename Owner::event, T>;
    }
    if constexpr (requires { typename Owner::command; }) {
        found = found || holds<typename Owner::command, T>;
    }
    if constexpr (requires { typename Owner::input; }) {
        found = found || holds<typename Owner::input, T>;
    }
    return found;
}

/// True if `Old` of `Owner` becomes an alternative of `Variant`.
template <class Variant, class Owner, class Old>
consteval bool leads_to() {
    using last = typename decltype(chain_end<Owner, Old>())::type;
    if constexpr (!is_current<Owner, last>() && !holds<Variant, last>) {
        static_assert(sizeof(upcast_ends_in_no_current_message<Owner, last>) != 0);
    }
    return holds<Variant, last>;
}

template <class Variant, class Owner, class T>
void raise(Variant& target, const T& message) {
    if constexpr (declares<Owner, T>) {
        raise<Variant, Owner>(target, Owner::upcast(message));
    } else {
        target.template emplace<T>(message);
    }
}

template <class Variant, class Owner, class Old>
bool read_old(json_reader& in, void* target) {
    const auto start = in.mark();
    Old old{};
    if (!read_json(in, old)) return false;
    try {
        raise<Variant, Owner>(*static_cast<Variant*>(target), old);
        return true;
    } catch (...) {
        return in.fail_with(errc::user_code_threw, start,
                            "was read, but its upcast threw: " + thrown_text());
    }
}

template <class Owner, class Old>
struct old_message;

template <class Owner>
struct tag_with {
    template <class Old>
    using fn = old_message<Owner, Old>;
};
template <class Owner>
using old_messages_of =
    boost::mp11::mp_transform_q<tag_with<Owner>, typename declared_upcasts<Owner>::type>;

template <class Owner>
struct owners {
    using type = boost::mp11::mp_list<Owner>;
};
template <class Owner>
    requires requires { typename Owner::targets; }
struct owners<Owner> {
    using type = boost::mp11::mp_unique<boost::mp11::mp_push_front<
        boost::mp11::mp_rename<typename Owner::targets, boost::mp11::mp_list>, Owner>>;
};

template <class Variant>
struct leading_to {
    template <class Tagged>
    struct test;
    template <class Owner, class Old>
    struct test<old_message<Owner, Old>> : std::bool_constant<leads_to<Variant, Owner, Old>()> {};
    template <class Tagged>
    using fn = test<Tagged>;
};

template <class Variant, class Owner>
using relevant = boost::mp11::mp_copy_if_q<boost::mp11::mp_flatten<boost::mp11::mp_transform<
                                               old_messages_of, typename owners<Owner>::type>>,
                                           leading_to<Variant>>;

template <std::size_t N>
consteval bool are_distinct(const std::array<json_alternative, N>& known) {
    for (std::size_t i = 0; i < N; ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (known[i].name == known[j].name) return false;
        }
    }
    return true;
}

template <class Variant, class Olds>
struct known_messages;
template <class... Ms, class... Owners, class... Olds>
struct known_messages<std::variant<Ms...>, boost::mp11::mp_list<old_message<Owners, Olds>...>> {
    using variant = std::variant<Ms...>;
    static constexpr std::array<json_alternative, sizeof...(Ms) + sizeof...(Olds)> all{
        json_alternative{stored_name<Ms>(), &reading::read_into_variant<variant, Ms>}...,
        json_alternative{stored_name<Olds>(), &read_old<variant, Owners, Olds>}...};
    static_assert(are_distinct(all), "two messages of one set have the same stored name");
};

template <class Variant, class Owner>
inline constexpr const auto& known = known_messages<Variant, relevant<Variant, Owner>>::all;

}  // namespace upcasting

/// Reads a stored message into today's `Variant` (`Owner::event`, `Owner::command` or
/// `Owner::input`): by its own name or, for an old name, through the chain of upcasts. A throwing
/// upcast is `user_code_threw`.
template <class Variant, class Owner>
[[nodiscard]] result<Variant> decode_current(std::string_view name, std::string_view payload,
                                             const decode_options& options = {}) {
    Variant value{};
    auto failure =
        decoding::read_named(name, payload, options, upcasting::known<Variant, Owner>, &value);
    if (failure) return *std::move(failure);
    return value;
}

/// True if `decode_current` knows the name: for those who pass over messages of others.
template <class Variant, class Owner>
[[nodiscard]] bool knows(std::string_view name) {
    return find_alternative(upcasting::known<Variant, Owner>, name) != nullptr;
}

}  // namespace tidemark
