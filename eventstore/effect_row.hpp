#pragma once

#include "tidemark/eventstore/effect_log.hpp"
#include "tidemark/eventstore/stored_lists.hpp"

#include <cstdint>
#include <string_view>

namespace tidemark {

// A row of table `effects`, the same in every database. `Row` reads columns by number:
// `sqlite_rows`, `postgres_rows`.

/// The columns that `read_effect` takes, in its order; further ones may follow.
inline constexpr std::string_view effect_row_columns =
    "id, kind, source, source_version, target, name, payload, sequence_key, tree, tree_index, "
    "after, options, correlation, causation, traceparent, timer_name, attempt, token, stored_at, "
    "due";
inline constexpr int effect_row_width = 20;

template <class Row>
[[nodiscard]] claimed_effect read_effect(const Row& row) {
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

/// An effect and behind it: error_code, error_message, parked_at, and how many of its key stand in
/// the table (itself included; 0 without a key).
template <class Row>
[[nodiscard]] dead_letter read_dead_letter(const Row& row) {
    const auto queued = row.number(effect_row_width + 3);
    return {.work = read_effect(row),
            .error_code = row.text(effect_row_width),
            .error_message = row.text(effect_row_width + 1),
            .parked_at = row.at(effect_row_width + 2),
            .waiting_behind = queued == 0 ? 0 : queued - 1};
}

}  // namespace tidemark
