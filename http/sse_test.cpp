#include "tidemark/http/sse.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

using namespace tidemark::http;

namespace {

std::vector<sse_event> events_of(sse_parser& parser) {
    std::vector<sse_event> out;
    while (auto e = parser.next()) out.push_back(*e);
    return out;
}

std::vector<sse_event> parse(std::string_view text) {
    sse_parser parser;
    parser.feed(text);
    return events_of(parser);
}

}  // namespace

TEST_CASE("sse: an event is written field by field, its content line by line") {
    CHECK(to_text({"7", "placed", "{}"}) == "id: 7\nevent: placed\ndata: {}\n\n");
    CHECK(to_text({"", "", "a\nb\r\nc\rd"}) == "data: a\ndata: b\ndata: c\ndata: d\n\n");
    CHECK(to_text({"", "", ""}) == "data: \n\n");
    CHECK(sse_comment("beat\ndata: x") == ": beat\n\n");
}

TEST_CASE("sse: an id or name that could forge a field is refused") {
    CHECK_THROWS_AS(static_cast<void>(to_text({"1\ndata: x", "", ""})), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(to_text({"", "a\rb", ""})), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(to_text({std::string{"a\0", 2}, "", ""})),
                    std::invalid_argument);
}

TEST_CASE("sse: what is written is read again, however it is cut") {
    const std::vector<sse_event> sent{
        {"1", "placed", "{\"a\":1}"}, {"2", "", "x\ny"}, {"", "z", " "}};
    std::string text = sse_comment("hello");
    for (const auto& e : sent) text += to_text(e);
    for (std::size_t size = 1; size < text.size(); ++size) {
        CAPTURE(size);
        sse_parser parser;
        std::vector<sse_event> got;
        for (std::size_t at = 0; at < text.size(); at += size) {
            parser.feed(std::string_view{text}.substr(at, size));
            for (auto& e : events_of(parser)) got.push_back(std::move(e));
        }
        CHECK((got == sent));
        CHECK(parser.last_id() == "2");
    }
}

TEST_CASE("sse: all line ends are understood, an LF behind a CR once") {
    const std::vector<sse_event> wanted{{"", "", "a"}, {"", "", "b"}};
    CHECK((parse("data: a\r\n\r\ndata: b\r\n\r\n") == wanted));
    CHECK((parse("data: a\r\rdata: b\r\r") == wanted));
    CHECK((parse("data:a\n\ndata:b\n\n") == wanted));
}

TEST_CASE("sse: comments, unknown fields and events without data are passed over") {
    CHECK((parse(": c\nretry: 5\nwhat: x\n\nevent: e\n\n") == std::vector<sse_event>{}));
    CHECK((parse("data\n\n") == std::vector<sse_event>{{"", "", ""}}));
    sse_parser parser;
    parser.feed("id: 9\n\n");
    CHECK_FALSE(parser.next().has_value());
    CHECK(parser.last_id() == "9");
}

TEST_CASE("sse: an event over the limit fails instead of growing") {
    sse_parser parser{100};
    parser.feed("data: " + std::string(200, 'a'));
    CHECK_FALSE(parser.next().has_value());
    CHECK(parser.has_failed());
    sse_parser lines{100};
    for (int i = 0; i < 20; ++i) lines.feed("data: 0123456789\n");
    CHECK_FALSE(lines.next().has_value());
    CHECK(lines.has_failed());
}
