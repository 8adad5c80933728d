#include "tidemark/codec/json_codec.hpp"
#include "tidemark/codec/json_text.hpp"
#include "tidemark/codec/test_messages.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <boost/json/error.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <bit>
#include <cmath>
#include <string>

namespace json = boost::json;
using shop::everything;
using shop::order;

namespace {

rc::Gen<std::string> any_text() {
    const auto character = rc::gen::map(
        rc::gen::oneOf(rc::gen::inRange<std::uint32_t>(0, 0x80),
                       rc::gen::inRange<std::uint32_t>(0x80, 0x110000)),
        [](std::uint32_t c) { return c >= 0xD800 && c < 0xE000 ? std::uint32_t{0xFFFD} : c; });
    return rc::gen::map(rc::gen::container<std::vector<std::uint32_t>>(character),
                        [](const std::vector<std::uint32_t>& points) {
                            std::string text;
                            for (const auto c : points) {
                                tidemark::json_text::append_utf8(text, c);
                            }
                            return text;
                        });
}

/// Any finite double, each bit pattern alike.
rc::Gen<double> any_double() {
    const auto bits = rc::gen::arbitrary<std::uint64_t>();
    return rc::gen::suchThat(
        rc::gen::map(bits, [](std::uint64_t b) { return std::bit_cast<double>(b); }),
        [](double value) { return std::isfinite(value); });
}

/// Any instant, not only those near the epoch.
tidemark::instant any_instant() {
    const auto bits = *rc::gen::arbitrary<std::uint64_t>() << *rc::gen::inRange(0, 40);
    return tidemark::instant{tidemark::duration{static_cast<std::int64_t>(bits)}};
}

shop::line any_line() { return {shop::sku{*any_text()}, *rc::gen::arbitrary<std::int32_t>()}; }

everything any_everything() {
    everything value;
    value.flag = *rc::gen::arbitrary<bool>();
    value.tiny = *rc::gen::arbitrary<std::int8_t>();
    value.octet = *rc::gen::arbitrary<std::uint8_t>();
    value.big = *rc::gen::arbitrary<std::int64_t>();
    value.huge = *rc::gen::arbitrary<std::uint64_t>();
    value.real = *any_double();
    value.narrow = static_cast<float>(*rc::gen::inRange(-1'000'000, 1'000'000)) / 7;
    value.text = *any_text();
    value.colour = *rc::gen::element(shop::colour::red, shop::colour::green);
    if (*rc::gen::arbitrary<bool>()) value.maybe = *rc::gen::arbitrary<std::int32_t>();
    for (auto count = *rc::gen::inRange(0, 4); count > 0; --count) {
        value.lines.push_back(any_line());
        value.prices[*any_text()] = shop::money{*rc::gen::arbitrary<std::int64_t>()};
    }
    value.three = {*rc::gen::arbitrary<std::int32_t>(), 0, 1};
    if (*rc::gen::arbitrary<bool>()) value.what = order::noted{*any_text()};
    value.at = any_instant();
    value.wait = tidemark::duration{*rc::gen::arbitrary<std::int64_t>()};
    value.patience = std::chrono::minutes{*rc::gen::arbitrary<std::int32_t>()};
    value.order_id = tidemark::id<order>{*any_text()};
    value.version = tidemark::version{*rc::gen::arbitrary<std::uint64_t>()};
    return value;
}

/// A JSON document with something changed: half of them are no longer JSON.
std::string any_document() {
    auto text = tidemark::encode(any_everything()).payload;
    const std::string pieces = "{}[]\",:\\ue+-.0 1tfn\n\x80";
    for (auto count = *rc::gen::inRange(0, 3); count > 0 && !text.empty(); --count) {
        const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
        const auto piece = pieces[*rc::gen::inRange<std::size_t>(0, pieces.size())];
        switch (*rc::gen::inRange(0, 3)) {
            case 0:
                text.erase(at, 1);
                break;
            case 1:
                text[at] = piece;
                break;
            default:
                text.insert(at, 1, piece);
                break;
        }
    }
    return text;
}

bool is_json_for_us(std::string_view text) {
    tidemark::json_reader in{text, {}};
    return in.skip_value() && in.finish();
}

}  // namespace

TEST_CASE("json_codec: any value reads back as it was, and its bytes are JSON for others") {
    CHECK(rc::check([] {
        const auto value = any_everything();
        const auto encoded = tidemark::encode(value);
        const auto decoded = tidemark::decode<everything>(encoded.payload);
        RC_ASSERT(decoded.has_value());
        RC_ASSERT(*decoded == value);
        RC_ASSERT(tidemark::encode(*decoded) == encoded);

        boost::system::error_code failed;
        const auto tree = json::parse(encoded.payload, failed);
        RC_ASSERT(!failed);
        RC_ASSERT(tree.at("text").as_string() == value.text);
        RC_ASSERT(tree.at("prices").as_object().size() == value.prices.size());
    }));
}

TEST_CASE("json_codec: what another library writes is read as well") {
    CHECK(rc::check([] {
        auto value = any_everything();
        // That library rounds other fractions to a neighbour.
        value.real = *rc::gen::arbitrary<std::int32_t>();
        value.narrow = 0.5F;
        const auto tree = json::parse(tidemark::encode(value).payload);
        RC_ASSERT(tidemark::decode<everything>(json::serialize(tree)).value() == value);
    }));
}

TEST_CASE("json_reader: takes for JSON what another parser takes for JSON") {
    CHECK(rc::check([] {
        const auto text = any_document();
        boost::system::error_code failed;
        static_cast<void>(json::parse(text, failed));
        if (failed == json::error::exponent_overflow) return;  // a limit of theirs, not of JSON
        if (is_json_for_us(text) != !failed) RC_FAIL(text + ": " + failed.message());
    }));
}

TEST_CASE("json_codec: no changed byte makes decoding anything but a value or a sentence") {
    CHECK(rc::check([] {
        const auto decoded = tidemark::decode<everything>(any_document());
        if (decoded.has_value()) {
            RC_ASSERT(tidemark::try_encode(*decoded).has_value());
        } else {
            RC_ASSERT(tidemark::json_text::is_utf8(decoded.error().message()));
            RC_ASSERT(decoded.error().message().starts_with("cannot decode everything.v1: $"));
        }
    }));
}
