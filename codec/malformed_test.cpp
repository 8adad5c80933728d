#include "tidemark/codec/json_codec.hpp"
#include "tidemark/codec/test_messages.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using shop::everything;
using tidemark::errc;

namespace {

template <class T>
std::string mistake(std::string_view payload, const tidemark::decode_options& options = {}) {
    auto decoded = tidemark::decode<T>(payload, options);
    if (decoded.has_value()) return "nothing";
    const auto failure = decoded.error();
    return failure.message().substr(failure.message().find(": ") + 2);
}

/// What is wrong when one field of the full payload is replaced.
std::string with_field(const std::string& name, const std::string& value) {
    auto payload = shop::full_payload();
    const auto at = payload.find('"' + name + "\":") + name.size() + 3;
    // Far enough for every field these tests replace: none of them holds a comma.
    payload.replace(at, payload.find_first_of(",}", at) - at, value);
    return mistake<everything>(payload);
}

struct row {
    std::string field;
    std::string value;
    std::string expected;
};

}  // namespace

TEST_CASE("decode: a field of the wrong kind is told with path, expected and got") {
    const std::vector<row> table{
        {"flag", "1", "$.flag expected boolean, got number 1"},
        {"flag", "null", "$.flag expected boolean, got null"},
        {"tiny", "128", "$.tiny expected integer in [-128, 127], got number 128"},
        {"tiny", "\"two\"", "$.tiny expected integer, got string \"two\""},
        {"tiny", "1.0", "$.tiny expected integer, got number 1.0"},
        {"tiny", "1e2", "$.tiny expected integer, got number 1e2"},
        {"tiny", "-", "$.tiny expected integer, got '-'"},
        {"tiny", "+1", "$.tiny expected integer, got '+'"},
        {"tiny", "01", "$.tiny expected ',' or '}' after the value, got number 1"},
        {"octet", "-1", "$.octet expected integer in [0, 255], got number -1"},
        {"big", "9223372036854775808",
         "$.big expected integer in [-9223372036854775808, 9223372036854775807], got number "
         "9223372036854775808"},
        {"huge", "18446744073709551616",
         "$.huge expected integer in [0, 18446744073709551615], got number 18446744073709551616"},
        {"real", "1e400", "$.real expected number within the range of a double, got number 1e400"},
        {"real", "NaN", "$.real expected number, got 'N'"},
        {"real", "1.", "$.real expected number, got '1'"},
        {"real", ".5", "$.real expected number, got '.'"},
        {"narrow", "1e39", "$.narrow expected number within the range of a float, got number 1e39"},
        {"text", "true", "$.text expected string, got true"},
        {"text", "'x'", "$.text expected string, got '''"},
        {"colour", "\"blue\"", "$.colour expected one of \"red\", \"green\", got string \"blue\""},
        {"colour", "0", "$.colour expected the name of an enumerator, got number 0"},
        {"maybe", "{}", "$.maybe expected integer, got object"},
        {"at", "\"2024-02-30T00:00:00Z\"",
         "$.at expected instant (\"2026-01-31T08:30:00.000000Z\"), got string "
         "\"2024-02-30T00:00:00Z\""},
        {"wait", "\"1s\"", "$.wait expected integer, got string \"1s\""},
        {"patience", "61000000",
         "$.patience expected microseconds that are a whole number of the field's unit, got number "
         "61000000"},
        {"stream", "\"order\"",
         "$.stream expected stream id (\"category-id\"), got string \"order\""},
        {"message", "\"x\"", "$.message expected UUID, got string \"x\""},
        {"version", "-3", "$.version expected integer in [0, 18446744073709551615], got number -3"},
        {"cost", "[]", "$.cost expected integer, got array"},
    };
    for (const auto& [field, value, expected] : table) {
        CAPTURE(field);
        CAPTURE(value);
        CHECK(with_field(field, value) == expected);
    }
}

TEST_CASE("decode: what is wrong inside containers has the path of the element") {
    using order = shop::order;
    CHECK(mistake<order::placed>(R"({"items":[{"sku":"a","qty":1},{"sku":"b"}],"total":1})") ==
          "$.items[1].qty is missing");
    CHECK(mistake<order::placed>(R"({"items":{},"total":1})") ==
          "$.items expected array, got object");
    CHECK(mistake<order::placed>(R"([])") == "$ expected object, got array");
    using three = std::array<std::int32_t, 3>;
    CHECK(mistake<three>("[1,2]") == "$ expected exactly 3 elements");
    CHECK(mistake<three>("[1,2,3,4]") == "$ expected exactly 3 elements");
    CHECK(mistake<three>("[1,2,]") == "$[2] expected integer, got ']'");
    using prices = std::map<std::string, shop::money>;
    CHECK(mistake<prices>(R"({"a b":1,"c":"x"})") == "$.c expected integer, got string \"x\"");
    CHECK(mistake<prices>(R"({"a b":1,"a b":2})") == "$[\"a b\"] appears twice");
    CHECK(mistake<shop::contact>(R"({"address":"a@b","votes":{"blue":1},"wanted":{}})") ==
          "$.votes.blue is not a key of this map");
}

TEST_CASE("decode: a variant wants one member, a stored name it knows") {
    using event = shop::order::event;
    CHECK(mistake<event>("{}") == "$ expected the stored name as its one member, got no member");
    CHECK(mistake<event>("7") ==
          "$ expected object with the stored name as its one member, got number 7");
    CHECK(mistake<event>(R"({"order.noted.v1":{"text":"a"},"order.closed.v1":{}})") ==
          "$[\"order.closed.v1\"] is a second member beside the message's stored name");
    CHECK(mistake<event>(R"({"order.noted.v1":{"text":1}})") ==
          "$[\"order.noted.v1\"].text expected string, got number 1");
    const auto unknown = tidemark::decode<event>(R"({"order.lost.v1":{}})");
    CHECK(unknown.error().code() == errc::unknown_message);
    CHECK(mistake<event>(R"({"order.lost.v1":{}})") ==
          "$[\"order.lost.v1\"] is not a message known here; known are order.placed.v2, "
          "order.noted.v1, order.closed.v1");
}

