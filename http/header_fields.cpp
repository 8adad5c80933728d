#include "tidemark/http/header_fields.hpp"

#include <algorithm>
#include <stdexcept>

namespace tidemark::http {

namespace {

char lowered(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_token_char(char c) {
    const auto is_alnum = (c >= '0' && c <= '9') || (lowered(c) >= 'a' && lowered(c) <= 'z');
    return is_alnum || std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

bool has_zero_weight(std::string_view parameters) {
    const auto q = parameters.find("q=");
    if (q == std::string_view::npos) return false;
    auto weight = trimmed(parameters.substr(q + 2));
    return !weight.empty() && weight.find_first_not_of("0.") == std::string_view::npos;
}

void check(std::string_view name, std::string_view value) {
    if (!is_token(name)) {
        throw std::invalid_argument{"header name \"" + std::string{name} +
                                    "\" is not a token; use letters, digits and '-'"};
    }
    if (!is_field_value(value)) {
        throw std::invalid_argument{"value of header " + std::string{name} +
                                    " holds a control character; remove or encode it"};
    }
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
               return lowered(x) == lowered(y);
           });
}

bool is_token(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

bool is_field_value(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\t') || byte == 0x7f;
    });
}

bool lists(std::string_view list, std::string_view member) {
    while (!list.empty()) {
        const auto comma = list.find(',');
        const auto item = list.substr(0, comma);
        const auto semicolon = item.find(';');
        if (equals_ignoring_case(trimmed(item.substr(0, semicolon)), member)) {
            return semicolon == std::string_view::npos || !has_zero_weight(item.substr(semicolon));
        }
        if (comma == std::string_view::npos) return false;
        list.remove_prefix(comma + 1);
    }
    return false;
}

void header_fields::add(std::string_view name, std::string_view value) {
    check(name, value);
    fields_.push_back({std::string{name}, std::string{value}});
}

void header_fields::set(std::string_view name, std::string_view value) {
    check(name, value);
    erase(name);
    fields_.push_back({std::string{name}, std::string{value}});
}

void header_fields::erase(std::string_view name) {
    std::erase_if(fields_, [&](const auto& f) { return equals_ignoring_case(f.name, name); });
}

std::optional<std::string_view> header_fields::find(std::string_view name) const {
    for (const auto& f : fields_) {
        if (equals_ignoring_case(f.name, name)) return f.value;
    }
    return std::nullopt;
}

std::size_t header_fields::count(std::string_view name) const {
    return static_cast<std::size_t>(std::count_if(fields_.begin(), fields_.end(), [&](auto& f) {
        return equals_ignoring_case(f.name, name);
    }));
}

}  // namespace tidemark::http
