#include "tidemark/eventstore/postgres_effects.hpp"

#include "tidemark/eventstore/effect_row.hpp"
#include "tidemark/eventstore/postgres_text.hpp"
#include "tidemark/eventstore/refusals.hpp"

#include <algorithm>

namespace tidemark {
namespace {

/// The store's clock, or, for NULL, the database's.
constexpr std::string_view now_sql =
    "coalesce($1, (extract(epoch FROM clock_timestamp()) * 1000000)::int8)";

/// `with` in front of the columns that `read_effect` takes, from `source`.
std::string select_effects(std::string_view with, std::string_view source,
                           std::string_view more = {}) {
    std::string sql{with};
    sql.append("SELECT ").append(effect_row_columns);
    return sql.append(more).append(" FROM ").append(source);
}

/// The statement with every $now replaced.
std::string at_now(std::string sql) {
    constexpr std::string_view mark = "$now";
    for (auto at = sql.find(mark); at != sql.npos; at = sql.find(mark, at + now_sql.size())) {
        sql.replace(at, mark.size(), now_sql);
    }
    return sql;
}

/// Effects and the tokens that they are said to be held under, as two arrays.
struct held_arrays {
    postgres_array ids{postgres_type::uuid};
    postgres_array tokens{postgres_type::int8};

