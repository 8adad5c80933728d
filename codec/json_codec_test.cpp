#include "tidemark/codec/json_codec.hpp"

#include "tidemark/codec/test_messages.hpp"
#include "tidemark/core/message.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

using namespace std::string_literals;
using shop::everything;
using shop::money;
using shop::order;

namespace {

struct real {
    double value = 0;
};
struct text {
    std::string value;
};
TIDEMARK_STRUCT(real, value)
TIDEMARK_STRUCT(text, value)

std::string text_of(double value) { return tidemark::encode_json(real{value}).value(); }

}  // namespace

TEST_CASE("json_codec: every kind of field has exactly these bytes") {
    const auto encoded = tidemark::encode(shop::full());
    CHECK(encoded.name == "everything.v1");
    CHECK(encoded.payload == shop::full_payload());
}

TEST_CASE("json_codec: every kind of field reads back as it was") {
    const auto decoded = tidemark::decode<everything>(shop::full_payload());
    REQUIRE(decoded.has_value());
    CHECK(*decoded == shop::full());
    const auto defaults = tidemark::decode<everything>(tidemark::encode(everything{}).payload);
    REQUIRE(defaults.has_value());
    CHECK(*defaults == everything{});
}

TEST_CASE("json_codec: an empty optional is null, and absent is empty too") {
    everything value;
    CHECK(tidemark::encode(value).payload.find("\"maybe\":null") != std::string::npos);
    auto payload = shop::full_payload();
    payload.erase(payload.find("\"maybe\":7,"), 10);
    CHECK_FALSE(tidemark::decode<everything>(payload)->maybe.has_value());
}

TEST_CASE("json_codec: a message without fields is an empty object") {
    CHECK(tidemark::encode(order::closed{}) == tidemark::encoded_message{"order.closed.v1", "{}"});
    CHECK(tidemark::decode<order::closed>(" { } ").has_value());
}

TEST_CASE("json_codec: variant, alternative and any_message have the same bytes") {
    const order::placed placed{{{shop::sku{"tea"}, 2}}, money{500}};
    const auto direct = tidemark::encode(placed);
    CHECK(direct == tidemark::encoded_message{"order.placed.v2",
                                              R"({"items":[{"sku":"tea","qty":2}],"total":500})"});
    CHECK(tidemark::encode(order::event{placed}) == direct);
    CHECK(tidemark::encode(tidemark::any_message{placed}) == direct);
    CHECK(tidemark::decode_variant<order::event>(direct.name, direct.payload).value() ==
          order::event{placed});
}

TEST_CASE("json_codec: members come in any order, with any space, and newer ones are passed over") {
    const auto decoded = tidemark::decode<shop::line>(
        " {\n\"newer\" : [ { \"deep\" : [ null , 1e5 , \"x\\u0041\" , true , false ] } , { } ] ,"
        "\t\"qty\" : 3 ,\r\"sku\" : \"\\u0074e\\u0061\" } ");
    REQUIRE(decoded.has_value());
    CHECK(*decoded == shop::line{shop::sku{"tea"}, 3});
}

TEST_CASE("json_codec: 64-bit integers are exact beyond what a double holds") {
    const auto odd = (std::int64_t{1} << 53) + 1;
    CHECK(tidemark::encode_json(money{odd}).value() == "9007199254740993");
    CHECK(tidemark::decode<money>("9007199254740993").value() == money{odd});
    const auto least = std::numeric_limits<std::int64_t>::min();
    CHECK(tidemark::decode<money>(std::to_string(least)).value() == money{least});
    CHECK(tidemark::decode<std::uint64_t>("18446744073709551615").value() == UINT64_MAX);
    CHECK(tidemark::decode<std::uint64_t>("-0").value() == 0);
}

TEST_CASE("json_codec: doubles are written as the shortest text that reads back") {
    CHECK(text_of(0.1) == R"({"value":0.1})");
    CHECK(text_of(-0.0) == R"({"value":-0})");
    CHECK(text_of(1e22) == R"({"value":1e+22})");
    CHECK(text_of(std::numeric_limits<double>::max()) == R"({"value":1.7976931348623157e+308})");
    const auto smallest = std::numeric_limits<double>::denorm_min();
    CHECK(tidemark::decode<real>(text_of(smallest))->value == smallest);
    CHECK(std::signbit(tidemark::decode<double>("-0").value()));
}

TEST_CASE("json_codec: NUL, control characters and characters beyond the BMP are kept") {
    const text value{"a\0b\x1f\x7f😀\u2028"s};
    CHECK(tidemark::decode<text>(tidemark::encode_json(value).value()).value() == value);
    CHECK(tidemark::decode<text>(R"({"value":"\u0000\ud83d\ude00\/"})")->value == "\0😀/"s);
}

