#include "tidemark/codec/json_text.hpp"

#include <array>
#include <bit>
#include <cstring>

namespace tidemark::json_text {
namespace {

constexpr std::uint64_t ones = 0x0101010101010101ULL;
constexpr std::uint64_t highs = 0x8080808080808080ULL;
constexpr std::string_view hex = "0123456789abcdef";

/// High bit set in each byte that needs attention. A set bit may be wrong only *above* the first
/// right one (borrow), so the lowest set bit can be trusted.
constexpr std::uint64_t needs_attention(std::uint64_t word) {
    const auto below_space = word - ones * 0x20U;
    const auto quote = (word ^ (ones * '"')) - ones;
    const auto backslash = (word ^ (ones * '\\')) - ones;
    return (below_space | quote | backslash | word) & highs;
}

constexpr bool is_plain(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

/// True if 4 to 7 bytes are plain; false says nothing.
bool is_plain_short(std::string_view text) {
    if (text.size() < 4 || text.size() > 7) return false;
    std::uint32_t front = 0;
    std::uint32_t back = 0;
    std::memcpy(&front, text.data(), sizeof front);
    std::memcpy(&back, text.data() + text.size() - sizeof back, sizeof back);
    return needs_attention(front | (std::uint64_t{back} << 32U)) == 0;
}

void append_hex(std::string& out, unsigned char byte) {
    out += hex[byte >> 4U];
    out += hex[byte & 15U];
}

void append_escaped(std::string& out, char c) {
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\b':
            out += "\\b";
            return;
        case '\f':
            out += "\\f";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            break;
    }
    out += "\\u00";
    append_hex(out, static_cast<unsigned char>(c));
}

}  // namespace

std::size_t plain_prefix(std::string_view text) {
    std::size_t at = 0;
    if constexpr (std::endian::native == std::endian::little) {
        for (; at + 8 <= text.size(); at += 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, text.data() + at, sizeof word);
            const auto found = needs_attention(word);
            if (found != 0) return at + static_cast<std::size_t>(std::countr_zero(found)) / 8;
        }
    }
    if (is_plain_short(text.substr(at))) return text.size();
    while (at < text.size() && is_plain(text[at])) ++at;
    return at;
}

std::size_t utf8_length(std::string_view text) {
    if (text.empty()) return 0;
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto first = byte(0);
    if (first < 0x80) return 1;
    const auto length = first >= 0xF0 ? 4U : first >= 0xE0 ? 3U : 2U;
    if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
    auto low = std::uint8_t{0x80};
    auto high = std::uint8_t{0xBF};
    if (first == 0xE0) low = 0xA0;   // overlong
    if (first == 0xED) high = 0x9F;  // surrogates
    if (first == 0xF0) low = 0x90;   // overlong
    if (first == 0xF4) high = 0x8F;  // beyond U+10FFFF
    if (byte(1) < low || byte(1) > high) return 0;
    for (std::size_t i = 2; i < length; ++i) {
        if ((byte(i) & 0xC0U) != 0x80) return 0;
    }
    return length;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto length = utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

void append_utf8(std::string& out, std::uint32_t code_point) {
    const auto tail = [&](unsigned shift) {
        out += static_cast<char>(0x80U | ((code_point >> shift) & 0x3FU));
    };
    if (code_point < 0x80) {
        out += static_cast<char>(code_point);
    } else if (code_point < 0x800) {
        out += static_cast<char>(0xC0U | (code_point >> 6U));
        tail(0);
    } else if (code_point < 0x10000) {
        out += static_cast<char>(0xE0U | (code_point >> 12U));
        tail(6);
        tail(0);
    } else {
        out += static_cast<char>(0xF0U | (code_point >> 18U));
        tail(12);
        tail(6);
        tail(0);
    }
}

bool append_quoted(std::string& out, std::string_view text) {
    out += '"';
    for (;;) {
        const auto plain = plain_prefix(text);
        out.append(text.data(), plain);
        if (plain == text.size()) break;
        text.remove_prefix(plain);
        const auto length = utf8_length(text);
        if (length == 0) return false;
        if (length == 1) {
            append_escaped(out, text.front());
        } else {
            out.append(text.data(), length);
        }
        text.remove_prefix(length);
    }
    out += '"';
    return true;
}

std::string excerpt(std::string_view text, std::size_t bytes_max) {
    std::string out;
    while (!text.empty()) {
        const auto length = utf8_length(text);
        if (out.size() + (length == 0 ? 4 : length) > bytes_max) return out + "…";
        const auto byte = static_cast<unsigned char>(text.front());
        if (length == 0 || byte < 0x20 || byte == 0x7F) {
            out += "\\x";
            append_hex(out, byte);
        } else {
            out.append(text.data(), length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

}  // namespace tidemark::json_text
