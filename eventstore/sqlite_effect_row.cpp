#include "tidemark/eventstore/sqlite_effect_row.hpp"

#include "tidemark/eventstore/stored_lists.hpp"

namespace tidemark {

std::string select_effects(std::string_view tail, std::string_view more) {
    std::string sql{
        "SELECT id, kind, source, source_version, target, name, payload, sequence_key, tree, "
        "tree_index, after, options, correlation, causation, traceparent, timer_name, attempt, "
        "token, stored_at, due"};
    sql.append(more).append(" FROM effects ").append(tail);
    return sql;
}

claimed_effect read_effect(const sqlite_rows& row) {
    claimed_effect work;
    auto& effect = work.effect;
    effect.id = row.id(0);
    effect.kind = static_cast<effect_kind>(row.integer(1));
    work.source = row.stream(2);
    work.source_version = version{row.number(3)};
    effect.target = row.stream(4);
    effect.message = {row.text(5), row.text(6)};
    effect.sequence_key = row.text(7);
    effect.tree = row.id(8);
    effect.index = static_cast<std::uint32_t>(row.integer(9));
    effect.after = split_indices(row.bytes(10));
    effect.options = row.text(11);
    effect.trace = {
        .correlation = row.id(12), .causation = row.id(13), .traceparent = row.text(14)};
    work.timer_name = row.text(15);
    work.attempt = static_cast<std::uint32_t>(row.integer(16));
    work.token = row.number(17);
    work.stored_at = row.at(18);
    work.due = row.at(19);
    return work;
}

}  // namespace tidemark