TEST_CASE("json_codec: map keys are strings, enumerators or values, and duplicates are refused") {
    const shop::contact value{shop::email{"a@b"},
                              {{shop::colour::green, 2}, {shop::colour::red, 1}},
                              {{shop::sku{"tea"}, true}}};
    const auto encoded = tidemark::encode(value);
    CHECK(encoded.payload ==
          R"({"address":"a@b","votes":{"red":1,"green":2},"wanted":{"tea":true}})");
    CHECK(tidemark::decode<shop::contact>(encoded.payload).value() == value);
}

TEST_CASE("json_codec: the first and the last instant there is read back") {
    using tidemark::instant;
    for (const auto at : {instant::min(), instant::max(), instant{tidemark::duration{-1}}}) {
        const auto payload = tidemark::encode_json(at).value();
        CAPTURE(payload);
        CHECK(tidemark::decode<instant>(payload).value() == at);
    }
}

TEST_CASE("json_codec: text that is not UTF-8 is refused with its path, never stored") {
    everything value;
    value.lines = {{shop::sku{"ok"}, 1}, {shop::sku{"\xED\xA0\x80"}, 1}};
    const auto encoded = tidemark::try_encode(value);
    REQUIRE(encoded.has_error());
    CHECK(encoded.error().code() == tidemark::errc::malformed_payload);
    CHECK(encoded.error().message() ==
          "cannot encode everything.v1: $.lines[1].sku is not UTF-8: \"\\xed\\xa0\\x80\"; "
          "JSON text is UTF-8, store other bytes as base64");
    CHECK_THROWS_AS(static_cast<void>(tidemark::encode(value)), std::system_error);
}

TEST_CASE("json_codec: a failed encoding leaves nothing behind for the next") {
    CHECK(tidemark::encode_json(text{"\xFF"}).has_error());
    CHECK(tidemark::encode_json(text{"fine"}).value() == R"({"value":"fine"})");
}

TEST_CASE("json_codec: documents of any size are written whole, one after the other") {
    for (std::size_t size = 0; size < 3'000; size += 7) {
        const text value{std::string(size, 'x') + (size % 2 == 0 ? "" : "\n")};
        const auto expected =
            R"({"value":")" + std::string(size, 'x') + (size % 2 == 0 ? "" : "\\n") + "\"}";
        if (tidemark::encode_json(value).value() != expected) FAIL("at ", size);
    }
    const std::vector<std::int64_t> numbers(100'000, -1);
    CHECK(tidemark::encode_json(numbers).value().size() == 300'001);
    CHECK(tidemark::decode<std::vector<std::int64_t>>(tidemark::encode_json(numbers).value())
              .value() == numbers);
}

TEST_CASE("json_codec: numbers that are not finite are refused with their path") {
    const auto message = [](double value) {
        return tidemark::encode_json(real{value}).error().message();
    };
    CHECK(message(std::numeric_limits<double>::quiet_NaN()) ==
          "cannot encode value: $.value is not a number (NaN), which JSON cannot hold");
    CHECK(message(-std::numeric_limits<double>::infinity()) ==
          "cannot encode value: $.value is infinite, which JSON cannot hold");
}

TEST_CASE("json_codec: an unknown name is told with the names that are known") {
    const auto decoded = tidemark::decode_variant<order::event>("order.paid.v1", "{}");
    REQUIRE(decoded.has_error());
    CHECK(decoded.error().code() == tidemark::errc::unknown_message);
    CHECK(decoded.error().message() ==
          "cannot decode order.paid.v1: no message of this name is known here; known are "
          "order.placed.v2, order.noted.v1, order.closed.v1. Keep a type for every name ever "
          "stored, and upcast it");
}

TEST_CASE("json_codec: an error says in which stream and at which version it happened") {
    const auto decoded = tidemark::decode_variant<order::event>(
        "order.placed.v2", R"({"items":[{"sku":"a","qty":1},{"sku":"b","qty":"two"}],"total":1})");
    const auto located = tidemark::with_location(
        decoded.error(), tidemark::stream_id{"order", "018f"}, tidemark::version{7});
    CHECK(located.code() == tidemark::errc::undecodable);
    CHECK(located.message() ==
          "cannot decode order.placed.v2 (stream order-018f, version 7): "
          "$.items[1].qty expected integer, got string \"two\"");
    const tidemark::error other{tidemark::errc::io_error, "the disk: is gone"};
    CHECK(tidemark::with_location(other, tidemark::stream_id{"a", "b"}, tidemark::version{1}) ==
          tidemark::error{tidemark::errc::io_error, "the disk: is gone (stream a-b, version 1)"});
}
