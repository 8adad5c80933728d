#pragma once

#include "tidemark/eventstore/event_store.hpp"

#include <optional>
#include <string>
#include <vector>

namespace tidemark {

class postgres_connection;

// The reading half of the log, each in one round trip or a few on one session. Every function
// throws `postgres_failure`.

[[nodiscard]] std::vector<recorded_event> read_stream(postgres_connection& session,
                                                      const stream_id& stream, version after,
                                                      std::size_t limit);
/// Of one category, or of all if it is empty. Up to the horizon.
[[nodiscard]] event_page read_log(postgres_connection& session, const std::string& category,
                                  position after, std::size_t limit);
[[nodiscard]] std::optional<snapshot> latest_snapshot(postgres_connection& session,
                                                      const stream_id& stream,
                                                      const std::string& name);
/// Prepares the reads that commands and their readers wait for.
void prepare_reads(postgres_connection& session);
void save_snapshot(postgres_connection& session, const snapshot& taken);
[[nodiscard]] std::vector<snapshot_summary> list_snapshots(postgres_connection& session,
                                                           const snapshot_place& after,
                                                           std::size_t limit);
/// One step of forgetting answers; `now` as everywhere: nothing, by the database's clock.
[[nodiscard]] answer_sweep prune_answers(postgres_connection& session, std::optional<instant> now,
                                         const answer_place& after, duration retention,
                                         std::size_t limit);
[[nodiscard]] std::optional<answer> find_answer(postgres_connection& session,
                                                const std::string& scope, const std::string& id);
[[nodiscard]] std::vector<stream_summary> list_streams(postgres_connection& session,
                                                       const std::string& prefix,
                                                       const std::string& after, std::size_t limit);
/// Without place, schema version and the number of streams.
[[nodiscard]] store_status read_status(postgres_connection& session);
/// Exact up to 1,000 and then the planner's estimate, which follows with the next ANALYZE. Takes
/// some 30 µs a stream.
[[nodiscard]] std::uint64_t count_streams(postgres_connection& session);

/// What makes the log unfit to be served, for a person to mend; nothing if it is sound.
[[nodiscard]] std::optional<error> find_log_fault(postgres_connection& session);

/// A database session that holds the horizon back.
struct horizon_holder {
    /// Events after this position are not shown before the session's transaction ends.
    tidemark::position position;
    /// Process id in the server; 0 for a prepared transaction, whose name is then `application`
    /// and its role `client`.
    int backend = 0;
    std::string application;
    std::string client;
    std::string state;
    /// How long its transaction has been open, by the server's clock.
    duration held{};
};
/// Sessions with an append under way, the one that holds the horizon back most first.
[[nodiscard]] std::vector<horizon_holder> horizon_holders(postgres_connection& session);

}  // namespace tidemark