    template <class Held>
    explicit held_arrays(const std::vector<Held>& held) {
        for (const auto& one : held) {
            ids.add(one.effect);
            tokens.add(one.token);
        }
    }
};

/// Those of `held` that the rows do not name.
template <class Held>
std::vector<message_id> without(const std::vector<Held>& held, postgres_rows named) {
    std::vector<message_id> found;
    while (named.next()) found.push_back(named.id(0));
    std::vector<message_id> others;
    for (const auto& one : held) {
        if (std::ranges::find(found, one.effect) == found.end()) others.push_back(one.effect);
    }
    return others;
}

}  // namespace

effect_log::claim_page postgres_effects::claim(const effect_log::claim_request& request) {
    // Rows that another process is looking at are left to it.
    static const auto claim_sql = at_now(select_effects(
        "WITH due AS MATERIALIZED (SELECT sequence, available_at FROM effects WHERE is_head AND "
        "unmet = 0 AND parked_at IS NULL AND available_at <= $now "
        "ORDER BY available_at, sequence LIMIT $2 FOR UPDATE SKIP LOCKED), "
        "leased AS (UPDATE effects e SET owner = $3, token = nextval('tokens'), "
        "lease_until = $now + $4, available_at = $now + $4, attempt = e.attempt + 1 "
        "FROM due WHERE e.sequence = due.sequence "
        "RETURNING e.*, due.available_at AS was_available_at) ",
        "leased ORDER BY was_available_at, sequence"));
    constexpr std::string_view next_due_sql =
        "SELECT available_at FROM effects WHERE is_head AND unmet = 0 AND parked_at IS NULL "
        "ORDER BY available_at LIMIT 1";
    effect_log::claim_page page;
    if (request.limit > 0) {
        auto rows =
            connection_.run(claim_sql, {now_, request.limit, request.owner, request.lease.count()});
        while (rows.next()) page.claimed.push_back(read_effect(rows));
    }
    auto rows = connection_.run(next_due_sql);
    if (rows.next()) page.next_due = rows.at(0);
    return page;
}

std::optional<claimed_effect> postgres_effects::find(const message_id& effect) {
    static const auto find_sql = select_effects("", "effects WHERE id = $1");
    auto rows = connection_.run(find_sql, {effect});
    if (!rows.next()) return std::nullopt;
    return read_effect(rows);
}

std::vector<message_id> postgres_effects::renew(const std::string& owner,
                                                const std::vector<effect_claim>& held,
                                                duration lease) {
    static const auto renew_sql = at_now(
        "WITH held AS MATERIALIZED (SELECT e.sequence FROM unnest($2::uuid[], $3::int8[]) "
        "AS h(id, token) JOIN effects e ON e.id = h.id AND e.token = h.token "
        "WHERE e.owner = $4 AND e.owner <> '' ORDER BY e.sequence FOR UPDATE OF e) "
        "UPDATE effects e SET lease_until = $now + $5, available_at = $now + $5 "
        "FROM held WHERE e.sequence = held.sequence RETURNING e.id");
    const held_arrays asked{held};
    return without(
        held, connection_.run(renew_sql, {now_, asked.ids, asked.tokens, owner, lease.count()}));
}

std::vector<message_id> postgres_effects::complete(const std::vector<completion>& ended) {
    constexpr std::string_view complete_sql =
        "WITH held AS MATERIALIZED (SELECT e.id FROM unnest($1::uuid[], $2::int8[]) "
        "AS h(id, token) JOIN effects e ON e.id = h.id AND e.token = h.token "
        "WHERE e.owner <> '' ORDER BY e.sequence FOR UPDATE OF e), "
        "gone AS MATERIALIZED (SELECT end_effects(array_agg(id)) AS count FROM held) "
        "SELECT held.id FROM held, gone WHERE gone.count >= 0";
    const held_arrays asked{ended};
    return without(ended, connection_.run(complete_sql, {asked.ids, asked.tokens}));
}

result<void> postgres_effects::retry_later(const completion& held, instant due,
                                           const std::string& error_code,
                                           const std::string& error_message) {
    constexpr std::string_view retry_sql =
        "UPDATE effects SET owner = '', due = $3, available_at = $3, error_code = $4, "
        "error_message = $5 WHERE id = $1 AND token = $2 AND owner <> ''";
    const auto changed =
        connection_
            .run(retry_sql, {held.effect, held.token, due, storable_text(error_code),
                             storable_text(error_message)})
            .changed();
    if (changed == 0) return stale_token(held);
    return {};
}

void postgres_effects::release(const std::vector<completion>& held) {
    constexpr std::string_view release_sql =
        "WITH held AS MATERIALIZED (SELECT e.sequence FROM unnest($1::uuid[], $2::int8[]) "
        "AS h(id, token) JOIN effects e ON e.id = h.id AND e.token = h.token "
        "WHERE e.owner <> '' ORDER BY e.sequence FOR UPDATE OF e) "
        "UPDATE effects e SET owner = '', available_at = e.due, "
        "attempt = greatest(e.attempt, 1) - 1 FROM held WHERE e.sequence = held.sequence";
    const held_arrays asked{held};
    connection_.run(release_sql, {asked.ids, asked.tokens});
}

result<void> postgres_effects::park(const completion& held, const std::string& error_code,
                                    const std::string& error_message) {
    static const auto park_sql = at_now(
        "UPDATE effects SET owner = '', available_at = due, parked_at = $now, error_code = $4, "
        "error_message = $5 WHERE id = $2 AND token = $3 AND owner <> ''");
    const auto changed =
        connection_
            .run(park_sql, {now_, held.effect, held.token, storable_text(error_code),
                            storable_text(error_message)})
            .changed();
    if (changed == 0) return stale_token(held);
    return {};
}

std::vector<dead_letter> postgres_effects::dead_letters(const dead_letter_filter& filter) {
    static const auto letters_sql = select_effects(
        "",
        "effects WHERE parked_at IS NOT NULL AND ($1 = '' OR error_code = $1) AND "
        "(starts_with(source, $2) OR starts_with(target, $2)) ORDER BY sequence LIMIT $3",
        ", error_code, error_message, parked_at, (SELECT count(*) FROM effects AS other "
        "WHERE other.sequence_key = effects.sequence_key)");
    std::vector<dead_letter> letters;
    auto rows =
        connection_.run(letters_sql, {filter.error_code, filter.stream_prefix, filter.limit});
    while (rows.next()) letters.push_back(read_dead_letter(rows));
    return letters;
}

std::uint64_t postgres_effects::dead_letter_count() {
    auto rows = connection_.run("SELECT count(*) FROM effects WHERE parked_at IS NOT NULL");
    return rows.next() ? rows.number(0) : 0;
}

std::optional<instant> postgres_effects::oldest_dead_letter() {
    auto rows = connection_.run("SELECT min(parked_at) FROM effects WHERE parked_at IS NOT NULL");
    if (!rows.next() || rows.is_null(0)) return std::nullopt;
    return rows.at(0);
}

result<void> postgres_effects::replay(const message_id& effect, const audit_entry& who) {
    static const auto replay_sql = at_now(
        "WITH parked AS (UPDATE effects SET parked_at = NULL, attempt = 0, due = $now, "
        "available_at = $now WHERE id = $2 AND parked_at IS NOT NULL RETURNING source, name) "
        "INSERT INTO audit(at, actor, reason, action, effect, source, message_name) "
        "SELECT $now, $3, $4, 'replay', $2, source, name FROM parked");
    const auto changed =
        connection_
            .run(replay_sql, {now_, effect, storable_text(who.actor), storable_text(who.reason)})
            .changed();
    if (changed == 0) return not_parked(effect);
    return {};
}

result<void> postgres_effects::drop(const message_id& effect, const audit_entry& who) {
    static const auto drop_sql = at_now(
        "WITH parked AS MATERIALIZED (SELECT id, source, name FROM effects "
        "WHERE id = $2 AND parked_at IS NOT NULL FOR UPDATE), "
        "noted AS (INSERT INTO audit(at, actor, reason, action, effect, source, message_name) "
        "SELECT $now, $3, $4, 'drop', id, source, name FROM parked RETURNING effect) "
        "SELECT end_effects(array_agg(effect)) FROM noted");
    if (who.reason.empty()) return reason_missing(effect);
    auto rows = connection_.run(
        drop_sql, {now_, effect, storable_text(who.actor), storable_text(who.reason)});
    if (!rows.next() || rows.integer(0) == 0) return not_parked(effect);
    return {};
}

std::vector<audit_record> postgres_effects::audit_trail(std::size_t limit) {
    constexpr std::string_view audit_sql =
        "SELECT at, actor, reason, action, effect, source, message_name FROM audit "
        "ORDER BY id DESC LIMIT $1";
    std::vector<audit_record> trail;
    auto rows = connection_.run(audit_sql, {limit});
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

std::vector<claimed_effect> postgres_effects::pending(const stream_id& source) {
    static const auto pending_sql =
        select_effects("", "effects WHERE source = $1 ORDER BY sequence");
    std::vector<claimed_effect> found;
    auto rows = connection_.run(pending_sql, {source.text()});
    while (rows.next()) found.push_back(read_effect(rows));
    return found;
}

effect_log::counts postgres_effects::count() {
    static const auto count_sql = at_now(
        "SELECT count(*) FILTER (WHERE is_due AND is_work AND NOT is_leased), "
        "count(*) FILTER (WHERE is_work AND is_leased), "
        "count(*) FILTER (WHERE is_work AND NOT is_leased AND NOT is_due), "
        "count(*) FILTER (WHERE is_parked), count(*) FILTER (WHERE NOT is_parked AND NOT is_work), "
        "min(parked_at) FROM (SELECT parked_at, parked_at IS NOT NULL AS is_parked, "
        "parked_at IS NULL AND timer_name IS NULL AS is_work, "
        "owner <> '' AND lease_until > $now AS is_leased, "
        "is_head AND unmet = 0 AND available_at <= $now AS is_due FROM effects) AS effect");
    effect_log::counts counts;
    auto rows = connection_.run(count_sql, {now_});
    if (!rows.next()) return counts;
    counts.ready = rows.number(0);
    counts.leased = rows.number(1);
    counts.waiting = rows.number(2);
    counts.parked = rows.number(3);
    counts.timers = rows.number(4);
    if (!rows.is_null(5)) counts.oldest_parked_at = rows.at(5);
    return counts;
}

}  // namespace tidemark
