#include "tidemark/eventstore/sqlite_effect_row.hpp"
#include "tidemark/eventstore/sqlite_reads.hpp"

#include <algorithm>

namespace tidemark {

sqlite_effect_reads::sqlite_effect_reads(sqlite_connection& connection)
    : find_sql_{select_effects("WHERE id = ?")},
      letters_sql_{select_effects(
          "WHERE parked_at IS NOT NULL AND (?1 = '' OR error_code = ?1) AND "
          "(substr(source, 1, length(?2)) = ?2 OR substr(target, 1, length(?2)) = ?2) "
          "ORDER BY sequence LIMIT ?3",
          ", error_code, error_message, parked_at, (SELECT count(*) FROM effects AS other "
          "WHERE other.sequence_key = effects.sequence_key) ")},
      pending_sql_{select_effects("WHERE source = ? ORDER BY sequence")},
      select_effect_{connection, find_sql_},
      select_letters_{connection, letters_sql_},
      count_letters_{connection,
                     "SELECT count(*), min(parked_at) FROM effects WHERE parked_at IS NOT NULL"},
      select_audit_{connection,
                    "SELECT at, actor, reason, action, effect, source, message_name FROM audit "
                    "ORDER BY id DESC LIMIT ?"},
      select_pending_{connection, pending_sql_},
      count_work_{connection,
                  "SELECT count(*), coalesce(sum(owner IS NOT NULL AND lease_until > ?1), 0), "
                  "coalesce(sum(is_head = 1 AND unmet = 0 AND available_at <= ?1), 0) "
                  "FROM effects WHERE timer_name IS NULL AND parked_at IS NULL"},
      count_timers_{connection,
                    "SELECT (SELECT count(*) FROM effects WHERE timer_name IS NOT NULL) - "
                    "(SELECT count(*) FROM effects WHERE parked_at IS NOT NULL AND "
                    "timer_name IS NOT NULL)"} {}

std::optional<claimed_effect> sqlite_effect_reads::find(const message_id& effect) {
    auto rows = select_effect_.query({effect});
    if (!rows.next()) return std::nullopt;
    return read_effect(rows);
}

std::vector<dead_letter> sqlite_effect_reads::dead_letters(const dead_letter_filter& filter) {
    std::vector<dead_letter> letters;
    auto rows = select_letters_.query({filter.error_code, filter.stream_prefix, filter.limit});
    while (rows.next()) letters.push_back(read_dead_letter(rows));
    return letters;
}

std::uint64_t sqlite_effect_reads::dead_letter_count() {
    auto rows = count_letters_.query();
    return rows.next() ? rows.number(0) : 0;
}

std::optional<instant> sqlite_effect_reads::oldest_dead_letter() {
    auto rows = count_letters_.query();
    if (!rows.next() || rows.number(0) == 0) return std::nullopt;
    return rows.at(1);
}

std::vector<audit_record> sqlite_effect_reads::audit_trail(std::size_t limit) {
    std::vector<audit_record> trail;
    auto rows = select_audit_.query({limit});
    while (rows.next()) {
        trail.push_back({.who = {.actor = rows.text(1), .reason = rows.text(2)},
                         .action = rows.text(3),
                         .effect = rows.id(4),
                         .source = rows.stream(5),
                         .message_name = rows.text(6),
                         .at = rows.at(0)});
    }
    return trail;
}

std::vector<claimed_effect> sqlite_effect_reads::pending(const stream_id& source) {
    std::vector<claimed_effect> found;
    auto rows = select_pending_.query({source.text()});
    while (rows.next()) found.push_back(read_effect(rows));
    return found;
}

effect_log::counts sqlite_effect_reads::count(instant now) {
    effect_log::counts counts;
    {
        auto rows = count_letters_.query();
        if (rows.next()) counts.parked = rows.number(0);
        if (counts.parked != 0) counts.oldest_parked_at = rows.at(1);
    }
    {
        auto rows = count_work_.query({now});
        if (rows.next()) {
            counts.leased = rows.number(1);
            counts.ready = rows.number(2);
            counts.waiting = rows.number(0) - counts.leased - counts.ready;
        }
    }
    auto rows = count_timers_.query();
    if (rows.next()) counts.timers = rows.number(0);
    return counts;
}

}  // namespace tidemark
