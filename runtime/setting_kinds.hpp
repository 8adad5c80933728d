#pragma once

#include "tidemark/runtime/settings.hpp"

#include <string>
#include <utility>
#include <vector>

/// Settings of the common kinds, for `config_schema::add`. All texts are written like values that
/// somebody sets.
namespace tidemark {

[[nodiscard]] inline setting integer_setting(std::string name, std::string fallback,
                                             std::string least, std::string most, std::string doc) {
    return {.name = std::move(name),
            .type = setting_type::integer,
            .fallback = std::move(fallback),
            .doc = std::move(doc),
            .least = std::move(least),
            .most = std::move(most)};
}

[[nodiscard]] inline setting span_setting(std::string name, std::string fallback, std::string least,
                                          std::string most, std::string doc) {
    auto out = integer_setting(std::move(name), std::move(fallback), std::move(least),
                               std::move(most), std::move(doc));
    out.type = setting_type::time_span;
    return out;
}

[[nodiscard]] inline setting flag_setting(std::string name, std::string fallback, std::string doc) {
    return {.name = std::move(name),
            .type = setting_type::boolean,
            .fallback = std::move(fallback),
            .doc = std::move(doc)};
}

[[nodiscard]] inline setting choice_setting(std::string name, std::string fallback,
                                            std::vector<std::string> choices, std::string doc) {
    return {.name = std::move(name),
            .type = setting_type::choice,
            .fallback = std::move(fallback),
            .doc = std::move(doc),
            .choices = std::move(choices)};
}

/// A text that is empty unless somebody sets it.
[[nodiscard]] inline setting text_setting(std::string name, std::string doc) {
    return {.name = std::move(name), .doc = std::move(doc)};
}

/// The same, and never shown.
[[nodiscard]] inline setting secret_setting(std::string name, std::string doc) {
    return {.name = std::move(name), .doc = std::move(doc), .is_secret = true};
}

}  // namespace tidemark
