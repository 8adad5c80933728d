#include "tidemark/eventbus/key_hash.hpp"

#include <doctest/doctest.h>

#include <string_view>
#include <vector>

using namespace tidemark;

TEST_CASE("key hash: it answers as Kafka's own implementation does") {
    struct row {
        std::string_view bytes;
        std::int32_t expected;
    };
    const std::vector<row> rows{
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    for (const auto& [bytes, expected] : rows) {
        CAPTURE(bytes);
        CHECK(static_cast<std::int32_t>(key_hash(bytes)) == expected);
    }
}

TEST_CASE("key hash: the partition is the positive hash modulo the count") {
    CHECK(partition_of("abc", 10) == 479470107 % 10);
    CHECK(partition_of("21", 7) == (static_cast<std::uint32_t>(-973932308) & 0x7fffffffU) % 7);
}
