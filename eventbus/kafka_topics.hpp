#pragma once

#include "tidemark/eventbus/kafka_admin.hpp"
#include "tidemark/eventbus/kafka_handle.hpp"
#include "tidemark/eventbus/kafka_trouble.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// What brokers are asked about topics and offsets in them; blocking, each up to `within`.
/// `known`: what is wrong with the brokers, for the message. Only for `kafka_*.cpp`.
namespace tidemark::kafka {

/// The topic of this name, or all of them, by name. `not_found` if it is not there.
[[nodiscard]] result<std::vector<kafka_topic>> find_topics(rd_kafka_t& handle,
                                                           const std::string& name, duration within,
                                                           const trouble& known);

struct wanted_topic {
    std::string name;
    std::size_t partitions = 1;
    /// 0: what the brokers do by default.
    std::size_t replication = 0;
};
/// One that is there is a success.
[[nodiscard]] result<void> make_topic(rd_kafka_t& handle, const wanted_topic& topic,
                                      duration within, const trouble& known);

/// A topic must have the partitions that its keys were dealt out to: `schema_mismatch`.
[[nodiscard]] result<void> check_partitions(const std::string& topic, std::size_t found,
                                            std::size_t wanted);

/// Replaces each offset of the list, a time in milliseconds or RD_KAFKA_OFFSET_BEGINNING or
/// RD_KAFKA_OFFSET_END, by the offset there; RD_KAFKA_OFFSET_END where there is no message so late.
[[nodiscard]] result<void> find_offsets(rd_kafka_t& handle, rd_kafka_topic_partition_list_t& parts,
                                        duration within, const trouble& known);

}  // namespace tidemark::kafka
