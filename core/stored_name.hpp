#pragma once

#include "tidemark/core/fields.hpp"

#include <cstddef>
#include <string_view>

namespace tidemark {

/// What TIDEMARK_MESSAGE and TIDEMARK_STATE write down about a type.
struct stored_name_entry {
    std::string_view text;
    bool is_message;
};

/// A described type with a stored name: a message or a state.
template <class T>
concept stored = described<T> && requires(const T* type) { tidemark_stored_name(type); };

/// A command, an event or another value that is sent or stored under its name (TIDEMARK_MESSAGE).
template <class T>
concept message = stored<T> && tidemark_stored_name(static_cast<const T*>(nullptr)).is_message;

/// The written-down name under which `T` is stored: "account.opened.v1".
template <stored T>
[[nodiscard]] constexpr std::string_view stored_name() {
    return tidemark_stored_name(static_cast<const T*>(nullptr)).text;
}

/// Lower-case letters, digits, '_' and '.', beginning with a letter, ending in a version from ".v1"
/// on; at most 100 characters.
[[nodiscard]] constexpr bool is_stored_name(std::string_view text) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
    const auto mark = text.rfind(".v");
    if (text.size() > 100 || mark == std::string_view::npos || mark == 0) return false;
    const auto number = text.substr(mark + 2);
    if (number.empty() || number.front() == '0') return false;
    for (const char c : number) {
        if (!is_digit(c)) return false;
    }
    if (!is_letter(text.front()) || text.find("..") != std::string_view::npos) return false;
    for (const char c : text) {
        if (!is_letter(c) && !is_digit(c) && c != '_' && c != '.') return false;
    }
    return true;
}

/// A type for every name, so that the same name used twice in a namespace is a redefinition.
template <std::size_t N>
struct stored_name_text {
    char chars[N];
    consteval stored_name_text(const char (&text)[N]) {  // NOLINT(google-explicit-constructor)
        for (std::size_t i = 0; i < N; ++i) chars[i] = text[i];
    }
};
template <stored_name_text Name>
struct stored_name_tag {};

}  // namespace tidemark
