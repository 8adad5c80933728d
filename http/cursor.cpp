#include "tidemark/http/cursor.hpp"

#include <cstddef>
#include <cstdint>

namespace tidemark::http {

namespace {

/// base64url (RFC 4648, section 5), without padding.
constexpr std::string_view letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Stands in front of the key: a cursor of another kind, or none, is told from ours.
constexpr std::string_view mark = "after:";

std::string encode(std::string_view bytes) {
    std::string out;
    std::uint32_t bits = 0;
    int held = 0;
    for (const char c : bytes) {
        bits = bits << 8U | static_cast<unsigned char>(c);
        for (held += 8; held >= 6; held -= 6) out += letters[bits >> (held - 6) & 63U];
    }
    if (held > 0) out += letters[bits << (6 - held) & 63U];
    return out;
}

std::optional<std::string> decode(std::string_view text) {
    std::string out;
    std::uint32_t bits = 0;
    int held = 0;
    for (const char c : text) {
        const auto value = letters.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        bits = bits << 6U | static_cast<std::uint32_t>(value);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        out += static_cast<char>(bits >> held & 255U);
    }
    return out;
}

}  // namespace

std::string to_cursor(std::string_view key) { return encode(std::string{mark} + std::string{key}); }

std::optional<std::string> parse_cursor(std::string_view text) {
    auto bytes = decode(text);
    // The same text back: otherwise its length or its last bits are not ours.
    if (!bytes || encode(*bytes) != text || !bytes->starts_with(mark)) return std::nullopt;
    return bytes->substr(mark.size());
}

}  // namespace tidemark::http
