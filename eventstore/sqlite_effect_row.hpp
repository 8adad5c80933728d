#pragma once

#include "tidemark/eventstore/effect_log.hpp"
#include "tidemark/eventstore/sqlite_connection.hpp"

#include <string>
#include <vector>

namespace tidemark {

/// Number of columns `read_effect` takes; further ones may follow.
inline constexpr int effect_columns = 20;
/// "SELECT <those columns><more> FROM effects <tail>".
[[nodiscard]] std::string select_effects(std::string_view tail, std::string_view more = {});
[[nodiscard]] claimed_effect read_effect(const sqlite_rows& row);

/// Indices as they are stored: decimal, separated by commas.
[[nodiscard]] std::string join_indices(const std::vector<std::uint32_t>& indices);
[[nodiscard]] std::vector<std::uint32_t> split_indices(std::string_view text);

}  // namespace tidemark
