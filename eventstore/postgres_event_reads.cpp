#include "tidemark/eventstore/postgres_event_reads.hpp"

#include "tidemark/eventstore/postgres_connection.hpp"

#include <algorithm>
#include <cstdint>

namespace tidemark {
namespace {

/// Rows of one answer, and the payloads that come with them: bounds what is in memory twice and
/// what is fetched beyond a page that is full, to `page_bytes_max`. Longer payloads, which the
/// server keeps outside the row, are fetched when it is known that the page shows them.
constexpr std::size_t slice_rows = 1024;
constexpr std::size_t short_bytes_max = 4096;
static_assert(slice_rows * short_bytes_max <= page_bytes_max);
/// Rows asked for together with the horizon.
constexpr std::size_t first_rows = 64;
constexpr std::int64_t streams_exact_max = 1'000;

// The statements begin with the same columns; NULL stands for a payload that is not short.
constexpr std::string_view select_stream_sql =
    "SELECT position, version, recorded_at, id, correlation, causation, name, traceparent, "
    "CASE WHEN octet_length(payload) <= 4096 THEN payload END, octet_length(payload) "
    "FROM events WHERE stream = $1 AND version > $2 ORDER BY version LIMIT $3";
/// Horizon and events in one round trip; through a function, which copies every row twice.
constexpr std::string_view read_log_sql =
    "SELECT position, version, recorded_at, id, correlation, causation, name, traceparent, "
    "CASE WHEN octet_length(payload) <= 4096 THEN payload END, octet_length(payload), stream "
    "FROM read_log($1, $2, $3)";
/// Events up to a horizon that was taken before this statement.
constexpr std::string_view select_log_sql =
    "SELECT position, version, recorded_at, id, correlation, causation, name, traceparent, "
    "CASE WHEN octet_length(payload) <= 4096 THEN payload END, octet_length(payload), stream "
    "FROM events WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3";
constexpr std::string_view select_category_sql =
    "SELECT position, version, recorded_at, id, correlation, causation, name, traceparent, "
    "CASE WHEN octet_length(payload) <= 4096 THEN payload END, octet_length(payload), stream "
    "FROM read_category($4, $1, $2, $3)";
constexpr std::string_view select_payloads_sql =
    "SELECT position, payload FROM events WHERE position = ANY($1) ORDER BY position";
constexpr std::string_view select_last_sql =
    "SELECT position FROM events WHERE position > $1 AND position <= $2 "
    "ORDER BY position DESC LIMIT 1";

constexpr std::string_view select_snapshot_sql =
    "SELECT version, head, payload FROM snapshots WHERE stream = $1 AND name = $2";
constexpr std::string_view select_answer_sql =
    "SELECT outcome, stream, first_version, last_version, position, reason, message "
    "FROM answers WHERE scope = $1 AND id = $2";

/// Reads the columns that all statements begin with.
recorded_event read_event(const postgres_rows& row, stream_id stream) {
    return {.position = position{row.number(0)},
            .stream = std::move(stream),
            .version = version{row.number(1)},
            .id = row.id(3),
            .message = {row.text(6), row.text(8)},
            .trace = {.correlation = row.id(4), .causation = row.id(5), .traceparent = row.text(7)},
            .recorded_at = row.at(2)};
}

/// A page as it fills, in the order of positions.
class growing_page {
  public:
    explicit growing_page(std::size_t limit) : fill_{limit} {}

    [[nodiscard]] bool is_full() const { return fill_.is_full(); }
    [[nodiscard]] std::size_t room() const { return fill_.room(); }
    [[nodiscard]] const std::vector<recorded_event>& events() const { return events_; }

    void expect(std::size_t rows) { events_.reserve(events_.size() + rows); }

    /// Only while it is not full.
    void add(const postgres_rows& row, stream_id stream) {
        if (row.is_null(8)) long_.push_back(events_.size());
        events_.push_back(read_event(row, std::move(stream)));
        fill_.add(row.number(9));
    }

    /// The events with all their payloads.
    std::vector<recorded_event> finish(postgres_connection& session) {
        if (!long_.empty()) fetch_long(session);
        return std::move(events_);
    }

