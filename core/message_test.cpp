#include "tidemark/core/message.hpp"

#include "tidemark/core/any_message.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using tidemark::any_message;
using tidemark::instant;

namespace {

std::string printed(const auto& value) {
    std::ostringstream out;
    out << value;
    return out.str();
}

}  // namespace

namespace shop {

TIDEMARK_VALUE(cents, std::int64_t)
TIDEMARK_VALUE(sku, std::string)
TIDEMARK_VALUE(ratio, double)

struct order {
    static constexpr std::string_view category = "order";

    enum class status { open, paid };
    struct line {
        shop::sku sku;
        std::uint32_t quantity = 0;
    };
    struct placed {
        std::vector<line> lines;
        std::optional<std::string> note{};
        status now = status::open;
        std::map<std::string, cents> prices{};
        std::array<bool, 2> flags{};
    };
    struct sent {};
    struct timed {
        instant at{};
        std::chrono::seconds within{};
        tidemark::message_id cause{};
        tidemark::id<order> of{};
        tidemark::version version{};
        double share = 0;
        std::int8_t small = 0;
    };
    struct either {
        std::variant<sent, placed> what;
    };
    struct state {
        std::string a, b;
    };
};

TIDEMARK_ENUM(order::status, open, paid)
TIDEMARK_STRUCT(order::line, sku, quantity)
TIDEMARK_MESSAGE(order::placed, "order.placed.v1", lines, note, now, prices, flags)
TIDEMARK_MESSAGE(order::sent, "order.sent.v1")
TIDEMARK_MESSAGE(order::timed, "order.timed.v2", at, within, cause, of, version, share, small)
TIDEMARK_MESSAGE(order::either, "order.either.v1", what)
TIDEMARK_STATE(order::state, "order.state.v1", a, b)

}  // namespace shop

using shop::cents, shop::order;

TEST_CASE("message: what is described, stored and sent is told apart") {
    static_assert(tidemark::message<order::placed>);
    static_assert(tidemark::message<order::sent>);
    static_assert(!tidemark::message<order::state>);
    static_assert(tidemark::stored<order::state>);
    static_assert(tidemark::described<order::line> && !tidemark::stored<order::line>);
    static_assert(!tidemark::described<std::string> && !tidemark::described<int>);
    static_assert(tidemark::strong_value<cents> && tidemark::strong_value<tidemark::version>);
    static_assert(!tidemark::strong_value<std::string> &&
                  !tidemark::strong_value<std::chrono::seconds>);
    CHECK(tidemark::stored_name<order::placed>() == "order.placed.v1");
    CHECK(tidemark::stored_name<order::state>() == "order.state.v1");
}

TEST_CASE("message: compares field by field") {
    const order::placed one{.lines = {{shop::sku{"tea"}, 2}}, .prices = {{"tea", cents{5}}}};
    auto two = one;
    CHECK(one == two);
    two.lines[0].quantity = 3;
    CHECK(one != two);
    two = one;
    two.note = "";
    CHECK(one != two);
    CHECK(order::sent{} == order::sent{});
}

TEST_CASE("message: prints its name and its fields") {
    const order::placed full{.lines = {{shop::sku{"tea"}, 2}, {shop::sku{"a\"\n"}, 1}},
                             .note = "soon",
                             .now = order::status::paid,
                             .prices = {{"tea", cents{-5}}},
                             .flags = {true, false}};
    CHECK(printed(full) ==
          R"(order.placed.v1{lines: [{sku: "tea", quantity: 2}, {sku: "a\"\x0a", quantity: 1}], )"
          R"(note: "soon", now: "paid", prices: {tea: -5}, flags: [true, false]})");
    CHECK(
        printed(order::placed{}) ==
        "order.placed.v1{lines: [], note: none, now: \"open\", prices: {}, flags: [false, false]}");
    CHECK(printed(order::sent{}) == "order.sent.v1{}");
    CHECK(printed(order::line{shop::sku{"tea"}, 1}) == R"({sku: "tea", quantity: 1})");
    CHECK(printed(order::status::paid) == "\"paid\"");
}

TEST_CASE("message: times, ids, versions and numbers print as they are stored") {
    const order::timed full{.at = instant{1714555800s},
                            .within = 30s,
                            .cause = tidemark::message_id::v7(0, 0, 0),
                            .of = "17",
                            .version = tidemark::version{4},
                            .share = 0.5,
                            .small = -3};
    CHECK(printed(full) ==
          "order.timed.v2{at: \"2024-05-01T09:30:00.000000Z\", within: 30000000, "
          "cause: \"00000000-0000-7000-8000-000000000000\", of: \"17\", version: 4, "
          "share: 0.5, small: -3}");
}

TEST_CASE("message: a variant field prints the stored name of what it holds") {
    CHECK(printed(order::either{order::sent{}}) == "order.either.v1{what: order.sent.v1{}}");
}

