#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

// Lists as backends keep them in one column.

/// Indices of an effect's predecessors: decimal, separated by commas.
[[nodiscard]] std::string join_indices(const std::vector<std::uint32_t>& indices);
[[nodiscard]] std::vector<std::uint32_t> split_indices(std::string_view text);

/// Index values of a document as they are stored beside it: each text behind its length.
[[nodiscard]] std::string join_indexes(const std::map<std::string, std::string>& indexes);
[[nodiscard]] std::map<std::string, std::string> split_indexes(std::string_view stored);

}  // namespace tidemark
