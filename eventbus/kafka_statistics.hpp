#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tidemark {

/// How a process's producer and its brokers do, as of the last few seconds. Counts never fall.
struct kafka_statistics {
    /// Messages and bytes that are handed over and not confirmed.
    std::uint64_t messages_waiting = 0;
    std::uint64_t bytes_waiting = 0;
    /// Brokers that are connected; that were not needed yet; that should be connected and are not.
    std::size_t brokers_up = 0;
    std::size_t brokers_idle = 0;
    std::size_t brokers_down = 0;
    /// Mean time of an answer to a request, over all brokers.
    double round_trip_seconds = 0;
    /// Requests that failed or were not answered in time, and that were sent again.
    std::uint64_t requests_failed = 0;
    std::uint64_t requests_repeated = 0;
    /// Producers that were broken for good and made anew.
    std::uint64_t producers_replaced = 0;
};

namespace kafka {

/// What librdkafka tells of a producer (its STATISTICS.md); nothing if the text is not of that
/// form.
[[nodiscard]] std::optional<kafka_statistics> parse_statistics(std::string_view json);

}  // namespace kafka
}  // namespace tidemark
