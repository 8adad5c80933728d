#include "tidemark/cli/output.hpp"

#include <doctest/doctest.h>
#include <boost/json/parse.hpp>

#include <sstream>

namespace {

using namespace tidemark::cli;

struct printed {
    std::ostringstream results;
    std::ostringstream remarks;
    [[nodiscard]] output with(output_style style) { return {results, remarks, style}; }
};

}  // namespace

TEST_CASE("output: JSON keeps numbers in their shortest form") {
    const auto document = boost::json::parse(
        R"({"a":0.5,"b":2.0,"c":18446744073709551615,"d":-1,"e":[],"f":{},"g":"ü\n","h":null})");
    CHECK(to_text(document) ==
          R"({"a":0.5,"b":2.0,"c":18446744073709551615,"d":-1,"e":[],"f":{},"g":"ü\n","h":null})");
    CHECK(to_indented_text(boost::json::parse(R"({"a":[1,{"b":2}],"c":[]})")) ==
          "{\n  \"a\": [\n    1,\n    {\n      \"b\": 2\n    }\n  ],\n  \"c\": []\n}");
}

TEST_CASE("output: a table's columns are as wide as their widest cell, in characters") {
    printed p;
    p.with({}).table({"A", "NAME", "LAST"}, {{"1", "grün", "x"}, {"22", "b", "yy"}});
    CHECK(p.results.str() == "A   NAME  LAST\n1   grün  x\n22  b     yy\n");
}

TEST_CASE("output: with --json only the document is printed, without it only the text") {
    printed p;
    const auto document = boost::json::parse(R"({"a":1})");
    p.with({.is_json = true}).line("text");
    p.with({.is_json = true}).json(document);
    p.with({}).json(document);
    p.with({}).line("text");
    p.with({.verbosity = -1}).line("text");
    p.with({}).remark("remark");
    CHECK(p.results.str() == "{\"a\":1}\ntext\n");
    CHECK(p.remarks.str().empty());
    p.with({.verbosity = 1}).remark("remark");
    CHECK(p.remarks.str() == "remark\n");
}

TEST_CASE("output: a cell is text for people and never drives the terminal") {
    const auto object = boost::json::parse(R"({"s":"a\u001b[2Jb\n","n":null,"i":7,"o":{"x":1}})");
    CHECK(cell(object, "s") == "a?[2Jb?");
    CHECK(cell(object, "n").empty());
    CHECK(cell(object, "missing").empty());
    CHECK(cell(object, "i") == "7");
    CHECK(cell(object, "o") == "{\"x\":1}");
    CHECK(cell(boost::json::value{"text"}, "s").empty());
}

TEST_CASE("output: a span has two units at most") {
    CHECK(span_text(0.25) == "250ms");
    CHECK(span_text(1) == "1s");
    CHECK(span_text(252) == "4m 12s");
    CHECK(span_text(3600) == "1h");
    CHECK(span_text(90061) == "1d 1h");
    CHECK(span_text(-1).empty());
}
