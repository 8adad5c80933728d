#pragma once

#include "tidemark/eventbus/kafka_handle.hpp"

#include <cstddef>
#include <string>

/// What the brokers know of a group. Only for `kafka_*.cpp`.
namespace tidemark::kafka {

/// How many partitions of `topic` the members of `group` hold. `unavailable` while the group has
/// no assignment that holds, because members come or go. Blocks, up to `within`.
[[nodiscard]] result<std::size_t> count_held(rd_kafka_t& handle, const std::string& group,
                                             const std::string& topic, duration within);

}  // namespace tidemark::kafka
