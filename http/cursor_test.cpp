#include "tidemark/http/cursor.hpp"

#include "tidemark/http/target.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace tidemark::http;

TEST_CASE("cursor: every key comes back, and does not show") {
    std::string key;
    for (int byte = 0; byte < 256; ++byte) {
        CAPTURE(byte);
        const auto text = to_cursor(key);
        CHECK(parse_cursor(text) == key);
        CHECK(percent_encode(text) == text);
        key += static_cast<char>(byte);
    }
    CHECK(to_cursor("order-7").find("order-7") == std::string::npos);
}

TEST_CASE("cursor: a text that is none of ours is refused") {
    const auto good = to_cursor("order-7");
    REQUIRE(parse_cursor(good) == "order-7");
    const std::string cut = good.substr(0, good.size() - 1);
    // "after" and "order-7" by themselves, and one whose last bits are not zero.
    for (const std::string& bad :
         {std::string{}, std::string{"order-7"}, good + "=", good + "!", "A" + good, cut,
          std::string{"YWZ0ZXI"}, std::string{"b3JkZXItNw"}, std::string{"YWZ0ZXI6eB"}}) {
        CAPTURE(bad);
        CHECK(!parse_cursor(bad));
    }
    CHECK(parse_cursor("YWZ0ZXI6eA") == "x");
}
