#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tidemark {

/// The hash by which Kafka's default partitioner places a key (murmur2 with Kafka's seed).
[[nodiscard]] std::uint32_t key_hash(std::string_view bytes);

/// The partition of a non-empty key among `count` > 0, as every Kafka client computes it.
[[nodiscard]] std::size_t partition_of(std::string_view key, std::size_t count);

}  // namespace tidemark
