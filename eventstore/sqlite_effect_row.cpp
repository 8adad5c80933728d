#include "tidemark/eventstore/sqlite_effect_row.hpp"

namespace tidemark {

std::string select_effects(std::string_view tail, std::string_view more) {
    std::string sql{"SELECT "};
    sql.append(effect_row_columns).append(more).append(" FROM effects ").append(tail);
    return sql;
}

}  // namespace tidemark
