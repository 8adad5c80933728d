#include "tidemark/http/json_text.hpp"

#include "tidemark/http/target.hpp"

namespace tidemark::http {

namespace {

void append_escaped(std::string& out, char c) {
    constexpr std::string_view digits = "0123456789abcdef";
    switch (c) {
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
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
        out += c;
        return;
    }
    out += "\\u00";
    out += digits[byte / 16];
    out += digits[byte % 16];
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    if (is_utf8(text)) {
        for (const auto c : text) append_escaped(out, c);
    } else {
        for (const auto c : text) {
            if (static_cast<unsigned char>(c) < 0x80)
                append_escaped(out, c);
            else
                out += "\xef\xbf\xbd";
        }
    }
    out += '"';
}

void append_json_member(std::string& out, std::string_view name, std::string_view value) {
    if (!out.empty() && out.back() != '{') out += ',';
    append_json_string(out, name);
    out += ':';
    append_json_string(out, value);
}

}  // namespace tidemark::http