  private:
    void fetch_long(postgres_connection& session) {
        // The order of a stream is that of its positions, unless the log is damaged.
        std::ranges::sort(long_, {}, [this](std::size_t at) { return events_[at].position; });
        postgres_array wanted{postgres_type::int8};
        for (const auto at : long_) wanted.add(events_[at].position);
        auto rows = session.run(select_payloads_sql, {wanted});
        for (const auto at : long_) {
            auto& event = events_[at];
            if (!rows.next() || position{rows.number(0)} != event.position) {
                throw postgres_failure{
                    "XX001", postgres_moment::after_send,
                    "event " + std::to_string(event.position.value()) + " was read and is gone"};
            }
            event.message.payload = rows.text(1);
        }
    }

    page_fill fill_;
    std::vector<recorded_event> events_;
    /// Which events have no payload yet.
    std::vector<std::size_t> long_;
};

/// Adds what one call of `read_log` answers; false if the log ended before `asked` events.
bool add_first(postgres_rows rows, std::size_t asked, growing_page& found, event_page& page) {
    while (rows.next()) {
        if (rows.is_null(10)) {
            page.horizon = position{rows.number(1)};
            const auto is_last = !found.is_full() && !rows.is_null(0);
            if (is_last) page.seen = std::max(page.seen, position{rows.number(0)});
            continue;
        }
        if (!found.is_full()) found.add(rows, rows.stream(10));
    }
    if (!found.events().empty()) page.seen = std::max(page.seen, found.events().back().position);
    return found.is_full() || found.events().size() == asked;
}

/// Fills the page up to its horizon; false if the log ended before it was full.
bool fill(postgres_connection& session, const std::string& category, growing_page& found,
          event_page& page) {
    while (!found.is_full()) {
        const auto slice = std::min(slice_rows, found.room());
        auto rows = category.empty() ? session.run(select_log_sql, {page.seen, page.horizon, slice})
                                     : session.run(select_category_sql,
                                                   {page.seen, page.horizon, slice, category});
        const auto count = static_cast<std::size_t>(rows.size());
        found.expect(count);
        while (!found.is_full() && rows.next()) found.add(rows, rows.stream(10));
        if (count > 0) page.seen = found.events().back().position;
        if (!found.is_full() && count < slice) return false;
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
    const postgres_array positions{postgres_type::int8};
    prepare(select_payloads_sql, {positions});
    prepare(select_snapshot_sql, {none, none});
    prepare(select_answer_sql, {none, none});
}

std::vector<recorded_event> read_stream(postgres_connection& session, const stream_id& stream,
                                        version after, std::size_t limit) {
    growing_page page{limit};
    while (!page.is_full()) {
        const auto slice = std::min(slice_rows, page.room());
        auto rows = session.run(select_stream_sql, {stream.text(), after, slice});
        const auto count = static_cast<std::size_t>(rows.size());
        page.expect(count);
        while (!page.is_full() && rows.next()) page.add(rows, stream);
        if (count < slice) break;
        after = page.events().back().version;
    }
    return page.finish(session);
}

event_page read_log(postgres_connection& session, const std::string& category, position after,
                    std::size_t limit) {
    event_page page{.seen = after};
    growing_page found{limit};
    // At the end of the log, where most readers are, this is all.
    const auto first = std::min(first_rows, limit);
    auto rows = session.run(read_log_sql, {after, first, category});
    const auto is_more = add_first(std::move(rows), first, found, page);
    const auto is_full = is_more && fill(session, category, found, page);
    page.events = found.finish(session);
    if (!is_more || is_full || category.empty()) return page;
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
        "coalesce((extract(epoch FROM clock_timestamp() - began) * 1000000)::bigint, 0) "
        "FROM horizon_holders()");
    while (rows.next()) {
        holders.push_back({.position = position{rows.number(0)},
                           .backend = static_cast<int>(rows.integer(1)),
                           .application = rows.text(2),
                           .client = rows.text(3),
                           .state = rows.text(4),
                           .held = duration{rows.integer(5)}});
    }
    return holders;
}

}  // namespace tidemark
