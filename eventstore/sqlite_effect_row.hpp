#pragma once

#include "tidemark/eventstore/effect_log.hpp"
#include "tidemark/eventstore/sqlite_connection.hpp"

#include <string>

namespace tidemark {

/// Number of columns `read_effect` takes; further ones may follow.
inline constexpr int effect_columns = 20;
/// "SELECT <those columns><more> FROM effects <tail>".
[[nodiscard]] std::string select_effects(std::string_view tail, std::string_view more = {});
[[nodiscard]] claimed_effect read_effect(const sqlite_rows& row);

}  // namespace tidemark
