#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <variant>

namespace tidemark {

/// A list of types: `using targets = tidemark::types<account>`.
template <class... T>
struct types {
    static constexpr std::size_t size = sizeof...(T);
    template <class U>
    static constexpr bool contains = (std::same_as<T, U> || ...);
};

namespace detail {

template <class List>
struct as_types;
template <class... T>
struct as_types<types<T...>> {
    using type = types<T...>;
};
template <class... T>
struct as_types<std::variant<T...>> {
    using type = types<T...>;
};

template <class... Lists>
struct joined;
template <>
struct joined<> {
    using type = types<>;
};
template <class... A>
struct joined<types<A...>> {
    using type = types<A...>;
};
template <class... A, class... B, class... Rest>
struct joined<types<A...>, types<B...>, Rest...> : joined<types<A..., B...>, Rest...> {};

}  // namespace detail

/// The alternatives of a variant, or the list itself.
template <class List>
using types_of = typename detail::as_types<List>::type;

/// Lists one after the other.
template <class... Lists>
using join_types = typename detail::joined<types_of<Lists>...>::type;

/// `T` is one of the alternatives of the variant, or of the list.
template <class T, class List>
concept one_of = types_of<List>::template contains<T>;

template <class T>
inline constexpr bool is_variant = false;
template <class... T>
inline constexpr bool is_variant<std::variant<T...>> = true;

namespace detail {

template <class T>
struct inbox;
template <class T>
    requires requires { typename T::input; }
struct inbox<T> {
    using type = typename T::input;
};
template <class T>
    requires(
        !requires { typename T::input; } && requires { typename T::command; })
struct inbox<T> {
    using type = typename T::command;
};

template <class T>
struct requests {
    using type = types<>;
};
template <class T>
    requires requires { typename T::requests; }
struct requests<T> {
    using type = typename T::requests;
};

template <class T>
struct targets {
    using type = types<>;
};
template <class T>
    requires requires { typename T::targets; }
struct targets<T> {
    using type = typename T::targets;
};

}  // namespace detail

/// What can be sent to `T`: the inputs of a saga, the commands of an aggregate. A variant.
template <class T>
using inbox_of = typename detail::inbox<T>::type;
/// `T::requests`, or the empty list.
template <class T>
using requests_of = typename detail::requests<T>::type;
/// `T::targets`, or the empty list.
template <class T>
using targets_of = typename detail::targets<T>::type;

}  // namespace tidemark
