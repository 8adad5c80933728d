#include "tidemark/http/target.hpp"

#include "tidemark/http/header_fields.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace tidemark;
using namespace tidemark::http;

TEST_CASE("target: path and query are decoded") {
    const auto parts = parse_target("/orders/a%20b%C3%A9?limit=5&tag=x%2By&tag=a+b&flag&=v");
    REQUIRE(parts.has_value());
    CHECK(parts->path == "/orders/a bé");
    CHECK(parts->query.find("limit") == "5");
    CHECK(parts->query.all("tag") == std::vector<std::string_view>{"x+y", "a b"});
    CHECK(parts->query.find("flag") == "");
    CHECK(parts->query.find("") == "v");
    CHECK_FALSE(parts->query.find("absent"));
}

TEST_CASE("target: empty segments and a plus in the path stay as they are") {
    CHECK(parse_target("/")->path == "/");
    CHECK(parse_target("//a/")->path == "//a/");
    CHECK(parse_target("/a+b")->path == "/a+b");
    CHECK(parse_target("/a?")->query.size() == 0);
}

TEST_CASE("target: what could mean two things is refused") {
    for (const std::string_view bad : {"",
                                       "*",
                                       "orders",
                                       "http://host/",
                                       "host:80",
                                       "/..",
                                       "/a/../b",
                                       "/./a",
                                       "/a/%2e%2e/b",
                                       "/..%2f",
                                       "/a%2fb",
                                       "/a%5cb",
                                       "/a\\b",
                                       "/%00",
                                       "/%0a",
                                       "/%7f",
                                       "/%",
                                       "/%4",
                                       "/%zz",
                                       "/%+1",
                                       "/a b",
                                       "/a\tb",
                                       "/a#b",
                                       "/a\"b",
                                       "/<a>",
                                       "/{a}",
                                       "/%c0%af",
                                       "/%e0%80%af",
                                       "/%ed%a0%80",
                                       "/%ff",
                                       "/%f4%90%80%80",
                                       "/\xc3\xa9",
                                       "/a?%",
                                       "/a?b=%00",
                                       "/a?%00=b",
                                       "/a?x=%ff"}) {
        CAPTURE(bad);
        const auto parts = parse_target(bad);
        REQUIRE(parts.has_error());
        CHECK(parts.error().code() == errc::invalid_argument);
        CHECK_FALSE(parts.error().message().empty());
    }
}

TEST_CASE("target: at most a hundred query parameters") {
    std::string target = "/?a";
    for (int i = 1; i < 100; ++i) target += "&a";
    CHECK(parse_target(target)->query.size() == 100);
    CHECK(parse_target(target + "&a").has_error());
}

TEST_CASE("target: percent_encode is undone by parse_target") {
    const std::string text = "ä b/c?d=e&f%+~._-";
    const auto parts = parse_target("/?v=" + percent_encode(text));
    REQUIRE(parts.has_value());
    CHECK(parts->query.find("v") == text);
    CHECK(percent_encode("aZ9-._~") == "aZ9-._~");
}

TEST_CASE("header fields: names ignore case, values keep their order") {
    header_fields fields;
    fields.add("Accept", "a");
    fields.add("accept", "b");
    fields.add("Other", "c");
    CHECK(fields.find("ACCEPT") == "a");
    CHECK(fields.count("aCCept") == 2);
    fields.set("accept", "d");
    CHECK(fields.count("Accept") == 1);
    CHECK(fields.find("Accept") == "d");
    fields.erase("OTHER");
    CHECK(fields.size() == 1);
}

TEST_CASE("header fields: a field that could split the message is refused") {
    header_fields fields;
    CHECK_THROWS_AS(fields.add("X", "a\r\nSet-Cookie: b"), std::invalid_argument);
    CHECK_THROWS_AS(fields.add("X", std::string_view{"a\0b", 3}), std::invalid_argument);
    CHECK_THROWS_AS(fields.add("X Y", "a"), std::invalid_argument);
    CHECK_THROWS_AS(fields.set("", "a"), std::invalid_argument);
    CHECK(fields.empty());
}

TEST_CASE("header fields: lists reads members and their weights") {
    CHECK(lists("gzip", "gzip"));
    CHECK(lists("br, GZIP;q=0.5", "gzip"));
    CHECK_FALSE(lists("br, gzip;q=0", "gzip"));
    CHECK_FALSE(lists("gzip;q=0.000", "gzip"));
    CHECK_FALSE(lists("xgzip", "gzip"));
    CHECK_FALSE(lists("", "gzip"));
}
