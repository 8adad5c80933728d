#pragma once

#include "tidemark/core/fields.hpp"
#include "tidemark/core/ids.hpp"
#include "tidemark/core/stored_name.hpp"
#include "tidemark/core/time_text.hpp"
#include "tidemark/core/value_sink.hpp"
#include "tidemark/core/version.hpp"

#include <array>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace tidemark {

/// A value with a type of its own over a representation: TIDEMARK_VALUE, version, position.
template <class T>
concept strong_value = std::is_class_v<T> && requires(const T& v) {
    typename T::rep;
    { v.value() } -> std::convertible_to<typename T::rep>;
} && std::constructible_from<T, typename T::rep>;

/// What is stored as its text: `id<A>` and the like.
template <class T>
concept text_id = requires(const T& v) {
    typename T::aggregate_type;
    { v.text() } -> std::convertible_to<std::string_view>;
};

// Never defined: its name is the first line of the error an unsupported field type gives.
template <class T>
struct a_field_of_this_type_cannot_be_stored;

namespace detail {

template <class T, template <class...> class Kind>
inline constexpr bool is_a = false;
template <class... A, template <class...> class Kind>
inline constexpr bool is_a<Kind<A...>, Kind> = true;

template <class T>
inline constexpr bool is_std_array = false;
template <class T, std::size_t N>
inline constexpr bool is_std_array<std::array<T, N>> = true;

template <class T>
inline constexpr bool is_duration = false;
template <class Rep, class Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = true;

template <class T>
inline constexpr bool is_character =
    std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<T, char8_t> ||
    std::same_as<T, char16_t> || std::same_as<T, char32_t>;

template <class T>
void walk_scalar(value_sink& sink, const T& value);

}  // namespace detail

/// A durations field that converts to microseconds without loss.
template <class T>
concept stored_duration = detail::is_duration<T> && std::convertible_to<T, duration>;

/// Text of a map's key: strings, ids, strong values over strings and described enums.
template <class K>
[[nodiscard]] std::string_view key_text(const K& key) {
    if constexpr (std::convertible_to<const K&, std::string_view>) {
        return key;
    } else if constexpr (text_id<K>) {
        return key.text();
    } else if constexpr (described_enum<K>) {
        return to_string(key);
    } else if constexpr (strong_value<K>) {
        return key_text(key.value());
    } else {
        static_assert(sizeof(a_field_of_this_type_cannot_be_stored<K>) > 0);
    }
}

/// The key of this text; nothing if there is none (an enumerator nobody has).
template <class K>
[[nodiscard]] std::optional<K> key_from(std::string_view text) {
    if constexpr (described_enum<K>) {
        return enum_from<K>(text);
    } else if constexpr (strong_value<K>) {
        auto inner = key_from<typename K::rep>(text);
        if (!inner) return std::nullopt;
        return K{*std::move(inner)};
    } else {
        return K{std::string{text}};
    }
}

/// Tells a value to the sink: described structs by field, enums by name, optional, vector, array,
/// map, variants of messages by stored name, instants as ISO 8601 text, durations in microseconds,
/// ids as text, strong values as their representation. Any other type does not compile.
template <class T>
void walk(value_sink& sink, const T& value) {
    if constexpr (described<T>) {
        sink.begin_object();
        for_each_field<T>([&]<class D>(D) {
            sink.key(D::name);
            walk(sink, value.*D::pointer);
        });
        sink.end_object();
    } else if constexpr (detail::is_a<T, std::optional>) {
        value ? walk(sink, *value) : sink.null();
    } else if constexpr (detail::is_a<T, std::vector> || detail::is_std_array<T>) {
        sink.begin_array();
        for (const auto& element : value) walk(sink, element);
        sink.end_array();
    } else if constexpr (detail::is_a<T, std::map>) {
        sink.begin_object();
        for (const auto& [key, mapped] : value) {
            sink.key(key_text(key));
            walk(sink, mapped);
        }
        sink.end_object();
    } else if constexpr (detail::is_a<T, std::variant>) {
        std::visit(
            [&]<class M>(const M& alternative) {
                sink.begin_named(stored_name<M>());
                walk(sink, alternative);
                sink.end_named();
            },
            value);
    } else {
        detail::walk_scalar(sink, value);
    }
}

template <class T>
void detail::walk_scalar(value_sink& sink, const T& value) {
    if constexpr (std::same_as<T, bool>) {
        sink.boolean(value);
    } else if constexpr (std::integral<T> && !is_character<T>) {
        using wide = std::conditional_t<std::signed_integral<T>, std::int64_t, std::uint64_t>;
        sink.number(static_cast<wide>(value));
    } else if constexpr (std::floating_point<T>) {
        sink.number(static_cast<double>(value));
    } else if constexpr (described_enum<T>) {
        sink.text(to_string(value));
    } else if constexpr (std::convertible_to<const T&, std::string_view>) {
        sink.text(value);
    } else if constexpr (std::same_as<T, message_id>) {
        sink.text(value.to_string());
    } else if constexpr (std::same_as<T, stream_id> || text_id<T>) {
        sink.text(value.text());
    } else if constexpr (std::same_as<T, instant>) {
        sink.text(to_text(value));
    } else if constexpr (stored_duration<T>) {
        sink.number(static_cast<std::int64_t>(duration{value}.count()));
    } else if constexpr (strong_value<T>) {
        walk(sink, value.value());
    } else {
        static_assert(sizeof(a_field_of_this_type_cannot_be_stored<T>) > 0);
    }
}

}  // namespace tidemark
