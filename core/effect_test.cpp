#include "tidemark/core/effect.hpp"

#include "tidemark/core/core.hpp"

#include <doctest/doctest.h>

#include <sstream>

using namespace std::chrono_literals;
using namespace tidemark;

namespace {

std::string printed(const auto& value) {
    std::ostringstream out;
    out << value;
    return out.str();
}

}  // namespace

namespace mill {

struct wheel {
    static constexpr std::string_view category = "wheel";
    struct turn {
        int times = 0;
    };
    struct stop {};
    using command = std::variant<turn, stop>;
};
struct grind {
    int sacks = 0;
};
/// A saga takes inputs, not commands.
struct delivery {
    static constexpr std::string_view category = "delivery";
    using input = std::variant<grind>;
};

TIDEMARK_MESSAGE(wheel::turn, "wheel.turn.v1", times)
TIDEMARK_MESSAGE(wheel::stop, "wheel.stop.v1")
TIDEMARK_MESSAGE(grind, "mill.grind.v1", sacks)

}  // namespace mill

using mill::grind, mill::wheel;

namespace {

effect leaf(int number) { return request(grind{number}); }

// "4: 2 after 1; ": the leaf of index 4 grinds 2 sacks once the leaf of index 1 has ended.
std::string flat(const std::vector<effect>& effects) {
    std::string out;
    for (const auto& found : flatten(effects)) {
        const auto& asked = found.what.get_if<request_effect>()->value;
        out += std::to_string(found.index) + ": " + std::to_string(asked.get_if<grind>()->sacks);
        if (!found.after.empty()) out += " after";
        for (const auto at : found.after) out += " " + std::to_string(at);
        out += "; ";
    }
    return out;
}

}  // namespace

TEST_CASE("effect: equal parts make equal effects") {
    const id<wheel> one = "1";
    CHECK(effect{send(one, wheel::turn{2})} == effect{send(one, wheel::turn{2})});
    CHECK(effect{send(one, wheel::turn{2})} != effect{send(one, wheel::turn{3})});
    CHECK(effect{send(one, wheel::turn{2})} != effect{send(id<wheel>{"2"}, wheel::turn{2})});
    CHECK(effect{schedule("t", 1s, wheel::stop{})} == effect{schedule("t", 1000ms, wheel::stop{})});
    CHECK(effect{schedule("t", 1s, wheel::stop{})} !=
          effect{schedule("t", instant{1s}, wheel::stop{})});
    CHECK(effect{cancel("t")} != effect{cancel("u")});
    CHECK(leaf(1) != effect{request(grind{1}, {.timeout = 5s})});
    CHECK(effect{sequence{leaf(1), leaf(2)}} != effect{parallel{leaf(1), leaf(2)}});
    CHECK(effect{sequence{leaf(1), leaf(2)}} != effect{sequence{leaf(2), leaf(1)}});
    CHECK(effect{sequence{leaf(1)}} == effect{sequence_effect{{leaf(1)}}});
}

TEST_CASE("effect: prints as it is written") {
    CHECK(printed(send(id<wheel>{"1"}, wheel::turn{2})) ==
          "send{target: \"wheel-1\", command: wheel.turn.v1{times: 2}}");
    CHECK(printed(send(id<mill::delivery>{"7"}, grind{2})) ==
          "send{target: \"delivery-7\", command: mill.grind.v1{sacks: 2}}");
    CHECK(printed(schedule("t", 90s, wheel::stop{})) ==
          "schedule{name: \"t\", after: \"90s\", command: wheel.stop.v1{}}");
    CHECK(printed(schedule("t", instant{1s}, wheel::stop{})) ==
          "schedule{name: \"t\", at: \"1970-01-01T00:00:01.000000Z\", command: wheel.stop.v1{}}");
    CHECK(printed(cancel("t")) == "cancel{name: \"t\"}");
    CHECK(printed(leaf(1)) == "request{value: mill.grind.v1{sacks: 1}}");
    CHECK(printed(effect{sequence{cancel("a"), parallel{leaf(1), cancel("b")}}}) ==
          "sequence[cancel{name: \"a\"}, parallel[request{value: mill.grind.v1{sacks: 1}}, "
          "cancel{name: \"b\"}]]");
}

TEST_CASE("effect: durations print in their largest whole unit") {
    const auto after = [](duration d) {
        const auto text = printed(schedule("", d, wheel::stop{}));
        const auto start = text.find("after: \"") + 8;
        return text.substr(start, text.find('"', start) - start);
    };
    CHECK(after(0s) == "0s");
    CHECK(after(24h) == "24h");
    CHECK(after(90min) == "90min");
    CHECK(after(1500ms) == "1500ms");
    CHECK(after(-1us) == "-1us");
}

TEST_CASE("effect: a request carries its options as values") {
    const auto asked =
        request(grind{1}, {.retry = {.attempts_max = 1}, .timeout = 2s, .breaker = "miller"});
    CHECK(asked.value().options.retry.attempts_max == 1);
    CHECK(asked.value().options.breaker == "miller");
    const request_options standard;
    CHECK(standard.retry == retry_policy{5, 1s, 2.0, 32s});
    CHECK(standard.timeout == 30s);
    CHECK(printed(asked).find("options: {retry: {attempts_max: 1") != std::string::npos);
}

TEST_CASE("flatten: top-level effects wait for nothing") {
    CHECK(flat({leaf(1), leaf(2)}) == "0: 1; 1: 2; ");
    CHECK(flat({}).empty());
}

TEST_CASE("flatten: in a sequence each waits for the one before") {
    CHECK(flat({sequence{leaf(1), leaf(2), leaf(3)}}) == "1: 1; 2: 2 after 1; 3: 3 after 2; ");
}

TEST_CASE("flatten: after a parallel the next one waits for all of it") {
    CHECK(flat({sequence{parallel{leaf(1), leaf(2)}, leaf(3)}}) == "2: 1; 3: 2; 4: 3 after 2 3; ");
}

TEST_CASE("flatten: a nested sequence holds the outer one up as a whole") {
    // sequence{1, parallel{sequence{2, 3}, 4}, 5}: 5 waits for all of 2, 3 and 4.
    CHECK(flat({sequence{leaf(1), parallel{sequence{leaf(2), leaf(3)}, leaf(4)}, leaf(5)}}) ==
          "1: 1; 4: 2 after 1; 5: 3 after 4; 6: 4 after 1; 7: 5 after 4 5 6; ");
}

TEST_CASE("flatten: empty groups take an index and delay nothing") {
    CHECK(flat({sequence{leaf(1), parallel{}, sequence{}, leaf(2)}}) == "1: 1; 4: 2 after 1; ");
}

TEST_CASE("flatten: trees of one decision do not wait for each other") {
    const auto leaves = flatten({sequence{leaf(1), leaf(2)}, parallel{leaf(3)}, leaf(4)});
    REQUIRE(leaves.size() == 4);
    CHECK(leaves[1].root == 0);
    CHECK(leaves[2].root == 3);
    CHECK(leaves[3].root == 5);
    CHECK(leaves[2].after.empty());
    CHECK(leaves[0].is_ordered);
    CHECK(!leaves[2].is_ordered);
    CHECK(!leaves[3].is_ordered);
}

TEST_CASE("flatten: what is parallel inside a sequence is ordered too") {
    const auto leaves = flatten({sequence{parallel{leaf(1)}}});
    REQUIRE(leaves.size() == 1);
    CHECK(leaves[0].is_ordered);
}
