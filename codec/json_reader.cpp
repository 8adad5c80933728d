#include "tidemark/codec/json_reader.hpp"

#include "tidemark/codec/json_path.hpp"
#include "tidemark/codec/json_text.hpp"

#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

namespace tidemark {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

std::size_t behind_digits(std::string_view text, std::size_t at) {
    while (at < text.size() && is_digit(text[at])) ++at;
    return at;
}

/// Length of the JSON number at the start of `text`, 0 if there is none.
std::size_t number_length(std::string_view text, bool& is_integer) {
    is_integer = true;
    std::size_t at = !text.empty() && text[0] == '-' ? 1 : 0;
    if (at == text.size() || !is_digit(text[at])) return 0;
    at = text[at] == '0' ? at + 1 : behind_digits(text, at);
    if (at < text.size() && text[at] == '.') {
        is_integer = false;
        const auto end = behind_digits(text, at + 1);
        if (end == at + 1) return 0;
        at = end;
    }
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        is_integer = false;
        ++at;
        if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
        const auto end = behind_digits(text, at);
        if (end == at) return 0;
        at = end;
    }
    return at;
}

constexpr bool is_high_surrogate(std::uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
constexpr bool is_low_surrogate(std::uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

template <class Integer>
std::string expected_integer(Integer min, Integer max) {
    return "integer in [" + std::to_string(min) + ", " + std::to_string(max) + "]";
}

}  // namespace

void json_reader::skip_space() {
    while (!at_end() && is_space(text_[at_])) ++at_;
}

std::size_t json_reader::mark() {
    skip_space();
    return at_;
}

bool json_reader::take(char c) {
    skip_space();
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
}

bool json_reader::take_literal(std::string_view literal) {
    if (text_.substr(at_, literal.size()) != literal) return false;
    at_ += literal.size();
    return true;
}

bool json_reader::fail_at(std::size_t offset, std::string_view expected) {
    if (!ok()) return false;
    auto sentence = "expected " + std::string{expected} + ", got " + describe(offset);
    return fail_with(errc::malformed_payload, offset, sentence);
}

bool json_reader::fail_with(errc code, std::size_t offset, std::string_view sentence,
                            std::string_view name) {
    if (!ok()) return false;
    auto message = json_path(text_, offset);
    if (!name.empty()) append_json_path(message, name);
    message += ' ';
    message += sentence;
    failure_.emplace(code, std::move(message));
    at_ = text_.size();
    return false;
}

std::string json_reader::describe(std::size_t offset) const {
    if (offset >= text_.size()) return "end of payload";
    const auto rest = text_.substr(offset);
    const auto quoted = [&](std::string_view content) {
        return "string \"" + json_text::excerpt(content) + '"';
    };
    if (rest[0] == '{') return "object";
    if (rest[0] == '[') return "array";
    if (rest[0] == '"') {
        for (std::size_t at = 1; at < rest.size(); ++at) {
            if (rest[at] == '\\')
                ++at;
            else if (rest[at] == '"')
                return quoted(rest.substr(1, at - 1));
        }
        return "a string without end";
    }
    bool is_integer = false;
    if (const auto length = number_length(rest, is_integer); length != 0) {
        return "number " + json_text::excerpt(rest.substr(0, length));
    }
    for (const std::string_view literal : {"true", "false", "null"}) {
        if (rest.starts_with(literal)) return std::string{literal};
    }
    const auto length = std::max<std::size_t>(json_text::utf8_length(rest), 1);
    return '\'' + json_text::excerpt(rest.substr(0, length)) + '\'';
}

bool json_reader::read_boolean(bool& out) {
    const auto start = mark();
    out = take_literal("true");
    return out || take_literal("false") || fail_at(start, "boolean");
}

bool json_reader::take_null() {
    skip_space();
    return take_literal("null");
}

bool json_reader::take_number(std::string_view& token, bool& is_integer) {
    skip_space();
    const auto length = number_length(text_.substr(at_), is_integer);
    token = text_.substr(at_, length);
    at_ += length;
    return length != 0;
}

bool json_reader::read_signed(std::int64_t& out, std::int64_t min, std::int64_t max) {
    const auto start = mark();
    std::string_view token;
    bool is_integer = false;
    if (!take_number(token, is_integer) || !is_integer) return fail_at(start, "integer");
    const auto parsed = std::from_chars(token.data(), token.data() + token.size(), out);
    if (parsed.ec == std::errc{} && out >= min && out <= max) return true;
    return fail_at(start, expected_integer(min, max));
}

bool json_reader::read_unsigned(std::uint64_t& out, std::uint64_t max) {
    const auto start = mark();
    std::string_view token;
    bool is_integer = false;
    if (!take_number(token, is_integer) || !is_integer) return fail_at(start, "integer");
    if (token == "-0") token.remove_prefix(1);
    const auto parsed = std::from_chars(token.data(), token.data() + token.size(), out);
    if (parsed.ec == std::errc{} && out <= max) return true;
    return fail_at(start, expected_integer(std::uint64_t{0}, max));
}

bool json_reader::read_real(double& out) {
    const auto start = mark();
    std::string_view token;
    bool is_integer = false;
    if (!take_number(token, is_integer)) return fail_at(start, "number");
    const auto parsed = std::from_chars(token.data(), token.data() + token.size(), out);
    if (parsed.ec == std::errc{} && std::isfinite(out)) return true;
    return fail_at(start, "number within the range of a double");
}

bool json_reader::read_text(std::string_view& out, std::string_view expected) {
    const auto start = mark();
    if (at_end() || text_[at_] != '"') return fail_at(start, expected);
    return take_string(out);
}

bool json_reader::take_string(std::string_view& out) {
    const auto start = at_++;
    auto from = at_;
    auto is_escaped = false;
    for (;;) {
        at_ += json_text::plain_prefix(text_.substr(at_));
        if (at_end()) return fail_with(errc::malformed_payload, start, "is a string without end");
        const auto c = text_[at_];
        if (c == '"') break;
        if (c == '\\') {
            if (!is_escaped) unescaped_.clear();
            is_escaped = true;
            unescaped_.append(text_.substr(from, at_ - from));
            if (!take_escape(start)) return false;
            from = at_;
            continue;
        }
        const auto length = json_text::utf8_length(text_.substr(at_));
        if (length == 0) return fail_with(errc::malformed_payload, start, "is not UTF-8");
        if (length == 1) {
            return fail_with(errc::malformed_payload, start,
                             "has the control character '" +
                                 json_text::excerpt(text_.substr(at_, 1)) +
                                 "', which must be escaped");
        }
        at_ += length;
    }
    out = text_.substr(from, at_ - from);
    ++at_;
    if (is_escaped) out = unescaped_.append(out);
    return true;
}

bool json_reader::take_escape(std::size_t string) {
    const auto start = at_++;
    const auto c = at_end() ? '\0' : text_[at_++];
    switch (c) {
        case '"':
        case '\\':
        case '/':
            unescaped_ += c;
            return true;
        case 'b':
            unescaped_ += '\b';
            return true;
        case 'f':
            unescaped_ += '\f';
            return true;
        case 'n':
            unescaped_ += '\n';
            return true;
        case 'r':
            unescaped_ += '\r';
            return true;
        case 't':
            unescaped_ += '\t';
            return true;
        case 'u':
            return take_unicode_escape(string);
        default:
            break;
    }
    return fail_with(
        errc::malformed_payload, string,
        "has the unknown escape \"" + json_text::excerpt(text_.substr(start, 2)) + '"');
}

bool json_reader::take_four_digits(std::uint32_t& out) {
    const auto token = text_.substr(at_, 4);
    const auto* const end = token.data() + token.size();
    const auto parsed = std::from_chars(token.data(), end, out, 16);
    if (token.size() != 4 || parsed.ec != std::errc{} || parsed.ptr != end) return false;
    at_ += 4;
    return true;
}

bool json_reader::take_unicode_escape(std::size_t string) {
    const auto start = at_ - 2;
    std::uint32_t unit = 0;
    if (!take_four_digits(unit)) {
        return fail_with(errc::malformed_payload, string, "has a \\u without four hex digits");
    }
    if (is_high_surrogate(unit) && take_literal("\\u")) {
        std::uint32_t low = 0;
        if (take_four_digits(low) && is_low_surrogate(low)) {
            json_text::append_utf8(unescaped_,
                                   0x10000 + ((unit - 0xD800U) << 10U) + (low - 0xDC00U));
            return true;
        }
    }
    if (is_high_surrogate(unit) || is_low_surrogate(unit)) {
        return fail_with(errc::malformed_payload, string,
                         "has the lone surrogate " + std::string{text_.substr(start, 6)});
    }
    json_text::append_utf8(unescaped_, unit);
    return true;
}

bool json_reader::enter(char open, std::string_view expected) {
    const auto start = mark();
    if (!take(open)) return fail_at(start, expected);
    if (++depth_ > options_.depth_max) {
        return fail_with(errc::malformed_payload, start,
                         "is nested deeper than " + std::to_string(options_.depth_max));
    }
    is_first_ = true;
    return true;
}

bool json_reader::leave_or_next(char close) {
    const auto was_first = std::exchange(is_first_, false);
    skip_space();
    if (!at_end() && text_[at_] == close) {
        ++at_;
        --depth_;
        return false;
    }
    if (was_first) return true;
    if (at_end() || text_[at_] != ',') {
        return fail_at(at_, std::string{"',' or '"} + close + "' after the value");
    }
    ++at_;
    return true;
}

bool json_reader::begin_object(std::string_view expected) { return enter('{', expected); }

bool json_reader::next_name(std::string_view& name, std::string_view likely) {
    if (!ok() || !leave_or_next('}')) return false;
    if (take_likely_name(likely)) {
        name = likely;
        return true;
    }
    if (!read_text(name, "a member name in quotes")) return false;
    if (take(':')) return true;
    return fail_at(mark(), "':' after the member name");
}

/// Takes `"likely":` in one comparison if exactly that stands here.
bool json_reader::take_likely_name(std::string_view likely) {
    const auto size = likely.size();
    if (size == 0 || text_.size() - at_ < size + 3) return false;
    const auto* const ahead = text_.data() + at_;
    if (ahead[0] != '"' || ahead[size + 1] != '"' || ahead[size + 2] != ':') return false;
    if (std::memcmp(ahead + 1, likely.data(), size) != 0) return false;
    at_ += size + 3;
    return true;
}

bool json_reader::begin_array() { return enter('[', "array"); }

bool json_reader::next_element() { return ok() && leave_or_next(']'); }

bool json_reader::skip_value() {
    const auto start = mark();
    std::string_view token;
    bool is_integer = false;
    switch (at_end() ? '\0' : text_[at_]) {
        case '{':
            if (!begin_object()) return false;
            while (next_name(token)) {
                if (!skip_value()) return false;
            }
            return ok();
        case '[':
            if (!begin_array()) return false;
            while (next_element()) {
                if (!skip_value()) return false;
            }
            return ok();
        case '"':
            return take_string(token);
        case 't':
            return take_literal("true") || fail_at(start, "value");
        case 'f':
            return take_literal("false") || fail_at(start, "value");
        case 'n':
            return take_literal("null") || fail_at(start, "value");
        default:
            return take_number(token, is_integer) || fail_at(start, "value");
    }
}

bool json_reader::finish() {
    if (!ok()) return false;
    const auto start = mark();
    return at_end() || fail_with(errc::malformed_payload, start,
                                 "is followed by " + describe(start) + " after its end");
}

}  // namespace tidemark
