#include "tidemark/observability/log.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidemark::log {
namespace {

constexpr std::size_t text_bytes_max = 4096;
constexpr std::string_view replacement = "\xEF\xBF\xBD";
constexpr std::string_view ellipsis = "\xE2\x80\xA6";

unsigned char byte_at(std::string_view text, std::size_t at) {
    return static_cast<unsigned char>(text[at]);
}

/// Length of the well-formed UTF-8 sequence at `at` (RFC 3629: no overlong forms, no surrogates,
/// nothing above U+10FFFF); 0 if there is none.
std::size_t utf8_length(std::string_view text, std::size_t at) {
    const auto first = byte_at(text, at);
    if (first < 0x80) return 1;
    auto length = std::size_t{0};
    auto low = 0x80U;
    auto high = 0xBFU;
    if (first >= 0xC2 && first <= 0xDF) {
        length = 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
        length = 3;
        if (first == 0xE0) low = 0xA0;
        if (first == 0xED) high = 0x9F;
    } else if (first >= 0xF0 && first <= 0xF4) {
        length = 4;
        if (first == 0xF0) low = 0x90;
        if (first == 0xF4) high = 0x8F;
    }
    if (length == 0 || at + length > text.size()) return 0;
    if (byte_at(text, at + 1) < low || byte_at(text, at + 1) > high) return 0;
    for (auto i = std::size_t{2}; i < length; ++i) {
        if ((byte_at(text, at + i) & 0xC0U) != 0x80U) return 0;
    }
    return length;
}

void append_escaped_byte(std::string& out, unsigned char value) {
    constexpr std::string_view digits = "0123456789abcdef";
    switch (value) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
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
    if (value >= 0x20 && value != 0x7F) {
        out += static_cast<char>(value);
        return;
    }
    out += "\\u00";
    out += digits[value >> 4U];
    out += digits[value & 0x0FU];
}

/// Appends `text` as the inside of a JSON string.
void append_escaped(std::string& out, std::string_view text) {
    for (auto at = std::size_t{0}; at < text.size();) {
        if (at >= text_bytes_max) {
            out += ellipsis;
            return;
        }
        const auto length = utf8_length(text, at);
        if (length == 0) {
            out += replacement;
            ++at;
        } else if (length == 1) {
            append_escaped_byte(out, byte_at(text, at));
            ++at;
        } else {
            out += text.substr(at, length);
            at += length;
        }
    }
}

void append_quoted(std::string& out, std::string_view text) {
    out += '"';
    append_escaped(out, text);
    out += '"';
}

template <class Number>
void append_number(std::string& out, Number value) {
    std::array<char, 32> buffer{};
    const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    out.append(buffer.data(), written.ptr);
}

void append_real(std::string& out, double value) {
    if (std::isfinite(value)) return append_number(out, value);
    if (std::isnan(value)) return append_quoted(out, "nan");
    append_quoted(out, value > 0 ? "inf" : "-inf");
}

void append_value(std::string& out, const field& f) {
    switch (f.type()) {
        case field::kind::text:
            append_quoted(out, f.text());
            break;
        case field::kind::integer:
            append_number(out, f.integer());
            break;
        case field::kind::natural:
            append_number(out, f.natural());
            break;
        case field::kind::real:
            append_real(out, f.real());
            break;
        case field::kind::boolean:
            out += f.boolean() ? "true" : "false";
            break;
        case field::kind::none:
        case field::kind::trace:
            break;
    }
}

bool is_taken(std::string_view key) {
    return key == "ts" || key == "level" || key == "module" || key == "message";
}

/// Calls `put(key, field)` for every plain field, a trace expanded into its parts.
template <class Put>
void for_each_plain(std::span<const field> all, Put put) {
    for (const auto& f : all) {
        if (f.type() == field::kind::none) continue;
        if (f.type() != field::kind::trace) {
            put(f);
            continue;
        }
        const auto& trace = f.trace();
        const auto correlation = trace.correlation.to_string();
        const auto causation = trace.causation.to_string();
        if (!trace.correlation.is_none()) put(field{"correlation", correlation});
        if (!trace.causation.is_none()) put(field{"causation", causation});
        // version-traceid-parentid-flags, fixed widths (W3C Trace Context).
        if (const auto parent = std::string_view{trace.traceparent}; parent.size() >= 55) {
            put(field{"trace_id", parent.substr(3, 32)});
            put(field{"span_id", parent.substr(36, 16)});
        }
    }
}

bool is_plain_word(std::string_view text) {
    if (text.empty()) return false;
    for (const auto c : text) {
        const auto code = static_cast<unsigned char>(c);
        if (code <= 0x20 || code >= 0x7F || c == '"' || c == '=' || c == '\\') return false;
    }
    return true;
}

std::string_view colour_of(level value) {
    switch (value) {
        case level::warn:
            return "\x1b[33m";
        case level::error:
        case level::critical:
            return "\x1b[31m";
        case level::info:
            return "\x1b[32m";
        default:
            return "\x1b[2m";
    }
}

}  // namespace

std::string_view to_string(level value) {
    switch (value) {
        case level::trace:
            return "trace";
        case level::debug:
            return "debug";
        case level::info:
            return "info";
        case level::warn:
            return "warn";
        case level::error:
            return "error";
        case level::critical:
            return "critical";
        case level::off:
            return "off";
    }
    return "off";
}

std::optional<level> parse_level(std::string_view text) {
    for (auto i = 0; i <= static_cast<int>(level::off); ++i) {
        if (const auto value = static_cast<level>(i); to_string(value) == text) return value;
    }
    return std::nullopt;
}

std::string to_json(const record& line) {
    std::string out;
    out.reserve(192);
    out += "{\"level\":\"";
    out += to_string(line.level);
    out += "\",\"module\":";
    append_quoted(out, line.module);
    out += ",\"message\":";
    append_quoted(out, line.message);
    for_each_plain(line.fields, [&out](const field& f) {
        out += is_taken(f.key()) ? ",\"field_" : ",\"";
        append_escaped(out, f.key());
        out += "\":";
        append_value(out, f);
    });
    out += '}';
    return out;
}

std::string to_human(const record& line, bool colour) {
    std::string out;
    out.reserve(160);
    if (colour) out += colour_of(line.level);
    out += to_string(line.level);
    out.append(9 - to_string(line.level).size(), ' ');
    if (colour) out += "\x1b[0m";
    append_escaped(out, line.module);
    out += ": ";
    append_escaped(out, line.message);
    for_each_plain(line.fields, [&out](const field& f) {
        out += ' ';
        append_escaped(out, f.key());
        out += '=';
        if (f.type() == field::kind::text && is_plain_word(f.text())) {
            append_escaped(out, f.text());
        } else {
            append_value(out, f);
        }
    });
    return out;
}

}  // namespace tidemark::log