TEST_CASE("message: make_message takes one argument per field") {
    const auto line = tidemark::make_message<order::line>(shop::sku{"tea"}, 5U);
    CHECK(line == order::line{shop::sku{"tea"}, 5});
    CHECK(tidemark::make_message<order::state>("x", std::string{"y"}) == order::state{"x", "y"});
    CHECK(tidemark::make_message<order::sent>() == order::sent{});
    static_assert(tidemark::detail::field_takes<std::string, const char(&)[2]>);
    static_assert(tidemark::detail::field_takes<std::uint32_t, std::uint8_t>);
    static_assert(!tidemark::detail::field_takes<std::uint32_t, int>);
    static_assert(!tidemark::detail::field_takes<std::int32_t, double>);
    static_assert(!tidemark::detail::field_takes<cents, int>);
}

TEST_CASE("stored name: is lower case, ends in a version and is not empty") {
    for (const auto* good : {"a.v1", "order.placed.v12", "tidemark.saga_input.v1", "a1.v2"}) {
        CHECK_MESSAGE(tidemark::is_stored_name(good), good);
    }
    for (const auto* bad : {"", ".v1", "order", "order.v", "order.v0", "order.v01", "Order.v1",
                            "order placed.v1", "order..v1", "1a.v1", "order.v1.", "order.vx"}) {
        CHECK_MESSAGE(!tidemark::is_stored_name(bad), bad);
    }
    CHECK(!tidemark::is_stored_name(std::string(98, 'a') + ".v1"));
}

TEST_CASE("enum: names go both ways") {
    CHECK(tidemark::to_string(order::status::paid) == "paid");
    CHECK(tidemark::enum_from<order::status>("open") == order::status::open);
    CHECK(!tidemark::enum_from<order::status>("shut"));
    CHECK_THROWS_AS((void)tidemark::to_string(static_cast<order::status>(7)),
                    std::invalid_argument);
}

TEST_CASE("value: adds, subtracts, multiplies and compares with itself") {
    CHECK(cents{40} + cents{2} == cents{42});
    CHECK(cents{40} - cents{42} == -cents{2});
    CHECK(cents{40} * 3 == cents{120});
    auto sum = cents{1};
    sum += cents{5};
    sum -= cents{2};
    CHECK(sum == cents{4});
    CHECK(cents{1} < cents{2});
    CHECK(cents{} == cents{0});
    CHECK(shop::ratio{0.25} + shop::ratio{0.5} == shop::ratio{0.75});
    CHECK(printed(cents{-7}) == "-7");
    CHECK(printed(shop::sku{"tea"}) == "\"tea\"");
}

TEST_CASE("value: arithmetic beyond the range throws instead of wrapping") {
    const cents most{std::numeric_limits<std::int64_t>::max()};
    const cents least{std::numeric_limits<std::int64_t>::min()};
    CHECK_THROWS_AS((void)(most + cents{1}), std::overflow_error);
    CHECK_THROWS_AS((void)(least - cents{1}), std::overflow_error);
    CHECK_THROWS_AS((void)-least, std::overflow_error);
    CHECK_THROWS_AS((void)(most * 2), std::overflow_error);
    CHECK(most + least == cents{-1});
}

TEST_CASE("any_message: holds a message, compares and prints as it does") {
    const any_message line{order::timed{.share = 1}};
    CHECK(line.name() == "order.timed.v2");
    CHECK(line == any_message{order::timed{.share = 1}});
    CHECK(line != any_message{order::timed{.share = 2}});
    CHECK(line != any_message{order::sent{}});
    CHECK(printed(any_message{order::sent{}}) == "order.sent.v1{}");
    const auto copy = line;
    CHECK(copy == line);
}

TEST_CASE("any_message: gives back the message of the right type only") {
    const any_message sent{order::state{"x", "y"}.a == "x"
                               ? std::variant<order::sent, order::timed>{}
                               : order::timed{}};
    CHECK(sent.get_if<order::sent>() != nullptr);
    CHECK(sent.get_if<order::timed>() == nullptr);
    const any_message placed{order::placed{.note = "n"}};
    REQUIRE(placed.get_if<order::placed>() != nullptr);
    CHECK(placed.get_if<order::placed>()->note == "n");
}

TEST_CASE("walk: keys of maps are texts, ids, values and enumerators") {
    CHECK(tidemark::key_text(std::string{"a"}) == "a");
    CHECK(tidemark::key_text(shop::sku{"tea"}) == "tea");
    CHECK(tidemark::key_text(tidemark::id<order>{"17"}) == "17");
    CHECK(tidemark::key_text(order::status::paid) == "paid");
    CHECK(tidemark::key_from<shop::sku>("tea") == shop::sku{"tea"});
    CHECK(tidemark::key_from<tidemark::id<order>>("17") == tidemark::id<order>{"17"});
    CHECK(tidemark::key_from<order::status>("paid") == order::status::paid);
    CHECK(!tidemark::key_from<order::status>("lost"));
}
