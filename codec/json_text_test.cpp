#include "tidemark/codec/json_text.hpp"

#include "tidemark/codec/json_path.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace json_text = tidemark::json_text;
using namespace std::string_literals;

namespace {

std::string quoted(std::string_view text) {
    std::string out;
    return json_text::append_quoted(out, text) ? out : "refused";
}

}  // namespace

TEST_CASE("json_text: the plain prefix ends at the first byte that needs attention, anywhere") {
    for (const char special : {'"', '\\', '\n', '\0', '\x1f', '\x80', '\xff'}) {
        for (std::size_t at = 0; at < 20; ++at) {
            std::string text(20, 'x');
            text[at] = special;
            CHECK(json_text::plain_prefix(text) == at);
        }
    }
    CHECK(json_text::plain_prefix(" !~\x7f") == 4);
    CHECK(json_text::plain_prefix("") == 0);
}

TEST_CASE("json_text: every code point round-trips through UTF-8, surrogates do not exist") {
    for (std::uint32_t code_point = 0; code_point <= 0x10FFFF; ++code_point) {
        if (code_point >= 0xD800 && code_point < 0xE000) continue;
        std::string text;
        json_text::append_utf8(text, code_point);
        if (json_text::utf8_length(text) != text.size()) FAIL("U+", code_point);
    }
    CHECK(json_text::utf8_length("\xF4\x8F\xBF\xBF") == 4);
}

TEST_CASE("json_text: what is not UTF-8 is refused") {
    for (const auto* text : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80",
                             "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80",
                             "\xC3", "\xE2\x82", "\xF0\x9F\x98", "\xC3(", "\xFF"}) {
        CAPTURE(json_text::excerpt(text));
        CHECK_FALSE(json_text::is_utf8(text));
        CHECK(quoted("ok"s + text) == "refused");
    }
}

TEST_CASE("json_text: escapes what JSON demands and nothing else") {
    CHECK(quoted("") == "\"\"");
    CHECK(quoted("a\"b\\c/d") == R"("a\"b\\c/d")");
    CHECK(quoted("\b\f\n\r\t") == R"("\b\f\n\r\t")");
    CHECK(quoted("\0\x01\x1f\x7f"s) == "\"\\u0000\\u0001\\u001f\x7f\"");
    CHECK(quoted("é€😀\u2028") == "\"é€😀\u2028\"");
}

TEST_CASE("json_text: an excerpt is short, whole characters, and shows strange bytes") {
    CHECK(json_text::excerpt("short") == "short");
    CHECK(json_text::excerpt("abcdef", 3) == "abc…");
    CHECK(json_text::excerpt("ab€", 4) == "ab…");
    CHECK(json_text::excerpt("a\nb\xFF") == "a\\x0ab\\xff");
}

TEST_CASE("json_path: names the value at an offset") {
    const std::string_view text = R"({"a":1,"items":[{"q":1},{"\"}]":[[],[7,8]]}],"x y":2})";
    const auto path = [&](std::string_view at) { return tidemark::json_path(text, text.find(at)); };
    CHECK(path("{") == "$");
    CHECK(path("1,") == "$.a");
    CHECK(path("[{") == "$.items");
    CHECK(path("1}") == "$.items[0].q");
    CHECK(path("8]") == R"($.items[1]["\"}]"][1][1])");
    CHECK(path("2}") == "$[\"x y\"]");
}
