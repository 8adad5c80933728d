#include "tidemark/core/ids.hpp"

#include "tidemark/core/context.hpp"
#include "tidemark/core/encoded.hpp"
#include "tidemark/core/error.hpp"
#include "tidemark/core/version.hpp"

#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <system_error>
#include <unordered_set>

using namespace tidemark;

namespace {

struct account {
    static constexpr std::string_view category = "account";
};

std::string printed(const auto& value) {
    std::ostringstream out;
    out << value;
    return out.str();
}

}  // namespace

TEST_CASE("message_id: the same parts give the same id, for ever") {
    const auto derived = message_id::derive({"account-ada", "7", "0"});
    CHECK(derived == message_id::derive({"account-ada", "7", "0"}));
    CHECK(derived.to_string() == "609f6e5a-b465-5eb8-b154-60ba8f3d15cd");
}

TEST_CASE("message_id: parts do not collide by concatenation") {
    CHECK(message_id::derive({"ab", "c"}) != message_id::derive({"a", "bc"}));
    CHECK(message_id::derive({"abc"}) != message_id::derive({"abc", ""}));
    CHECK(message_id::derive({}) != message_id{});
}

TEST_CASE("message_id: a derived id is a version 5 UUID, a timed one version 7") {
    CHECK(message_id::derive({"x"}).to_string()[14] == '5');
    const auto timed = message_id::v7(0x0123456789abULL, ~0ULL, ~0ULL);
    CHECK(timed.to_string() == "01234567-89ab-7fff-bfff-ffffffffffff");
    CHECK(message_id::v7(0, 0, 0).to_string() == "00000000-0000-7000-8000-000000000000");
}

TEST_CASE("message_id: a later millisecond sorts after an earlier one") {
    CHECK(message_id::v7(1000, ~0ULL, ~0ULL) < message_id::v7(1001, 0, 0));
}

TEST_CASE("message_id: the text form parses back") {
    const auto id = message_id::derive({"round", "trip"});
    CHECK(message_id::parse(id.to_string()) == id);
    CHECK(message_id::parse("01234567-89AB-7FFF-BFFF-FFFFFFFFFFFF") ==
          message_id::v7(0x0123456789abULL, ~0ULL, ~0ULL));
    CHECK(printed(id) == id.to_string());
}

TEST_CASE("message_id: anything but 36 characters of hex and dashes is refused") {
    for (const auto* text :
         {"", "01234567-89ab-7fff-bfff-fffffffffff", "0123456789ab7fffbfffffffffffffff",
          "01234567-89ab-7fff-bfff-ffffffffffffg", "g1234567-89ab-7fff-bfff-ffffffffffff",
          "01234567+89ab-7fff-bfff-ffffffffffff"}) {
        CHECK_MESSAGE(!message_id::parse(text), text);
    }
}

TEST_CASE("message_id: ids of the same millisecond hash apart") {
    std::unordered_set<std::size_t> hashes;
    for (std::uint64_t i = 0; i < 1000; ++i) {
        hashes.insert(std::hash<message_id>{}(message_id::v7(1, 0, i)));
    }
    CHECK(hashes.size() == 1000);
}

TEST_CASE("message_id: the default is none") {
    CHECK(message_id{}.is_none());
    CHECK(!message_id::derive({"a"}).is_none());
}

TEST_CASE("stream_id: category and id come apart at the first dash") {
    const auto parsed = stream_id::parse("order-018f-77");
    REQUIRE(parsed);
    CHECK(parsed->category() == "order");
    CHECK(parsed->id() == "018f-77");
    CHECK(parsed->text() == "order-018f-77");
    CHECK(*parsed == stream_id{"order", "018f-77"});
}

TEST_CASE("stream_id: text that could not be stored or printed is refused") {
    for (const auto* text : {"", "order", "-1", "order-", "or\nder-1", "order-\x7f",
                             "order-\xc2\x85", "order-\xff", "order-\xed\xa0\x80", "order-\xc0\x80",
                             "order-\xe2\x82", "order-\xf4\x90\x80\x80", "order-\xe0\x80\x80"}) {
        CHECK_MESSAGE(!stream_id::parse(text), text);
    }
    CHECK(stream_id::parse("order-\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8a"));
    CHECK(!stream_id{"or-der", "1"}.is_valid());
    CHECK(stream_id{"order", std::string(249, 'x')}.is_valid());
    CHECK(!stream_id{"order", std::string(250, 'x')}.is_valid());
}

TEST_CASE("stream_id: the default is empty and not valid") {
    CHECK(stream_id{}.category().empty());
    CHECK(stream_id{}.id().empty());
    CHECK(!stream_id{}.is_valid());
}

TEST_CASE("id: a literal converts, and names its stream") {
    const id<account> ada = "ada";
    CHECK(ada == id<account>{std::string{"ada"}});
    CHECK(ada.stream().text() == "account-ada");
    CHECK(printed(ada) == "ada");
    CHECK(std::hash<id<account>>{}(ada) == std::hash<id<account>>{}(id<account>{"ada"}));
    static_assert(!std::is_convertible_v<std::string, id<account>>);
}

TEST_CASE("expected_version: a head is only named where there is one") {
    const auto head = message_id::derive({"head"});
    CHECK(expected_version::exactly(version{}, head) == expected_version::none());
    CHECK(expected_version::exactly(version{3}, head).head() == head);
    CHECK(expected_version::any().is_any());
    CHECK(printed(expected_version::any()) == "any");
    CHECK(printed(expected_version::exactly(version{3})) == "3");
    CHECK(printed(expected_version::exactly(version{3}, head)) == "3 by " + head.to_string());
}

TEST_CASE("error: what can be tried again says so") {
    CHECK(error{errc::overloaded, "x"}.is_retryable());
    CHECK(error{errc::unknown_outcome, "x"}.is_retryable());
    CHECK(!error{errc::conflict, "x"}.is_retryable());
    CHECK(!error{errc::malformed_payload, "x"}.is_retryable());
    CHECK(printed(error{errc::stale, "lease 4 is gone"}) == "stale: lease 4 is gone");
}

TEST_CASE("error: every code has a name of its own") {
    std::unordered_set<std::string_view> names;
    for (int code = 1; code <= static_cast<int>(errc::foreign_log); ++code) {
        names.insert(to_string(static_cast<errc>(code)));
    }
    CHECK(names.size() == static_cast<std::size_t>(errc::foreign_log));
    CHECK(!names.contains("unrecognized"));
    CHECK(make_error_code(errc::locked).message() == "locked");
}

TEST_CASE("error: the value of a failed result throws with the message") {
    const result<int> failed = error{errc::not_found, "no stream account-eve"};
    try {
        (void)failed.value();
        FAIL("no exception");
    } catch (const std::system_error& e) {
        CHECK(e.code() == errc::not_found);
        CHECK(std::string{e.what()}.find("account-eve") != std::string::npos);
    }
}

TEST_CASE("random_source: the same seed gives the same numbers, within their bounds") {
    auto one = context{.seed = 42}.random();
    auto two = context{.seed = 42}.random();
    for (int i = 0; i < 1000; ++i) {
        CHECK(one.next() == two.next());
        CHECK(one.below(7) == two.below(7));
        CHECK(one.below(3) < 3);
        CHECK(two.below(3) < 3);
        const auto unit = one.unit();
        CHECK(unit == two.unit());
        CHECK((unit >= 0.0 && unit < 1.0));
    }
    CHECK(one.below(0) == 0);
    CHECK(random_source{1}.next() != random_source{2}.next());
}
