#include "tidemark/eventstore/sqlite_effects.hpp"

#include "tidemark/eventstore/refusals.hpp"
#include "tidemark/eventstore/sqlite_effect_row.hpp"
#include "tidemark/eventstore/stored_lists.hpp"

#include <algorithm>

namespace tidemark {

/// What stands in a row besides the columns that start the same for all.
struct sqlite_effects::fresh_row {
    const new_effect& effect;
    const origin& from;
    sqlite_value timer_name = std::nullopt;
    instant due{};
    std::uint64_t unmet = 0;
    bool is_head = true;
    bool is_claimed = false;
    std::uint64_t token = 0;
};

sqlite_effects::sqlite_effects(sqlite_connection& connection, sqlite_counters& counters)
    : counters_{counters},
      claim_sql_{select_effects("WHERE is_head = 1 AND unmet = 0 AND parked_at IS NULL AND "
                                "available_at <= ? ORDER BY available_at, sequence LIMIT ?")},
      select_held_{connection,
                   "SELECT owner, token, lease_until FROM effects "
                   "WHERE id = ? AND owner IS NOT NULL"},
      select_timer_{connection, "SELECT id FROM effects WHERE source = ? AND timer_name = ?"},
      select_queued_{connection, "SELECT 1 FROM effects WHERE sequence_key = ? LIMIT 1"},
      select_stored_{connection, "SELECT source_version, stored_at FROM effects WHERE id = ?"},
      insert_{connection,
              "INSERT INTO effects(sequence, id, kind, source, source_version, target, name, "
              "payload, sequence_key, tree, tree_index, after, options, correlation, causation, "
              "traceparent, timer_name, attempt, stored_at, due, is_head, unmet, owner, token, "
              "lease_until, available_at) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,"
              "?) ON CONFLICT(id) DO NOTHING"},
      insert_order_{connection, "INSERT INTO effect_order(predecessor, successor) VALUES(?, ?)"},
      delete_{connection, "DELETE FROM effects WHERE id = ? RETURNING sequence_key"},
      select_successors_{connection, "SELECT successor FROM effect_order WHERE predecessor = ?"},
      delete_order_{connection, "DELETE FROM effect_order WHERE predecessor = ?"},
      meet_{connection, "UPDATE effects SET unmet = unmet - 1 WHERE id = ?"},
      promote_{connection,
               "UPDATE effects SET is_head = 1 WHERE sequence = (SELECT sequence FROM effects "
               "WHERE sequence_key = ? ORDER BY sequence LIMIT 1) AND is_head = 0"},
      select_claimable_{connection, claim_sql_},
      select_next_due_{connection,
                       "SELECT available_at FROM effects WHERE is_head = 1 AND unmet = 0 AND "
                       "parked_at IS NULL ORDER BY available_at LIMIT 1"},
      lease_{connection,
             "UPDATE effects SET owner = ?, token = ?, lease_until = ?, available_at = ?, "
             "attempt = attempt + 1 WHERE id = ?"},
      renew_{connection,
             "UPDATE effects SET lease_until = ?, available_at = ? "
             "WHERE id = ? AND token = ? AND owner = ?"},
      retry_{connection,
             "UPDATE effects SET owner = NULL, due = ?, available_at = ?, error_code = ?, "
             "error_message = ? WHERE id = ? AND token = ? AND owner IS NOT NULL"},
      release_{connection,
               "UPDATE effects SET owner = NULL, available_at = due, attempt = max(attempt, 1) - 1 "
               "WHERE id = ? AND token = ? AND owner IS NOT NULL"},
      park_{connection,
            "UPDATE effects SET owner = NULL, available_at = due, parked_at = ?, error_code = ?, "
            "error_message = ? WHERE id = ? AND token = ? AND owner IS NOT NULL"},
      select_parked_{connection,
                     "SELECT source, name FROM effects WHERE id = ? AND parked_at IS NOT NULL"},
      replay_{connection,
              "UPDATE effects SET parked_at = NULL, attempt = 0, due = ?, available_at = ? "
              "WHERE id = ?"},
      insert_audit_{connection,
                    "INSERT INTO audit(at, actor, reason, action, effect, source, message_name) "
                    "VALUES(?, ?, ?, ?, ?, ?, ?)"} {}

bool sqlite_effects::is_held(const completion& held) {
    auto rows = select_held_.query({held.effect});
    return rows.next() && rows.number(1) == held.token;
}

bool sqlite_effects::is_set(const stream_id& stream, const timer_fire& fire) {
    auto rows = select_timer_.query({stream.text(), fire.name});
    return rows.next() && rows.id(0) == fire.generation;
}

bool sqlite_effects::is_queued(const std::string& key) {
    if (key.empty()) return false;
    return select_queued_.query({key}).next();
}

bool sqlite_effects::insert(const fresh_row& row) {
    const auto& effect = row.effect;
    const auto& key = effect.sequence_key;
    const auto until = row.is_claimed ? row.from.now + row.from.lease : instant{};
    const auto changed =
        insert_.run({counters_.draw_effect(),
                     effect.id,
                     static_cast<int>(effect.kind),
                     row.from.source.text(),
                     row.from.source_version,
                     effect.target.text(),
                     effect.message.name,
                     sqlite_value::blob(effect.message.payload),
                     key.empty() ? sqlite_value{std::nullopt} : sqlite_value{key},
                     effect.tree,
                     effect.index,
                     join_indices(effect.after),
                     effect.options,
                     effect.trace.correlation,
                     effect.trace.causation,
                     effect.trace.traceparent,
                     row.timer_name,
                     row.is_claimed ? 1 : 0,
                     row.from.now,
                     row.due,
                     row.is_head,
                     row.unmet,
                     row.is_claimed ? sqlite_value{row.from.owner} : sqlite_value{std::nullopt},
                     row.token,
                     until,
                     row.is_claimed ? until : row.due});
    return changed > 0;
}

std::vector<effect_claim> sqlite_effects::add(const std::vector<new_effect>& effects,
                                              const origin& from) {
    std::vector<effect_claim> claimed;
    for (auto e = effects.begin(); e != effects.end(); ++e) {
        if (find_stored(e->id)) continue;
        fresh_row row{.effect = *e, .from = from, .due = from.now};
        for (auto before = effects.begin(); before != e; ++before) {
            if (before->tree != e->tree || std::ranges::count(e->after, before->index) == 0)
                continue;
            insert_order_.run({before->id, e->id});
            ++row.unmet;
        }
        row.is_head = !is_queued(e->sequence_key);
        row.is_claimed = row.is_head && row.unmet == 0 && !from.owner.empty();
        if (row.is_claimed) row.token = counters_.draw_token();
        if (insert(row) && row.is_claimed) claimed.push_back({.effect = e->id, .token = row.token});
    }
    return claimed;
}

void sqlite_effects::set_timer(const new_timer& timer, const origin& from) {
    cancel_timer(from.source, timer.name);
    end(timer.generation);
    const new_effect as_effect{.id = timer.generation,
                               .kind = effect_kind::timer,
                               .target = from.source,
                               .message = timer.message,
                               .options = timer.options,
                               .trace = timer.trace};
    std::ignore =
        insert({.effect = as_effect, .from = from, .timer_name = timer.name, .due = timer.due});
}

void sqlite_effects::cancel_timer(const stream_id& stream, const std::string& name) {
    std::optional<message_id> found;
    {
        auto rows = select_timer_.query({stream.text(), name});
        if (rows.next()) found = rows.id(0);
    }
    if (found) end(*found);
}

void sqlite_effects::end(const message_id& effect) {
    std::string key;
    {
        auto rows = delete_.query({effect});
        if (!rows.next()) return;
        key = rows.text(0);
        while (rows.next()) {
        }
    }
    if (!key.empty()) promote_.run({key});
    std::vector<message_id> successors;
    {
        auto rows = select_successors_.query({effect});
        while (rows.next()) successors.push_back(rows.id(0));
    }
    if (successors.empty()) return;
    for (const auto& successor : successors) meet_.run({successor});
    delete_order_.run({effect});
}

std::vector<effect_claim> sqlite_effects::held_by(const std::string& owner,
                                                  const std::vector<new_effect>& effects,
                                                  instant now) {
    std::vector<effect_claim> held;
    if (owner.empty()) return held;
    for (const auto& effect : effects) {
        auto rows = select_held_.query({effect.id});
        if (!rows.next() || rows.bytes(0) != owner || rows.at(2) <= now) continue;
        held.push_back({.effect = effect.id, .token = rows.number(1)});
    }
    return held;
}

std::optional<sqlite_effects::stored_effect> sqlite_effects::find_stored(const message_id& effect) {
    auto rows = select_stored_.query({effect});
    if (!rows.next()) return std::nullopt;
    return stored_effect{.source_version = version{rows.number(0)}, .stored_at = rows.at(1)};
}

effect_log::claim_page sqlite_effects::claim(const effect_log::claim_request& request,
                                             instant now) {
    effect_log::claim_page page;
    {
        auto rows = select_claimable_.query({now, request.limit});
        while (rows.next()) page.claimed.push_back(read_effect(rows));
    }
    const auto until = now + request.lease;
    for (auto& work : page.claimed) {
        work.token = counters_.draw_token();
        ++work.attempt;
        lease_.run({request.owner, work.token, until, until, work.effect.id});
    }
    auto rows = select_next_due_.query();
    if (rows.next()) page.next_due = rows.at(0);
    return page;
}

std::vector<message_id> sqlite_effects::renew(const std::string& owner,
                                              const std::vector<effect_claim>& held, duration lease,
                                              instant now) {
    std::vector<message_id> lost;
    const auto until = now + lease;
    for (const auto& claim : held) {
        const auto changed = renew_.run({until, until, claim.effect, claim.token, owner});
        if (changed == 0) lost.push_back(claim.effect);
    }
    return lost;
}

std::vector<message_id> sqlite_effects::complete(const std::vector<completion>& ended) {
    std::vector<message_id> stale;
    for (const auto& held : ended) {
        if (is_held(held)) {
            end(held.effect);
        } else {
            stale.push_back(held.effect);
        }
    }
    return stale;
}

result<void> sqlite_effects::retry_later(const completion& held, instant due,
                                         const std::string& error_code,
                                         const std::string& error_message) {
    const auto changed = retry_.run({due, due, error_code, error_message, held.effect, held.token});
    if (changed == 0) return stale_token(held);
    return {};
}

void sqlite_effects::release(const std::vector<completion>& held) {
    for (const auto& one : held) release_.run({one.effect, one.token});
}

result<void> sqlite_effects::park(const completion& held, const std::string& error_code,
                                  const std::string& error_message, instant now) {
    const auto changed = park_.run({now, error_code, error_message, held.effect, held.token});
    if (changed == 0) return stale_token(held);
    return {};
}

bool sqlite_effects::audit(const message_id& effect, const audit_entry& who,
                           std::string_view action, instant now) {
    auto rows = select_parked_.query({effect});
    if (!rows.next()) return false;
    insert_audit_.run({now, who.actor, who.reason, action, effect, rows.bytes(0), rows.bytes(1)});
    return true;
}

result<void> sqlite_effects::replay(const message_id& effect, const audit_entry& who, instant now) {
    if (!audit(effect, who, "replay", now)) return not_parked(effect);
    replay_.run({now, now, effect});
    return {};
}

result<void> sqlite_effects::drop(const message_id& effect, const audit_entry& who, instant now) {
    if (who.reason.empty()) return reason_missing(effect);
    if (!audit(effect, who, "drop", now)) return not_parked(effect);
    end(effect);
    return {};
}

}  // namespace tidemark
