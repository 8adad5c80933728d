#include "tidemark/codec/json_view.hpp"

#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <vector>

using tidemark::diff_json;
using tidemark::json_change;
using changes = std::vector<json_change>;

TEST_CASE("json_view: pretty printing indents and keeps the order") {
    CHECK(tidemark::pretty_json(R"({"b":1,"a":[],"c":[true,{"d":"x\ny"}],"e":{}})").value() ==
          "{\n"
          "  \"b\": 1,\n"
          "  \"a\": [],\n"
          "  \"c\": [\n"
          "    true,\n"
          "    {\n"
          "      \"d\": \"x\\ny\"\n"
          "    }\n"
          "  ],\n"
          "  \"e\": {}\n"
          "}");
    CHECK(tidemark::pretty_json("18446744073709551615").value() == "18446744073709551615");
    CHECK(tidemark::pretty_json("[0.1,1e400]").value() == "[\n  0.1,\n  1e400\n]");
}

TEST_CASE("json_view: what is not JSON is refused with a path") {
    const auto refused = tidemark::pretty_json(R"({"a":[1,})");
    REQUIRE(refused.has_error());
    CHECK(refused.error().code() == tidemark::errc::malformed_payload);
    CHECK(refused.error().message() == "$.a[1] expected value, got '}'");
    CHECK(tidemark::pretty_json(std::string(33, '[')).has_error());
    CHECK(diff_json("{}", "{").has_error());
    CHECK(diff_json("]", "{}").has_error());
}

TEST_CASE("json_view: equal documents have no differences, however they are spelled") {
    CHECK(diff_json(R"({"a":1,"b":[1,2]})", R"({ "b":[1, 2], "a":1 })").value().empty());
    CHECK(diff_json(R"("\u0041")", R"("A")").value().empty());
}

TEST_CASE("json_view: differences name the path, before and after") {
    CHECK(diff_json(R"({"balance":100,"owner":"ada","old":null})",
                    R"({"balance":60,"owner":"ada","a b":{"x":1}})")
              .value() == changes{{"$.balance", "100", "60"},
                                  {"$.old", "null", std::nullopt},
                                  {"$[\"a b\"]", std::nullopt, R"({"x":1})"}});
    CHECK(diff_json(R"({"items":[{"qty":1},{"qty":2}]})", R"({"items":[{"qty":1},{"qty":3},4]})")
              .value() == changes{{"$.items[1].qty", "2", "3"}, {"$.items[2]", std::nullopt, "4"}});
    CHECK(diff_json("[1,2]", "[1]").value() == changes{{"$[1]", "2", std::nullopt}});
    CHECK(diff_json(R"({"a":[]})", R"({"a":{}})").value() == changes{{"$.a", "[]", "{}"}});
}

TEST_CASE("json_view: a change prints as one line") {
    std::ostringstream out;
    out << json_change{"$.a", std::nullopt, "1"} << " | " << json_change{"$.b", "2", "3"};
    CHECK(out.str() == "$.a: (absent) -> 1 | $.b: 2 -> 3");
}
