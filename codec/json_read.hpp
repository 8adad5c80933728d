#pragma once

#include "tidemark/codec/json_members.hpp"
#include "tidemark/codec/json_reader.hpp"
#include "tidemark/core/fields.hpp"
#include "tidemark/core/ids.hpp"
#include "tidemark/core/stored_name.hpp"
#include "tidemark/core/thrown.hpp"
#include "tidemark/core/version.hpp"
#include "tidemark/core/walk.hpp"

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

/// The part of decoding that depends on the type: one small function a type, all real work in
/// `json_reader`. `read_json(in, out)` reads the next value; false after a mistake.
namespace tidemark {

template <class T>
[[nodiscard]] bool read_json(json_reader& in, T& out);

/// One message of a set, by its stored name; `target` is what `read` fills.
struct json_alternative {
    std::string_view name;
    bool (*read)(json_reader& in, void* target);
};

/// The alternative called `name`, or null.
[[nodiscard]] const json_alternative* find_alternative(std::span<const json_alternative> known,
                                                       std::string_view name);
/// "a.v1, b.v1" or "nothing": what an error about an unknown name lists.
[[nodiscard]] std::string list_names(std::span<const json_alternative> known);
/// Reads `{"<stored name>": {…}}`.
[[nodiscard]] bool read_alternative(json_reader& in, std::span<const json_alternative> known,
                                    void* target);

namespace reading {

template <class Variant, class Message>
bool read_into_variant(json_reader& in, void* target) {
    return read_json(in, static_cast<Variant*>(target)->template emplace<Message>());
}

template <class Variant>
struct alternatives;
template <class... Ms>
struct alternatives<std::variant<Ms...>> {
    static constexpr std::array<json_alternative, sizeof...(Ms)> known{
        json_alternative{stored_name<Ms>(), &read_into_variant<std::variant<Ms...>, Ms>}...};
};

template <class Owner, class Member>
bool read_member(json_reader& in, void* owner) {
    return read_json(in, static_cast<Owner*>(owner)->*Member::pointer);
}

template <class Owner, class Member>
constexpr json_member describe_member() {
    return {.name = Member::name,
            .read = &read_member<Owner, Member>,
            .is_required = !detail::is_a<detail::field_type<Member>, std::optional>};
}

template <class Owner, class Members>
struct member_table;
template <class Owner, template <class...> class List, class... Members>
struct member_table<Owner, List<Members...>> {
    static_assert(sizeof...(Members) <= 64);
    static constexpr std::array<json_member, sizeof...(Members)> members{
        describe_member<Owner, Members>()...};
};

template <class T>
using members_of = member_table<T, detail::field_list<T>>;

template <class Enum, class Enumerators = boost::describe::describe_enumerators<Enum>>
struct enumerators;
template <class Enum, template <class...> class List, class... Enumerators>
struct enumerators<Enum, List<Enumerators...>> {
    static constexpr std::array<std::string_view, sizeof...(Enumerators)> names{
        Enumerators::name...};
};

template <std::integral T>
bool read_integer(json_reader& in, T& out) {
    if constexpr (std::signed_integral<T>) {
        std::int64_t value = 0;
        if (!in.read_signed(value, std::numeric_limits<T>::min(), std::numeric_limits<T>::max())) {
            return false;
        }
        out = static_cast<T>(value);
    } else {
        std::uint64_t value = 0;
        if (!in.read_unsigned(value, std::numeric_limits<T>::max())) return false;
        out = static_cast<T>(value);
    }
    return true;
}

template <std::floating_point T>
bool read_floating(json_reader& in, T& out) {
    const auto start = in.mark();
    double value = 0;
    if (!in.read_real(value)) return false;
    constexpr auto limit = static_cast<double>(std::numeric_limits<T>::max());
    if (value > limit || value < -limit) {
        return in.fail_at(start, "number within the range of a float");
    }
    out = static_cast<T>(value);
    return true;
}

/// Builds `T` from what was read. A constructor that throws refuses the value, in its own words.
template <class T, class Rep>
bool construct(json_reader& in, std::size_t start, T& out, Rep&& rep) {
    if constexpr (std::is_nothrow_constructible_v<T, Rep>) {
        out = T(std::forward<Rep>(rep));
        return true;
    } else {
        try {
            out = T(std::forward<Rep>(rep));
            return true;
        } catch (...) {
            return in.fail_with(errc::malformed_payload, start, "is refused: " + thrown_text());
        }
    }
}

bool fail_key(json_reader& in, std::size_t start, std::string_view name, std::string_view sentence);
bool fail_count(json_reader& in, std::size_t start, std::size_t count);
/// "one of \"red\", \"green\"".
[[nodiscard]] std::string list_enumerators(std::span<const std::string_view> names);
[[nodiscard]] bool read_string(json_reader& in, std::string& out);
[[nodiscard]] bool read_stream(json_reader& in, stream_id& out);
[[nodiscard]] bool read_message_id(json_reader& in, message_id& out);
[[nodiscard]] bool read_instant(json_reader& in, instant& out);

template <class Vector>
bool read_vector(json_reader& in, Vector& out) {
    out.clear();
    if (!in.begin_array()) return false;
    while (in.next_element()) {
        typename Vector::value_type element{};
        if (!read_json(in, element)) return false;
        out.push_back(std::move(element));
    }
    return in.ok();
}

template <class T, std::size_t N>
bool read_array(json_reader& in, std::array<T, N>& out) {
    const auto start = in.mark();
    if (!in.begin_array()) return false;
    std::size_t count = 0;
    while (in.next_element()) {
        if (count == N) return fail_count(in, start, N);
        if (!read_json(in, out[count++])) return false;
    }
    return in.ok() && (count == N || fail_count(in, start, N));
}

template <text_id Id>
bool read_id(json_reader& in, Id& out) {
    std::string text;
    if (!read_string(in, text)) return false;
    out = Id{std::move(text)};
    return true;
}

template <class Key, class T, class... Rest>
bool read_map(json_reader& in, std::map<Key, T, Rest...>& out) {
    const auto start = in.mark();
    out.clear();
    if (!in.begin_object()) return false;
    std::string_view name;
    while (in.next_name(name)) {
        auto key = key_from<Key>(name);
        if (!key) return fail_key(in, start, name, "is not a key of this map");
        const auto [entry, is_fresh] = out.try_emplace(*std::move(key));
        if (!is_fresh) return fail_key(in, start, name, "appears twice");
        if (!read_json(in, entry->second)) return false;
    }
    return in.ok();
}

/// Integer microseconds; a field of coarser units takes only whole ones.
template <stored_duration T>
bool read_duration(json_reader& in, T& out) {
    const auto start = in.mark();
    std::int64_t value = 0;
    if (!read_integer(in, value)) return false;
    out = std::chrono::duration_cast<T>(duration{value});
    return duration{out}.count() == value ||
           in.fail_at(start, "microseconds that are a whole number of the field's unit");
}

template <class T>
bool read_optional(json_reader& in, std::optional<T>& out) {
    if (in.take_null()) {
        out.reset();
        return true;
    }
    return read_json(in, out.emplace());
}

template <described_enum Enum>
bool read_enum(json_reader& in, Enum& out) {
    const auto start = in.mark();
    std::string_view text;
    if (!in.read_text(text, "the name of an enumerator")) return false;
    const auto found = enum_from<Enum>(text);
    if (!found) return in.fail_at(start, list_enumerators(enumerators<Enum>::names));
    out = *found;
    return true;
}

template <class T>
bool read_strong(json_reader& in, T& out) {
    const auto start = in.mark();
    typename T::rep value{};
    return read_json(in, value) && construct(in, start, out, std::move(value));
}

/// Types of the standard library and of core that are neither described nor strong values.
template <class T>
bool read_plain(json_reader& in, T& out) {
    if constexpr (std::same_as<T, std::string>) {
        return read_string(in, out);
    } else if constexpr (std::same_as<T, bool>) {
        return in.read_boolean(out);
    } else if constexpr (std::integral<T> && !detail::is_character<T>) {
        return read_integer(in, out);
    } else if constexpr (std::floating_point<T>) {
        return read_floating(in, out);
    } else if constexpr (std::same_as<T, instant>) {
        return read_instant(in, out);
    } else if constexpr (std::same_as<T, message_id>) {
        return read_message_id(in, out);
    } else if constexpr (std::same_as<T, stream_id>) {
        return read_stream(in, out);
    } else if constexpr (text_id<T>) {
        return read_id(in, out);
    } else if constexpr (stored_duration<T>) {
        return read_duration(in, out);
    } else {
        static_assert(sizeof(a_field_of_this_type_cannot_be_stored<T>) > 0);
    }
}

}  // namespace reading

template <class T>
bool read_json(json_reader& in, T& out) {
    if constexpr (described<T>) {
        return read_members(in, reading::members_of<T>::members, &out);
    } else if constexpr (described_enum<T>) {
        return reading::read_enum(in, out);
    } else if constexpr (detail::is_a<T, std::optional>) {
        return reading::read_optional(in, out);
    } else if constexpr (detail::is_a<T, std::vector>) {
        return reading::read_vector(in, out);
    } else if constexpr (detail::is_std_array<T>) {
        return reading::read_array(in, out);
    } else if constexpr (detail::is_a<T, std::map>) {
        return reading::read_map(in, out);
    } else if constexpr (detail::is_a<T, std::variant>) {
        return read_alternative(in, reading::alternatives<T>::known, &out);
    } else if constexpr (strong_value<T>) {
        return reading::read_strong(in, out);
    } else {
        return reading::read_plain(in, out);
    }
}

}  // namespace tidemark
