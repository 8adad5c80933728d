#include "tidemark/eventbus/key_hash.hpp"

namespace tidemark {

std::uint32_t key_hash(std::string_view bytes) {
    constexpr std::uint32_t seed = 0x9747b28cU;
    constexpr std::uint32_t m = 0x5bd1e995U;
    const auto at = [bytes](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i]));
    };
    auto hash = seed ^ static_cast<std::uint32_t>(bytes.size());
    std::size_t i = 0;
    for (; i + 4 <= bytes.size(); i += 4) {
        auto word = at(i) | at(i + 1) << 8U | at(i + 2) << 16U | at(i + 3) << 24U;
        word *= m;
        word ^= word >> 24U;
        word *= m;
        hash = hash * m ^ word;
    }
    const auto left = bytes.size() - i;
    if (left == 3) hash ^= at(i + 2) << 16U;
    if (left >= 2) hash ^= at(i + 1) << 8U;
    if (left >= 1) hash = (hash ^ at(i)) * m;
    hash ^= hash >> 13U;
    hash *= m;
    return hash ^ hash >> 15U;
}

std::size_t partition_of(std::string_view key, std::size_t count) {
    return (key_hash(key) & 0x7fffffffU) % count;
}

}  // namespace tidemark
