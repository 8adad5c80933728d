#pragma once

#include "tidemark/eventbus/kafka_admin.hpp"
#include "tidemark/eventbus/kafka_handle.hpp"
#include "tidemark/eventbus/kafka_trouble.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Messages as librdkafka hands them over, and reading without a group. Only for `kafka_*.cpp`.
namespace tidemark::kafka {

/// The message with at most `payload_max` bytes of its payload.
[[nodiscard]] bus_message as_message(const rd_kafka_message_t& from, const std::string& topic,
                                     std::size_t payload_max = SIZE_MAX);

struct reading {
    std::string topic;
    struct span {
        std::int32_t partition = 0;
        std::int64_t first = 0;
        /// Behind the last one.
        std::int64_t end = 0;
    };
    std::vector<span> spans;
    /// Messages in all: the first ones by the time they were stored, or the last ones.
    std::size_t limit = 10;
    std::size_t payload_max = 200;
    bool is_last = false;
};

/// Reads the spans, by a handle of a consumer, at most `limit` messages of each; `timed_out` if
/// nothing comes for so long. Blocks.
[[nodiscard]] result<std::vector<kafka_peeked>> read_spans(rd_kafka_t& handle,
                                                           const reading& wanted, duration within,
                                                           const trouble& known);

}  // namespace tidemark::kafka
