#include "tidemark/http/target.hpp"

#include <algorithm>

namespace tidemark::http {

namespace {

constexpr std::size_t query_parameters_max = 100;
constexpr std::string_view hex_digits = "0123456789ABCDEF";

error refused(std::string_view part, std::string_view why) {
    return {errc::invalid_argument, "the " + std::string{part} + " of the request target " +
                                        std::string{why} + "; send it percent-encoded, as UTF-8"};
}

bool is_alnum(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool may_stand_in_target(char c) {
    return is_alnum(c) ||
           std::string_view{"-._~!$&'()*+,;=:@/?%[]"}.find(c) != std::string_view::npos;
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::optional<std::string> decode(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+' && plus_is_space) {
            out += ' ';
        } else if (text[i] != '%') {
            out += text[i];
        } else {
            if (text.size() - i < 3) return std::nullopt;
            const auto high = hex_value(text[i + 1]);
            const auto low = hex_value(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            out += static_cast<char>(high * 16 + low);
            i += 2;
        }
    }
    return out;
}

bool is_safe_segment(std::string_view segment) {
    return segment != "." && segment != ".." && is_utf8(segment) &&
           std::none_of(segment.begin(), segment.end(),
                        [](char c) { return is_control(c) || c == '/' || c == '\\'; });
}

result<std::string> decode_path(std::string_view path) {
    std::string out;
    out.reserve(path.size());
    while (!path.empty()) {
        path.remove_prefix(1);
        const auto slash = path.find('/');
        const auto segment = decode(path.substr(0, slash), false);
        if (!segment) return refused("path", "has a broken percent-encoding");
        if (!is_safe_segment(*segment)) {
            return refused("path", "has a segment that is not plain text or leads elsewhere");
        }
        out += '/';
        out += *segment;
        if (slash == std::string_view::npos) break;
        path.remove_prefix(slash);
    }
    return out;
}

result<parameters> decode_query(std::string_view query) {
    parameters out;
    while (!query.empty()) {
        const auto ampersand = query.find('&');
        const auto pair = query.substr(0, ampersand);
        query = ampersand == std::string_view::npos ? "" : query.substr(ampersand + 1);
        if (pair.empty()) continue;
        const auto equals = pair.find('=');
        auto name = decode(pair.substr(0, equals), true);
        auto value = equals == std::string_view::npos ? std::optional<std::string>{""}
                                                      : decode(pair.substr(equals + 1), true);
        if (!name || !value) return refused("query", "has a broken percent-encoding");
        const auto bad = std::any_of(name->begin(), name->end(), is_control) ||
                         value->find('\0') != std::string::npos;
        if (bad || !is_utf8(*name) || !is_utf8(*value)) {
            return refused("query", "has a parameter that is not plain text");
        }
        if (out.size() == query_parameters_max) return refused("query", "has over 100 parameters");
        out.add(std::move(*name), std::move(*value));
    }
    return out;
}

/// Length of the UTF-8 sequence at the front of `text`, 0 if it is not well-formed.
std::size_t sequence_size(std::string_view text) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto lead = at(0);
    if (lead < 0x80) return 1;
    const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
    for (std::size_t i = 1; i < size; ++i) {
        if ((at(i) & 0xc0) != 0x80) return 0;
    }
    const auto second = at(1);
    const auto is_overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
    const auto is_out_of_range = (lead == 0xed && second > 0x9f) || (lead == 0xf4 && second > 0x8f);
    return is_overlong || is_out_of_range ? 0 : size;
}

}  // namespace

std::optional<std::string_view> parameters::find(std::string_view name) const {
    for (const auto& [key, value] : entries_) {
        if (key == name) return value;
    }
    return std::nullopt;
}

std::vector<std::string_view> parameters::all(std::string_view name) const {
    std::vector<std::string_view> out;
    for (const auto& [key, value] : entries_) {
        if (key == name) out.push_back(value);
    }
    return out;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto size = sequence_size(text);
        if (size == 0) return false;
        text.remove_prefix(size);
    }
    return true;
}

result<target_parts> parse_target(std::string_view target) {
    if (target.empty() || target.front() != '/') {
        return refused("form", "is not a path from the root");
    }
    if (!std::all_of(target.begin(), target.end(), may_stand_in_target)) {
        return refused("text", "has a character that may not stand there");
    }
    const auto question = target.find('?');
    auto path = decode_path(target.substr(0, question));
    if (!path) return path.error();
    auto query =
        decode_query(question == std::string_view::npos ? "" : target.substr(question + 1));
    if (!query) return query.error();
    return target_parts{std::move(*path), std::move(*query)};
}

std::string percent_encode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const auto c : text) {
        if (is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += hex_digits[byte / 16];
        out += hex_digits[byte % 16];
    }
    return out;
}

}  // namespace tidemark::http