TEST_CASE("decode: text of no use is refused") {
    const std::vector<std::pair<std::string, std::string>> table{
        {"", "$ expected object, got end of payload"},
        {"  ", "$ expected object, got end of payload"},
        {"null", "$ expected object, got null"},
        {"{", "$ expected a member name in quotes, got end of payload"},
        {"{]", "$ expected a member name in quotes, got ']'"},
        {"{\"text\"}", "$.text expected ':' after the member name, got '}'"},
        {R"({"text":"a",})", "$ expected a member name in quotes, got '}'"},
        {R"({"text":"a"]})", "$.text expected ',' or '}' after the value, got ']'"},
        {R"({"text":"a"} x)", "$ is followed by 'x' after its end"},
        {R"({"text":"a"}{})", "$ is followed by object after its end"},
        {R"({"text":"a)", "$.text is a string without end"},
        {"{\"text\":\"a\nb\"}", "$.text has the control character '\\x0a', which must be escaped"},
        {"{\"text\":\"\xC3(\"}", "$.text is not UTF-8"},
        {R"({"text":"\x"})", "$.text has the unknown escape \"\\x\""},
        {R"({"text":"\u12g4"})", "$.text has a \\u without four hex digits"},
        {R"({"text":"\u12)", "$.text has a \\u without four hex digits"},
        {R"({"text":"\ud800"})", "$.text has the lone surrogate \\ud800"},
        {R"({"text":"\ud800\u0041"})", "$.text has the lone surrogate \\ud800"},
        {R"({"text":"\ud800\ud800"})", "$.text has the lone surrogate \\ud800"},
        {R"({"text":"\udc00"})", "$.text has the lone surrogate \\udc00"},
        {R"({"text":"a","text":"b"})", "$.text appears twice"},
        {R"({"other":tru,"text":"a"})", "$.other expected value, got 't'"},
        {R"({"other":[1 2],"text":"a"})",
         "$.other[0] expected ',' or ']' after the value, got number 2"},
        {R"({"other":1})", "$.text is missing"},
        {"\xEF\xBB\xBF{}", "$ expected object, got '\xEF\xBB\xBF'"},
    };
    for (const auto& [payload, expected] : table) {
        CAPTURE(payload);
        CHECK(mistake<shop::order::noted>(payload) == expected);
    }
}

TEST_CASE("decode: strict refuses unknown fields and lists the known ones") {
    CHECK(mistake<shop::line>(R"({"sku":"a","quantity":1,"qty":1})", {.strict = true}) ==
          "$.quantity is not a field; the fields are sku, qty");
    CHECK(mistake<shop::order::closed>(R"({"a":1})", {.strict = true}) ==
          "$.a is not a field; there are none");
    CHECK(mistake<shop::line>(R"({"sku":"a","quantity":1,"qty":1})") == "nothing");
}

TEST_CASE("decode: a value's own constructor refuses in its own words") {
    CHECK(mistake<shop::contact>(R"({"address":"nobody","votes":{},"wanted":{}})") ==
          "$.address is refused: an email address has an @, \"nobody\" has none");
}

TEST_CASE("decode: 32 levels are read, one more is refused, whether known or passed over") {
    const auto nest = [](std::size_t levels, const std::string& open, const std::string& close) {
        std::string text;
        for (std::size_t i = 0; i < levels; ++i) text += open;
        for (std::size_t i = 0; i < levels; ++i) text += close;
        return text;
    };
    const auto inner = [&](std::size_t pairs) {
        auto text = nest(pairs, "{\"inner\":[", "]}");
        return text;
    };
    CHECK(mistake<shop::nested>(inner(16)) == "nothing");
    CHECK(mistake<shop::nested>(inner(17)).ends_with(".inner[0] is nested deeper than 32"));
    const auto skipped = [&](std::size_t levels) {
        return R"({"other":)" + nest(levels, "[", "]") + R"(,"text":""})";
    };
    CHECK(mistake<shop::order::noted>(skipped(31)) == "nothing");
    CHECK(mistake<shop::order::noted>(skipped(32)).ends_with("[0] is nested deeper than 32"));
    CHECK(mistake<shop::order::noted>(std::string(1'000'000, '[')) ==
          "$ expected object, got array");
    CHECK(mistake<shop::order::noted>(R"({"other":)" + std::string(1'000'000, '['))
              .ends_with("is nested deeper than 32"));
}

TEST_CASE("decode: a payload cut at any byte is an error") {
    const auto payload = shop::full_payload();
    for (std::size_t size = 0; size < payload.size(); ++size) {
        const auto decoded = tidemark::decode<everything>(payload.substr(0, size));
        if (decoded.has_value()) FAIL("read from the first ", size, " bytes");
        CHECK(decoded.error().code() == errc::malformed_payload);
    }
}

TEST_CASE("decode: error messages stay short, however long the payload") {
    const std::string long_text(100'000, 'x');
    CHECK(mistake<shop::line>(R"({"sku":"a","qty":")" + long_text + "\"}").size() < 120);
    CHECK(mistake<shop::line>(R"({"sku":"a","qty":)" + std::string(100'000, '1') + "}").size() <
          160);
    CHECK(mistake<shop::line>("{\"" + long_text + "\":1}", {.strict = true}).size() < 160);
}
