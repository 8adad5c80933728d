#include "tidemark/eventstore/sqlite_log.hpp"
#include "tidemark/eventstore/sqlite_reads.hpp"
#include "tidemark/eventstore/sqlite_schema.hpp"

#include <algorithm>

namespace tidemark {
namespace {

/// Rows of one read transaction: some milliseconds.
constexpr std::size_t slice_rows = 4096;

/// Reads position, version, id, name, payload, correlation, causation, traceparent, recorded_at.
recorded_event read_event(const sqlite_rows& row, stream_id stream) {
    return {.position = position{row.number(0)},
            .stream = std::move(stream),
            .version = version{row.number(1)},
            .id = row.id(2),
            .message = {row.text(3), row.text(4)},
            .trace = {.correlation = row.id(5), .causation = row.id(6), .traceparent = row.text(7)},
            .recorded_at = row.at(8)};
}

}  // namespace

sqlite_event_reads::sqlite_event_reads(sqlite_connection& connection)
    : select_stream_{connection,
                     "SELECT position, version, id, name, payload, correlation, causation, "
                     "traceparent, recorded_at FROM events WHERE stream = ? AND version > ? "
                     "ORDER BY version LIMIT ?"},
      select_stream_row_{connection, "SELECT id FROM streams WHERE name = ?"},
      select_all_{connection,
                  "SELECT e.position, e.version, e.id, e.name, e.payload, e.correlation, "
                  "e.causation, e.traceparent, e.recorded_at, s.name FROM events e "
                  "JOIN streams s ON s.id = e.stream WHERE e.position > ? AND e.position <= ? "
                  "ORDER BY e.position LIMIT ?"},
      select_category_{connection,
                       "SELECT e.position, e.version, e.id, e.name, e.payload, e.correlation, "
                       "e.causation, e.traceparent, e.recorded_at, s.name FROM events e "
                       "JOIN streams s ON s.id = e.stream WHERE e.position > ? AND "
                       "e.position <= ? AND e.category = ? ORDER BY e.position LIMIT ?"},
      select_category_row_{connection, "SELECT id FROM categories WHERE name = ?"},
      select_last_{connection,
                   "SELECT position FROM events WHERE position <= ? ORDER BY position DESC LIMIT "
                   "1"},
      select_snapshot_{connection,
                       "SELECT version, head, payload FROM snapshots WHERE stream = ? AND name = "
                       "?"},
      select_snapshots_{connection,
                        "SELECT stream, name, version, length(payload) "
                        "FROM snapshots WHERE (stream, name) > (?, ?) ORDER BY stream, name "
                        "LIMIT ?"},
      select_answer_{connection,
                     "SELECT outcome, stream, first_version, last_version, position, reason, "
                     "message FROM answers WHERE scope = ? AND id = ?"},
      select_answers_{connection,
                      "SELECT scope, id, at FROM answers WHERE (scope, id) > (?, ?) "
                      "ORDER BY scope, id LIMIT ?"},
      select_streams_{connection,
                      "SELECT name, version, last_position, last_recorded_at FROM streams "
                      "WHERE name > ? AND name >= ? ORDER BY name LIMIT ?"},
      select_meta_{connection, "SELECT incarnation, position, streams FROM meta WHERE id = 1"} {}

std::vector<recorded_event> sqlite_event_reads::read(const stream_id& stream, version after,
                                                     std::size_t limit) {
    std::vector<recorded_event> events;
    std::int64_t row = 0;
    {
        auto rows = select_stream_row_.query({stream.text()});
        if (!rows.next()) return events;
        row = rows.integer(0);
    }
    page_fill fill{limit};
    while (!fill.is_full()) {
        const auto slice = std::min(slice_rows, fill.room());
        const auto before = events.size();
        auto rows = select_stream_.query({row, after, slice});
        while (!fill.is_full() && rows.next()) {
            events.push_back(read_event(rows, stream));
            fill.add(events.back().message.payload.size());
        }
        if (events.size() - before < slice) break;
        after = events.back().version;
    }
    return events;
}

event_page sqlite_event_reads::read_all(const std::string& category, position after,
                                        std::size_t limit) {
    event_page page{.horizon = status().last_position, .seen = after};
    std::int64_t row = 0;
    auto is_empty = false;
    if (!category.empty()) {
        auto rows = select_category_row_.query({category});
        is_empty = !rows.next();
        if (!is_empty) row = rows.integer(0);
    }
    page_fill fill{limit};
    while (!is_empty && !fill.is_full()) is_empty = !read_slice(row, fill, page);
    if (!is_empty) return page;
    auto rows = select_last_.query({page.horizon});
    if (rows.next()) page.seen = std::max(page.seen, position{rows.number(0)});
    return page;
}

bool sqlite_event_reads::read_slice(std::int64_t category, page_fill& fill, event_page& page) {
    const auto slice = std::min(slice_rows, fill.room());
    const auto before = page.events.size();
    auto rows = category == 0 ? select_all_.query({page.seen, page.horizon, slice})
                              : select_category_.query({page.seen, page.horizon, category, slice});
    while (!fill.is_full() && rows.next()) {
        page.events.push_back(read_event(rows, rows.stream(9)));
        fill.add(page.events.back().message.payload.size());
    }
    if (page.events.size() > before) page.seen = page.events.back().position;
    return fill.is_full() || page.events.size() - before == slice;
}

std::optional<snapshot> sqlite_event_reads::latest_snapshot(const stream_id& stream,
                                                            const std::string& name) {
    auto rows = select_snapshot_.query({stream.text(), name});
    if (!rows.next()) return std::nullopt;
    return snapshot{.stream = stream,
                    .name = name,
                    .version = version{rows.number(0)},
                    .head = rows.id(1),
                    .payload = rows.text(2)};
}

std::vector<snapshot_summary> sqlite_event_reads::list_snapshots(const snapshot_place& after,
                                                                 std::size_t limit) {
    std::vector<snapshot_summary> found;
    auto rows = select_snapshots_.query({after.stream, after.name, limit});
    while (rows.next()) {
        found.push_back({.stream = rows.stream(0),
                         .name = rows.text(1),
                         .version = version{rows.number(2)},
                         .bytes = rows.number(3)});
    }
    return found;
}

std::optional<answer> sqlite_event_reads::find_answer(const std::string& scope,
                                                      const std::string& id) {
    auto rows = select_answer_.query({scope, id});
    if (!rows.next()) return std::nullopt;
    return read_answer(rows, 0);
}

old_answers sqlite_event_reads::old_answers_behind(const answer_place& after, instant before,
                                                   std::size_t limit) {
    old_answers found;
    answer_place last;
    auto looked = std::size_t{0};
    auto rows = select_answers_.query({after.scope, after.id, limit});
    while (rows.next()) {
        ++looked;
        last = {rows.text(0), rows.text(1)};
        if (rows.at(2) < before) found.places.push_back(last);
    }
    if (looked == limit) found.next = std::move(last);
    return found;
}

std::vector<stream_summary> sqlite_event_reads::list_streams(const std::string& prefix,
                                                             const std::string& after,
                                                             std::size_t limit) {
    std::vector<stream_summary> found;
    auto rows = select_streams_.query({after, prefix, limit});
    while (rows.next()) {
        if (!rows.bytes(0).starts_with(prefix)) break;
        found.push_back({.stream = rows.stream(0),
                         .version = version{rows.number(1)},
                         .last_position = position{rows.number(2)},
                         .last_recorded_at = rows.at(3)});
    }
    return found;
}

store_status sqlite_event_reads::status() {
    store_status status{.kind = "sqlite", .schema_version = sqlite_schema_version};
    auto rows = select_meta_.query();
    if (!rows.next()) return status;
    status.incarnation = rows.id(0);
    status.last_position = position{rows.number(1)};
    status.streams = rows.number(2);
    return status;
}

}  // namespace tidemark
