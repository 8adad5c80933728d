#include "tidemark/eventstore/postgres_event_reads.hpp"

#include "tidemark/eventstore/postgres_connection.hpp"

#include <algorithm>
#include <cstdint>

namespace tidemark {
namespace {

/// Rows of one answer: bounds what is in memory twice.
constexpr std::size_t slice_rows = 4096;
/// Rows asked for together with the horizon.
constexpr std::size_t first_rows = 64;
constexpr std::int64_t streams_exact_max = 1'000;

constexpr std::string_view select_stream_sql =
    "SELECT position, version, recorded_at, id, correlation, causation, name, traceparent, "
    "payload FROM events WHERE stream = $1 AND version > $2 ORDER BY version LIMIT $3";
/// Horizon and events in one round trip; through a function, which copies every row twice.
constexpr std::string_view read_log_sql =
    "SELECT position, version, recorded_at, id, correlation, causation, name, traceparent, "
    "payload, stream FROM read_log($1, $2, $3)";
/// Events up to a horizon that was taken before this statement.
constexpr std::string_view select_log_sql =
    "SELECT position, version, recorded_at, id, correlation, causation, name, traceparent, "
    "payload, stream FROM events WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3";
constexpr std::string_view select_category_sql =
    "SELECT position, version, recorded_at, id, correlation, causation, name, traceparent, "
    "payload, stream FROM events WHERE category = $4 AND position > $1 AND position <= $2 "
    "ORDER BY position LIMIT $3";
constexpr std::string_view select_last_sql =
    "SELECT position FROM events WHERE position > $1 AND position <= $2 "
    "ORDER BY position DESC LIMIT 1";

constexpr std::string_view select_snapshot_sql =
    "SELECT version, head, payload FROM snapshots WHERE stream = $1 AND name = $2";
constexpr std::string_view select_answer_sql =
    "SELECT outcome, stream, first_version, last_version, position, reason, message "
    "FROM answers WHERE scope = $1 AND id = $2";

/// Reads the columns that both statements begin with.
recorded_event read_event(const postgres_rows& row, stream_id stream) {
    return {.position = position{row.number(0)},
            .stream = std::move(stream),
            .version = version{row.number(1)},
            .id = row.id(3),
            .message = {row.text(6), row.text(8)},
            .trace = {.correlation = row.id(4), .causation = row.id(5), .traceparent = row.text(7)},
            .recorded_at = row.at(2)};
}

/// Adds what one call of `read_log` answers; how many events there were.
std::size_t add_first(postgres_rows rows, event_page& page) {
    std::size_t added = 0;
    while (rows.next()) {
        if (rows.is_null(9)) {
            page.horizon = position{rows.number(1)};
            if (!rows.is_null(0)) page.seen = std::max(page.seen, position{rows.number(0)});
            continue;
        }
        page.events.push_back(read_event(rows, rows.stream(9)));
        page.seen = page.events.back().position;
        ++added;
    }
    return added;
}

/// Fills the page up to its horizon or `limit`; false if the log ended before that.
bool fill(postgres_connection& session, const std::string& category, std::size_t limit,
          event_page& page) {
    while (page.events.size() < limit) {
        const auto slice = std::min(slice_rows, limit - page.events.size());
        auto rows = category.empty() ? session.run(select_log_sql, {page.seen, page.horizon, slice})
                                     : session.run(select_category_sql,
                                                   {page.seen, page.horizon, slice, category});
        const auto found = static_cast<std::size_t>(rows.size());
        page.events.reserve(page.events.size() + found);
        while (rows.next()) page.events.push_back(read_event(rows, rows.stream(9)));
        if (found > 0) page.seen = page.events.back().position;
        if (found < slice) return false;
    }
    return true;
}

}  // namespace

void prepare_reads(postgres_connection& session) {
    constexpr position nowhere{};
    constexpr std::size_t one = 1;
    constexpr std::string_view none;
    const auto prepare = [&session](std::string_view sql,
                                    std::initializer_list<postgres_value> like) {
        session.prepare(sql, {like.begin(), like.size()});
    };
    prepare(select_stream_sql, {none, version{}, one});
    prepare(read_log_sql, {nowhere, one, none});
    prepare(select_log_sql, {nowhere, nowhere, one});
    prepare(select_snapshot_sql, {none, none});
    prepare(select_answer_sql, {none, none});
}

std::vector<recorded_event> read_stream(postgres_connection& session, const stream_id& stream,
                                        version after, std::size_t limit) {
    std::vector<recorded_event> events;
    while (events.size() < limit) {
        const auto slice = std::min(slice_rows, limit - events.size());
        auto rows = session.run(select_stream_sql, {stream.text(), after, slice});
        const auto found = static_cast<std::size_t>(rows.size());
        events.reserve(events.size() + found);
        while (rows.next()) events.push_back(read_event(rows, stream));
        if (found < slice) break;
        after = events.back().version;
    }
    return events;
}

event_page read_log(postgres_connection& session, const std::string& category, position after,
                    std::size_t limit) {
    event_page page{.seen = after};
    // At the end of the log, where most readers are, this is all.
    const auto first = std::min(first_rows, limit);
    if (add_first(session.run(read_log_sql, {after, first, category}), page) < first) return page;
    if (fill(session, category, limit, page) || category.empty()) return page;
    auto last = session.run(select_last_sql, {page.seen, page.horizon});
    if (last.next()) page.seen = position{last.number(0)};
    return page;
}

std::optional<snapshot> latest_snapshot(postgres_connection& session, const stream_id& stream,
                                        const std::string& name) {
    auto rows = session.run(select_snapshot_sql, {stream.text(), name});
    if (!rows.next()) return std::nullopt;
    return snapshot{.stream = stream,
                    .name = name,
                    .version = version{rows.number(0)},
                    .head = rows.id(1),
                    .payload = rows.text(2)};
}

void save_snapshot(postgres_connection& session, const snapshot& taken) {
    session.run(
        "INSERT INTO snapshots AS s(stream, name, version, head, payload) "
        "VALUES($1, $2, $3, $4, $5) ON CONFLICT (stream, name) DO UPDATE SET "
        "version = excluded.version, head = excluded.head, payload = excluded.payload "
        "WHERE excluded.version >= s.version",
        {taken.stream.text(), taken.name, taken.version, taken.head,
         postgres_value::bytes(taken.payload)});
}

std::vector<snapshot_summary> list_snapshots(postgres_connection& session,
                                             const snapshot_place& after, std::size_t limit) {
    std::vector<snapshot_summary> found;
    auto rows = session.run(
        "SELECT stream, name, version, length(payload) FROM snapshots "
        "WHERE (stream, name) > ($1, $2) ORDER BY stream, name LIMIT $3",
        {after.stream, after.name, limit});
    while (rows.next()) {
        found.push_back({.stream = rows.stream(0),
                         .name = rows.text(1),
                         .version = version{rows.number(2)},
                         .bytes = rows.number(3)});
    }
    return found;
}

std::optional<answer> find_answer(postgres_connection& session, const std::string& scope,
                                  const std::string& id) {
    auto rows = session.run(select_answer_sql, {scope, id});
    if (!rows.next()) return std::nullopt;
    return answer{.outcome = static_cast<answer::kind>(rows.integer(0)),
                  .stream = rows.stream(1),
                  .first_version = version{rows.number(2)},
                  .last_version = version{rows.number(3)},
                  .position = position{rows.number(4)},
                  .reason = rows.text(5),
                  .message = rows.text(6)};
}

answer_sweep prune_answers(postgres_connection& session, std::optional<instant> now,
                           const answer_place& after, duration retention, std::size_t limit) {
    auto rows = session.run(
        "SELECT pruned, looked, last_scope, last_id FROM prune_answers($1, $2, $3, $4, $5)",
        {now, after.scope, after.id, retention.count(), limit});
    answer_sweep swept;
    if (!rows.next()) return swept;
    swept.pruned = rows.number(0);
    if (rows.number(1) == limit) swept.next = answer_place{rows.text(2), rows.text(3)};
    return swept;
}

std::vector<stream_summary> list_streams(postgres_connection& session, const std::string& prefix,
                                         const std::string& after, std::size_t limit) {
    std::vector<stream_summary> found;
    auto rows =
        session.run("SELECT stream, version, position, recorded_at FROM list_streams($1, $2, $3)",
                    {prefix, after, limit});
    while (rows.next()) {
        found.push_back({.stream = rows.stream(0),
                         .version = version{rows.number(1)},
                         .last_position = position{rows.number(2)},
                         .last_recorded_at = rows.at(3)});
    }
    return found;
}

store_status read_status(postgres_connection& session) {
    store_status status{.kind = "postgres"};
    auto rows = session.run("SELECT incarnation, (SELECT max(position) FROM events) FROM meta");
    if (!rows.next()) return status;
    status.incarnation = rows.id(0);
    status.last_position = position{rows.number(1)};
    return status;
}

std::uint64_t count_streams(postgres_connection& session) {
    auto rows = session.run("SELECT count_streams($1)", {streams_exact_max});
    return rows.next() ? rows.number(0) : 0;
}

std::optional<error> find_log_fault(postgres_connection& session) {
    auto rows = session.run("SELECT find_log_fault()");
    if (!rows.next() || rows.is_null(0)) return std::nullopt;
    return error{errc::corrupt, "PostgreSQL at " + session.place() + ": " + rows.text(0)};
}

std::vector<horizon_holder> horizon_holders(postgres_connection& session) {
    std::vector<horizon_holder> holders;
    auto rows = session.run(
        "SELECT position, pid, coalesce(application, ''), coalesce(client, ''), "
        "coalesce(state, 'prepared transaction'), "
        "(extract(epoch FROM coalesce(began, clock_timestamp())) * 1000000)::bigint "
        "FROM horizon_holders()");
    while (rows.next()) {
        holders.push_back({.position = position{rows.number(0)},
                           .backend = static_cast<int>(rows.integer(1)),
                           .application = rows.text(2),
                           .client = rows.text(3),
                           .state = rows.text(4),
                           .since = rows.at(5)});
    }
    return holders;
}

}  // namespace tidemark
