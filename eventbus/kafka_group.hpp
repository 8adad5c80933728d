#pragma once

#include "tidemark/eventbus/kafka_admin.hpp"
#include "tidemark/eventbus/kafka_handle.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What the brokers know of groups; blocking, each up to `within`. Asked by librdkafka's older
/// calls: those of its admin API end the program (2.0.2, `rd_kafka_enq_once_del_source_return`)
/// when they are given up before the brokers have a coordinator for the group.
/// Only for `kafka_*.cpp`.
namespace tidemark::kafka {

/// How many partitions of `topic` the members of `group` hold. `unavailable` while the group has
/// no assignment that holds, because members come or go.
[[nodiscard]] result<std::size_t> count_held(rd_kafka_t& handle, const std::string& group,
                                             const std::string& topic, duration within);

/// The groups of consumers, or the one of this name. A broker that is away is waited for.
[[nodiscard]] result<kafka_groups> find_groups(rd_kafka_t& handle, const std::string& name,
                                               duration within);

/// What a member was given, in the form in which members tell the brokers; nothing if it is not in
/// that form.
[[nodiscard]] std::optional<std::vector<kafka_group::member::held>> parse_assignment(
    std::string_view bytes);

/// What the group of `handle` has committed in these partitions, in the place of their offsets;
/// RD_KAFKA_OFFSET_INVALID where it has not.
[[nodiscard]] result<void> find_committed(rd_kafka_t& handle,
                                          rd_kafka_topic_partition_list_t& parts, duration within);

/// Commits these offsets in the name of the group of `handle`, which has not joined it; `conflict`
/// while the group has members.
[[nodiscard]] result<void> overwrite_committed(rd_kafka_t& handle,
                                               rd_kafka_topic_partition_list_t& parts);

}  // namespace tidemark::kafka
