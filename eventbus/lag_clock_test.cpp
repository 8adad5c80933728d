#include "tidemark/eventbus/lag_clock.hpp"

#include <doctest/doctest.h>

using namespace tidemark;
using namespace std::chrono_literals;

TEST_CASE("lag clock: who has everything is not behind, whatever the clock says") {
    lag_clock lag;
    CHECK(lag.behind(0, 5s) == 0s);
    lag.saw(10, 5s);
    CHECK(lag.behind(10, 1h) == 0s);
    CHECK(lag.behind(12, 1h) == 0s);
}

TEST_CASE("lag clock: it counts from when what is missing was first seen to be there") {
    lag_clock lag;
    lag.saw(10, 5s);
    lag.saw(10, 6s);
    lag.saw(20, 7s);
    lag.saw(30, 9s);
    CHECK(lag.behind(4, 10s) == 5s);
    CHECK(lag.behind(10, 10s) == 3s);
    CHECK(lag.behind(25, 10s) == 1s);
    CHECK(lag.behind(30, 10s) == 0s);
    lag.saw(31, 20s);
    CHECK(lag.behind(30, 21s) == 1s);
}

TEST_CASE("lag clock: a clock that goes back does not make it negative") {
    lag_clock lag;
    lag.saw(10, 5s);
    CHECK(lag.behind(0, 4s) == 0s);
}

TEST_CASE("lag clock: an end that has gone back is another log") {
    lag_clock lag;
    lag.saw(1'000, 1s);
    lag.saw(3, 50s);
    CHECK(lag.behind(0, 60s) == 10s);
    CHECK(lag.behind(3, 60s) == 0s);
}

TEST_CASE("lag clock: after any number of looks it says up to a thirtieth too much") {
    for (const auto step : {1ms, 10ms, 250ms}) {
        CAPTURE(step.count());
        lag_clock lag;
        // One event with each step; the reader stays 10,000 behind.
        constexpr std::uint64_t late = 10'000;
        for (std::uint64_t i = 1; i <= 5 * late; ++i) {
            const auto now = step * static_cast<int>(i);
            lag.saw(i, now);
            if (i <= late) continue;
            const auto said = lag.behind(i - late, now);
            const auto exact = step * (static_cast<int>(late) - 1);
            CHECK(said >= exact);
            CHECK(said <= exact + std::max<duration>(exact / 15, 100ms));
        }
    }
}
