#include "tidemark/core/time_text.hpp"

#include "tidemark/core/context.hpp"

#include <doctest/doctest.h>

#include <limits>

using tidemark::duration, tidemark::instant, tidemark::parse_instant, tidemark::to_text;

namespace {

instant at(std::int64_t micros) { return instant{duration{micros}}; }

}  // namespace

TEST_CASE("time text: known instants read as they should") {
    CHECK(to_text(at(0)) == "1970-01-01T00:00:00.000000Z");
    CHECK(to_text(at(-1)) == "1969-12-31T23:59:59.999999Z");
    CHECK(to_text(at(951'782'400'000'000)) == "2000-02-29T00:00:00.000000Z");
    CHECK(to_text(at(253'402'300'799'999'999)) == "9999-12-31T23:59:59.999999Z");
    CHECK(to_text(at(253'402'300'800'000'000)) == "+010000-01-01T00:00:00.000000Z");
    CHECK(to_text(at(-62'167'219'200'000'001)) == "-000001-12-31T23:59:59.999999Z");
}

TEST_CASE("time text: every instant comes back, the ends of the range included") {
    auto random = tidemark::random_source{7};
    for (int i = 0; i < 20'000; ++i) {
        const auto when = at(static_cast<std::int64_t>(random.next()) >> (i % 40));
        CHECK(parse_instant(to_text(when)) == when);
    }
    CHECK(parse_instant(to_text(instant::max())) == instant::max());
    CHECK(parse_instant(to_text(instant::min())) == instant::min());
}

TEST_CASE("time text: the fraction may be short or absent") {
    CHECK(parse_instant("1970-01-01T00:00:01Z") == at(1'000'000));
    CHECK(parse_instant("1970-01-01T00:00:01.5Z") == at(1'500'000));
    CHECK(parse_instant("1970-01-01T00:00:01.000001Z") == at(1'000'001));
}

TEST_CASE("time text: what is not an instant is refused") {
    for (const auto* text : {"",
                             "1970",
                             "1970-01-01",
                             "1970-01-01T00:00:00",
                             "1970-01-01 00:00:00Z",
                             "1970-01-01T00:00:00.Z",
                             "1970-01-01T00:00:00.1234567Z",
                             "1970-01-01T00:00:00Zx",
                             "1970-13-01T00:00:00Z",
                             "1970-00-01T00:00:00Z",
                             "1970-04-31T00:00:00Z",
                             "2023-02-29T00:00:00Z",
                             "1900-02-29T00:00:00Z",
                             "1970-01-01T24:00:00Z",
                             "1970-01-01T00:60:00Z",
                             "1970-01-01T00:00:60Z",
                             "+999999-01-01T00:00:00Z",
                             "-999999-01-01T00:00:00Z",
                             "1970-01-01T00:00:00+01:00",
                             "197a-01-01T00:00:00Z"}) {
        CHECK_MESSAGE(!parse_instant(text), text);
    }
}
