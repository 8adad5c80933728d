#include "tidemark/async/backoff.hpp"

#include "tidemark/core/context.hpp"

#include <doctest/doctest.h>

#include <array>
#include <vector>

using namespace tidemark;
using namespace std::chrono_literals;
using jitter = backoff_policy::jitter;

TEST_CASE("backoff: the delay grows by the factor up to the cap") {
    struct row {
        backoff_policy policy;
        std::uint32_t attempt;
        duration expected;
    };
    const backoff_policy standard{};
    const backoff_policy constant{.first = 3s, .factor = 1};
    const backoff_policy above_cap{.first = 60s, .cap = 5s};
    const backoff_policy huge{.first = 1h, .factor = 4'000'000'000U, .cap = duration::max()};
    const std::vector<row> rows{
        {standard, 0, 1s},
        {standard, 1, 1s},
        {standard, 2, 2s},
        {standard, 3, 4s},
        {standard, 4, 8s},
        {standard, 5, 16s},
        {standard, 6, 32s},
        {standard, 7, 32s},
        {standard, ~0U, 32s},
        {constant, 9, 3s},
        {above_cap, 1, 5s},
        {huge, 9, duration::max()},
        {backoff_policy{.first = 0s}, 5, 0s},
        {backoff_policy{.cap = -1s}, 2, 0s},
    };
    for (const auto& [policy, attempt, expected] : rows) {
        CAPTURE(attempt);
        CHECK(delay_after(policy, attempt) == expected);
    }
}

TEST_CASE("backoff: jitter reaches both ends of its range and nothing beyond") {
    const backoff_policy full{};
    const backoff_policy equal{.spread = jitter::equal};
    const backoff_policy none{.spread = jitter::none};
    CHECK(backoff(full, 3, 0) == 0s);
    CHECK(backoff(full, 3, UINT64_MAX) == 4s);
    CHECK(backoff(equal, 3, 0) == 4s);
    CHECK(backoff(equal, 3, UINT64_MAX) == 2s);
    CHECK(backoff(none, 3, 0) == 4s);
    CHECK(backoff(none, 3, UINT64_MAX) == 4s);
}

TEST_CASE("backoff: full jitter is uniform") {
    random_source random{7};
    std::array<int, 8> hits{};
    for (auto i = 0; i < 80'000; ++i) {
        const auto delay = backoff({.first = 8s}, 1, random.next());
        hits.at(static_cast<std::size_t>(delay.count() % 8'000'001 / 1'000'000 % 8))++;
    }
    for (const auto count : hits) {
        CHECK(count > 9'500);
        CHECK(count < 10'500);
    }
}

TEST_CASE("backoff: the same random bits give the same delay") {
    CHECK(backoff({}, 4, 0x123456789abcdefULL) == backoff({}, 4, 0x123456789abcdefULL));
}
