#pragma once

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace tidemark {

/// A struct announced with TIDEMARK_STRUCT, TIDEMARK_MESSAGE or TIDEMARK_STATE.
template <class T>
concept described =
    std::is_class_v<T> && requires(T** type) { boost_public_member_descriptor_fn(type); };

/// An enumeration announced with TIDEMARK_ENUM.
template <class T>
concept described_enum = std::is_enum_v<T> && requires(T value) { tidemark_enum_text(value); };

/// Calls `f(D{})` for every described field in order of declaration; `D::name` is its name,
/// `D::pointer` the pointer to member.
template <described T, class F>
constexpr void for_each_field(F&& f) {
    [&]<class... D>(boost::describe::detail::list<D...>*) {
        (static_cast<void>(f(D{})), ...);
    }(static_cast<decltype(boost_public_member_descriptor_fn(static_cast<T**>(nullptr)))*>(
        nullptr));
}

// Never defined: their names are the first line of the error a mistake gives.
template <class T>
struct not_a_plain_struct;
template <class T>
struct raw_array_field_in;
template <class T>
struct wrong_number_of_fields_for;
template <class T>
struct fields_out_of_order_or_repeated_in;
template <class T>
struct fields_forgotten_or_out_of_order_in;

namespace detail {

template <class D>
struct field_type_of;
template <class T, class F>
struct field_type_of<F T::*> {
    using type = F;
};
template <class D>
using field_type = typename field_type_of<std::remove_cv_t<decltype(D::pointer)>>::type;

template <class T>
using field_list = decltype(boost_public_member_descriptor_fn(static_cast<T**>(nullptr)));

// Storage in which addresses of T's members can be compared at compile time without making a T.
template <class T>
union unmade {
    constexpr unmade() : nothing{} {}
    constexpr ~unmade() {}
    char nothing;
    T value;
};
template <class T>
inline constexpr unmade<T> unmade_object{};

template <class T, class First, class Second>
consteval bool stands_before() {
    // Fields of different types in a wrong order already fail to initialize each other.
    if constexpr (std::is_same_v<field_type<First>, field_type<Second>>) {
        return &(unmade_object<T>.value.*First::pointer) <
               &(unmade_object<T>.value.*Second::pointer);
    } else {
        return true;
    }
}

template <class T>
consteval bool stands_in_order(boost::describe::detail::list<>*) {
    return true;
}
template <class T, class First, class... Rest>
consteval bool stands_in_order(boost::describe::detail::list<First, Rest...>*) {
    return (stands_before<T, First, Rest>() && ...) &&
           stands_in_order<T>(static_cast<boost::describe::detail::list<Rest...>*>(nullptr));
}

template <class T, class... D>
consteval bool verify_listed(boost::describe::detail::list<D...>*) {
    if constexpr (!std::is_aggregate_v<T>) {
        return sizeof(not_a_plain_struct<T>) > 0;
    } else if constexpr ((std::is_array_v<field_type<D>> || ...)) {
        return sizeof(raw_array_field_in<T>) > 0;
    } else if constexpr (!stands_in_order<T>(static_cast<field_list<T>*>(nullptr))) {
        return sizeof(fields_out_of_order_or_repeated_in<T>) > 0;
    } else if constexpr (!requires { T{std::declval<field_type<D>>()...}; }) {
        return sizeof(fields_forgotten_or_out_of_order_in<T>) > 0;
    } else if constexpr (requires { T{std::declval<field_type<D>>()..., {}}; }) {
        return sizeof(wrong_number_of_fields_for<T>) > 0;
    } else {
        return true;
    }
}

/// True, or a compile error that names what is wrong with the list of fields.
template <class T>
consteval bool verify_fields() {
    return verify_listed<T>(static_cast<field_list<T>*>(nullptr));
}

template <class T>
constexpr bool equal_fields(const T& a, const T& b) {
    return [&]<class... D>(boost::describe::detail::list<D...>*) {
        return (... && (a.*D::pointer == b.*D::pointer));
    }(static_cast<field_list<T>*>(nullptr));
}

[[noreturn]] void throw_unnamed_enumerator(std::int64_t value);

}  // namespace detail

/// The enumerator's name. Throws std::invalid_argument for a value that has none.
template <described_enum E>
[[nodiscard]] constexpr std::string_view to_string(E value) {
    const std::string_view text = tidemark_enum_text(value);
    if (text.empty()) detail::throw_unnamed_enumerator(static_cast<std::int64_t>(value));
    return text;
}

/// The enumerator of this name; nothing if there is none.
template <described_enum E>
[[nodiscard]] constexpr std::optional<E> enum_from(std::string_view text) {
    std::optional<E> found;
    [&]<class... D>(boost::describe::detail::list<D...>*) {
        static_cast<void>(((text == D::name ? (found = D::value, true) : false) || ...));
    }(static_cast<boost::describe::describe_enumerators<E>*>(nullptr));
    return found;
}

}  // namespace tidemark
