#include "tidemark/eventstore/sqlite_log.hpp"

#include "tidemark/eventstore/limits.hpp"
#include "tidemark/eventstore/refusals.hpp"

#include <sqlite3.h>

#include <utility>

namespace tidemark {

sqlite_log::sqlite_log(sqlite_connection& connection, sqlite_counters& counters,
                       sqlite_effects& effects, sqlite_stream_filter& streams)
    : connection_{connection},
      counters_{counters},
      effects_{effects},
      streams_{streams},
      select_event_{connection, "SELECT stream, version FROM events WHERE id = ?"},
      select_same_{connection,
                   "SELECT e.id, e.version, e.position, e.recorded_at, s.name FROM events e "
                   "JOIN streams s ON s.id = e.stream WHERE e.stream = ? AND e.version >= ? "
                   "ORDER BY e.version LIMIT ?"},
      select_answer_{connection,
                     "SELECT payload_hash, outcome, stream, first_version, last_version, position, "
                     "reason, message FROM answers WHERE scope = ? AND id = ?"},
      select_head_{connection, "SELECT id, version, head FROM streams WHERE name = ?"},
      insert_stream_{connection,
                     "INSERT INTO streams(name, version, head, last_position, last_recorded_at) "
                     "VALUES(?, ?, ?, ?, ?)"},
      update_stream_{connection,
                     "UPDATE streams SET version = ?, head = ?, last_position = ?, "
                     "last_recorded_at = ? WHERE id = ?"},
      insert_event_{connection,
                    "INSERT INTO events(position, stream, version, category, id, name, payload, "
                    "correlation, causation, traceparent, recorded_at) "
                    "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      insert_answer_{connection,
                     "INSERT INTO answers(scope, id, payload_hash, outcome, stream, first_version, "
                     "last_version, position, reason, message, at) "
                     "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      delete_answer_{connection,
                     "DELETE FROM answers WHERE scope = ?1 AND id = ?2 AND "
                     "NOT EXISTS (SELECT 1 FROM effects WHERE id = ?3) AND "
                     "NOT EXISTS (SELECT 1 FROM effects WHERE source = ?1 AND kind = ?4)"},
      select_category_{connection, "SELECT id FROM categories WHERE name = ?"},
      insert_category_{connection, "INSERT INTO categories(name) VALUES(?)"},
      select_consumed_{connection,
                       "SELECT version FROM consumptions WHERE consumer = ? AND source = ?"},
      upsert_consumed_{connection,
                       "INSERT INTO consumptions(consumer, source, version) VALUES(?, ?, ?) "
                       "ON CONFLICT DO UPDATE SET version = excluded.version"},
      upsert_snapshot_{connection,
                       "INSERT INTO snapshots(stream, name, version, head, payload) "
                       "VALUES(?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                       "version = excluded.version, head = excluded.head, "
                       "payload = excluded.payload WHERE excluded.version >= version"} {}

append_outcome sqlite_log::append(const append_request& request, instant now) {
    if (auto fault = find_fault(request)) return std::move(*fault);
    if (auto repeat = check_repeat(request, now)) return std::move(*repeat);
    if (auto known = check_command(request)) return std::move(*known);
    if (auto stale = check_stale(request)) return std::move(*stale);
    const auto head = head_of(request.stream);
    if (auto conflict = check_version(request, head)) return std::move(*conflict);
    return store(request, head, now);
}

std::optional<append_outcome> sqlite_log::check_repeat(const append_request& request, instant now) {
    if (request.events.empty()) return check_effect_repeat(request, now);
    for (std::size_t i = 0; i < request.events.size(); ++i) {
        std::int64_t stream = 0;
        version first;
        {
            auto rows = select_event_.query({request.events[i].id});
            if (!rows.next()) continue;
            stream = rows.integer(0);
            first = version{rows.number(1)};
        }
        if (i == 0) return answer_repeat(request, stream, first, now);
        return append_outcome{reused_event_id(request.stream, request.events[i].id)};
    }
    return std::nullopt;
}

append_outcome sqlite_log::answer_repeat(const append_request& request, std::int64_t stream,
                                         version first, instant now) {
    append_committed again;
    std::size_t same = 0;
    {
        auto rows = select_same_.query({stream, first, request.events.size()});
        while (rows.next() && rows.id(0) == request.events[same].id &&
               rows.bytes(4) == request.stream.text()) {
            again.version = version{rows.number(1)};
            again.position = position{rows.number(2)};
            again.recorded_at = rows.at(3);
            if (++same == request.events.size()) break;
        }
    }
    auto is_same = same == request.events.size();
    if (is_same && request.command) {
        is_same = select_answer_.query({request.command->scope, request.command->id}).next();
    }
    if (!is_same) return reused_event_id(request.stream, request.events.front().id);
    again.claimed = effects_.held_by(request.owner, request.effects, now);
    return again;
}

std::optional<append_outcome> sqlite_log::check_effect_repeat(const append_request& request,
                                                              instant now) {
    if (request.command || request.effects.empty()) return std::nullopt;
    const auto stored = effects_.find_stored(request.effects.front().id);
    if (!stored) return std::nullopt;
    return append_committed{.version = stored->source_version,
                            .position = counters_.last_position(),
                            .recorded_at = stored->stored_at,
                            .claimed = effects_.held_by(request.owner, request.effects, now)};
}

std::optional<append_outcome> sqlite_log::check_command(const append_request& request) {
    if (!request.command) return std::nullopt;
    auto rows = select_answer_.query({request.command->scope, request.command->id});
    if (!rows.next()) return std::nullopt;
    if (rows.number(0) != request.command->payload_hash) {
        return append_outcome{reused_key(*request.command)};
    }
    return append_outcome{append_answered{read_answer(rows, 1)}};
}

std::optional<append_outcome> sqlite_log::check_stale(const append_request& request) {
    for (const auto& held : request.completes) {
        if (!effects_.is_held(held)) return append_outcome{append_stale{stale_completion(held)}};
    }
    for (const auto& fire : request.fires) {
        if (!effects_.is_set(request.stream, fire)) {
            return append_outcome{append_stale{stale_fire(request.stream, fire)}};
        }
    }
    for (const auto& consumed : request.consumed) {
        const auto last = last_consumed(consumed);
        if (consumed.version != last.next()) {
            return append_outcome{append_stale{stale_consumption(consumed, last)}};
        }
    }
    return std::nullopt;
}

std::optional<append_outcome> sqlite_log::check_version(const append_request& request,
                                                        const stream_head& head) const {
    if (request.expected.is_any()) return std::nullopt;
    const auto& event = request.expected.head();
    const auto is_met = head.version == *request.expected.at() && (!event || head.event == *event);
    if (is_met) return std::nullopt;
    return append_outcome{append_conflict{head.version}};
}

append_committed sqlite_log::store(const append_request& request, const stream_head& head,
                                   instant now) {
    const auto at = store_events(request, head, now);
    const auto after = head.version.next(request.events.size());
    for (const auto& held : request.completes) effects_.end(held.effect);
    for (const auto& closed : request.closes) effects_.end(closed);
    for (const auto& fire : request.fires) effects_.end(fire.generation);
    for (const auto& consumed : request.consumed) {
        upsert_consumed_.run({consumed.consumer, consumed.source.text(), consumed.version});
    }
    auto claimed = store_effects(request, after, now);
    if (request.command) store_answer(request, head.version, after, at, now);
    return {.version = after, .position = at, .recorded_at = now, .claimed = std::move(claimed)};
}

position sqlite_log::store_events(const append_request& request, stream_head head, instant now) {
    if (request.events.empty()) return counters_.last_position();
    const auto category = category_row(request.stream);
    const auto after = head.version.next(request.events.size());
    const auto last = position{counters_.last_position().value() + request.events.size()};
    const auto& last_event = request.events.back().id;
    if (head.row == 0) {
        insert_stream_.run({request.stream.text(), after, last_event, last, now});
        head.row = sqlite3_last_insert_rowid(connection_.handle());
        counters_.count_stream();
        streams_.add(request.stream.text());
    } else {
        update_stream_.run({after, last_event, last, now, head.row});
    }
    auto at = head.version;
    const auto& trace = request.trace;
    for (const auto& event : request.events) {
        at = at.next();
        insert_event_.run({counters_.draw_position(), head.row, at, category, event.id,
                           event.message.name, sqlite_value::blob(event.message.payload),
                           trace.correlation, trace.causation, trace.traceparent, now});
    }
    return counters_.last_position();
}

std::vector<effect_claim> sqlite_log::store_effects(const append_request& request, version after,
                                                    instant now) {
    if (request.timers_cancelled.empty() && request.timers_set.empty() && request.effects.empty()) {
        return {};
    }
    const sqlite_effects::origin from{.source = request.stream,
                                      .source_version = after,
                                      .now = now,
                                      .owner = request.owner,
                                      .lease = request.lease};
    for (const auto& name : request.timers_cancelled) effects_.cancel_timer(request.stream, name);
    for (const auto& timer : request.timers_set) effects_.set_timer(timer, from);
    return effects_.add(request.effects, from);
}

void sqlite_log::store_answer(const append_request& request, version before, version after,
                              position at, instant now) {
    const auto& command = *request.command;
    insert_answer_.run({command.scope, command.id, command.payload_hash,
                        static_cast<int>(command.outcome), request.stream.text(), before, after, at,
                        command.reason, command.message, now});
}

void sqlite_log::save_snapshot(const snapshot& taken) {
    streams_.add(taken.stream.text());
    upsert_snapshot_.run({taken.stream.text(), taken.name, taken.version, taken.head,
                          sqlite_value::blob(taken.payload)});
}

std::uint64_t sqlite_log::forget_answers(const std::vector<answer_place>& places) {
    auto forgotten = std::uint64_t{0};
    for (const auto& [scope, id] : places) {
        const auto effect = effect_of_answer(id).value_or(message_id{});
        delete_answer_.run({scope, id, effect, static_cast<int>(effect_kind::settle)});
        forgotten += static_cast<std::uint64_t>(connection_.changes());
    }
    return forgotten;
}

sqlite_log::stream_head sqlite_log::head_of(const stream_id& stream) {
    auto rows = select_head_.query({stream.text()});
    if (!rows.next()) return {};
    return {.row = rows.integer(0), .version = version{rows.number(1)}, .event = rows.id(2)};
}

std::int64_t sqlite_log::category_row(const stream_id& stream) {
    const std::string name{stream.category()};
    const auto known = categories_.find(name);
    if (known != categories_.end()) return known->second;
    auto row = std::int64_t{0};
    {
        auto rows = select_category_.query({name});
        if (rows.next()) row = rows.integer(0);
    }
    if (row == 0) {
        insert_category_.run({name});
        row = sqlite3_last_insert_rowid(connection_.handle());
    }
    categories_.emplace(name, row);
    return row;
}

version sqlite_log::last_consumed(const consumption& consumed) {
    auto rows = select_consumed_.query({consumed.consumer, consumed.source.text()});
    return rows.next() ? version{rows.number(0)} : version{};
}

answer read_answer(const sqlite_rows& row, int column) {
    return {.outcome = static_cast<answer::kind>(row.integer(column)),
            .stream = row.stream(column + 1),
            .first_version = version{row.number(column + 2)},
            .last_version = version{row.number(column + 3)},
            .position = position{row.number(column + 4)},
            .reason = row.text(column + 5),
            .message = row.text(column + 6)};
}

}  // namespace tidemark
