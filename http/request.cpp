#include "tidemark/http/request.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace tidemark::http {

namespace {

constexpr std::array<std::string_view, 7> method_names{"GET",   "HEAD",   "POST",   "PUT",
                                                       "PATCH", "DELETE", "OPTIONS"};

bool is_lower_hex(std::string_view text) {
    return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_zero(std::string_view text) {
    return text.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

std::string_view to_string(method m) { return method_names[static_cast<std::size_t>(m)]; }

std::optional<method> parse_method(std::string_view text) {
    const auto it = std::ranges::find(method_names, text);
    if (it == method_names.end()) return std::nullopt;
    return static_cast<method>(it - method_names.begin());
}

const std::string& request::parameter(std::string_view name) const {
    for (const auto& [key, value] : path_parameters) {
        if (key == name) return value;
    }
    throw std::out_of_range{"the route of " + path + " has no parameter {" + std::string{name} +
                            "}; name it in the pattern"};
}

bool is_printable_id(std::string_view text, std::size_t size_max) {
    return !text.empty() && text.size() <= size_max &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool is_traceparent(std::string_view text) {
    if (text.size() != 55 || text.substr(0, 3) != "00-" || text[35] != '-' || text[52] != '-') {
        return false;
    }
    const auto trace = text.substr(3, 32);
    const auto parent = text.substr(36, 16);
    return is_lower_hex(trace) && is_lower_hex(parent) && is_lower_hex(text.substr(53)) &&
           !is_zero(trace) && !is_zero(parent);
}

}  // namespace tidemark::http
