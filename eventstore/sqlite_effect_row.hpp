#pragma once

#include "tidemark/eventstore/effect_row.hpp"
#include "tidemark/eventstore/sqlite_connection.hpp"

#include <string>
#include <string_view>

namespace tidemark {

/// "SELECT <effect_row_columns><more> FROM effects <tail>".
[[nodiscard]] std::string select_effects(std::string_view tail, std::string_view more = {});

}  // namespace tidemark
