#include "tidemark/codec/golden.hpp"

#include "tidemark/core/message.hpp"
#include "tidemark/core/types.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

struct sail {
    struct hoisted_v1 {
        std::string sail;
    };
    struct hoisted {
        std::string sail;
        int reefs = 0;
    };
    struct struck {};
    using event = std::variant<hoisted, struck>;
    using upcasts = tidemark::types<hoisted_v1>;
    static hoisted upcast(const hoisted_v1& old) { return {old.sail, 0}; }

    struct state {
        std::vector<std::string> up;
    };
};
TIDEMARK_MESSAGE(sail::hoisted_v1, "sail.hoisted.v1", sail)
TIDEMARK_MESSAGE(sail::hoisted, "sail.hoisted.v2", sail, reefs)
TIDEMARK_MESSAGE(sail::struck, "sail.struck.v1")
TIDEMARK_STATE(sail::state, "sail.state.v1", up)

using mistakes = std::vector<std::string>;

const std::string stored = TIDEMARK_SOURCE_FOLDER "/golden_test.golden";

mistakes mistakes_with(const std::vector<sail::event>& values) {
    tidemark::golden golden{stored};
    golden.holds<sail::event>(values);
    golden.becomes<sail::event, sail>("sail.hoisted.v1", sail::hoisted{"jib", 0});
    golden.holds_one(sail::state{{"jib"}});
    auto found = golden.mistakes();
    for (auto& sentence : found) sentence.erase(0, sentence.find(".golden") + 7);
    return found;
}

}  // namespace

TEST_CASE("golden: values that have their stored bytes pass") {
    CHECK(mistakes_with({sail::hoisted{"jib"}, sail::hoisted{"main", 2}, sail::struck{}}) ==
          mistakes{});
}

TEST_CASE("golden: an alternative without a value and a line without a check are mistakes") {
    CHECK(mistakes_with({sail::hoisted{"jib"}, sail::hoisted{"main", 2}}) ==
          mistakes{": no value of sail.struck.v1 is checked",
                   ":6: no check has used sail.struck.v1"});
}

TEST_CASE("golden: bytes that are not those stored are a mistake") {
    const auto found =
        mistakes_with({sail::hoisted{"jib"}, sail::hoisted{"main", 3}, sail::struck{}});
    REQUIRE(found.size() == 2);
    CHECK(found[0] ==
          R"(: sail.hoisted.v2 is now written as {"sail":"main","reefs":3}, which is none of its )"
          "golden lines. Stored bytes never change: give the changed message the next version and "
          "an upcast from this one");
    CHECK(found[1] == ":5: no check has used sail.hoisted.v2");
}

TEST_CASE("golden: old lines must become what is expected, and must be there") {
    tidemark::golden golden{stored};
    golden.becomes<sail::event, sail>("sail.hoisted.v1", sail::hoisted{"jib", 1});
    golden.becomes<sail::event, sail>("sail.hoisted.v0", sail::struck{});
    const auto found = golden.mistakes();
    REQUIRE(found.size() == 6);
    CHECK(found[0].ends_with("sail.hoisted.v1 is read as another value than the one expected"));
    CHECK(found[1].ends_with("sail.hoisted.v0 has no golden line"));
}

TEST_CASE("golden: a file that is missing or has another form is a mistake") {
    CHECK(tidemark::golden{"/nowhere/at.golden"}.mistakes() ==
          mistakes{"/nowhere/at.golden: the file cannot be read"});
    CHECK(tidemark::golden{TIDEMARK_SOURCE_FOLDER "/meson.build"}.mistakes().front().find(
              "is not \"stored name TAB payload\"") != std::string::npos);
}
