#pragma once

#include "tidemark/eventstore/sqlite_connection.hpp"
#include "tidemark/eventstore/storage.hpp"

#include <optional>
#include <string>
#include <vector>

namespace tidemark {

/// Answers that are old enough to go, and where to look on.
struct old_answers {
    std::vector<answer_place> places;
    std::optional<answer_place> next;
};

/// Queries of one read-only connection: events, answers, snapshots. Lives on a reader's thread;
/// every function throws `sqlite_failure`. Long answers are read in slices, each a short
/// transaction, so that the write-ahead log can be truncated between them; the log only grows, so
/// the slices fit together.
class sqlite_event_reads {
  public:
    explicit sqlite_event_reads(sqlite_connection& connection);

    [[nodiscard]] std::vector<recorded_event> read(const stream_id& stream, version after,
                                                   std::size_t limit);
    /// All events, or those of one category if it is not empty.
    [[nodiscard]] event_page read_all(const std::string& category, position after,
                                      std::size_t limit);
    [[nodiscard]] std::optional<snapshot> latest_snapshot(const stream_id& stream,
                                                          const std::string& name);
    [[nodiscard]] std::vector<snapshot_summary> list_snapshots(const snapshot_place& after,
                                                               std::size_t limit);
    [[nodiscard]] std::optional<answer> find_answer(const std::string& scope,
                                                    const std::string& id);
    /// Among the `limit` answers behind `after`, those given before `before`.
    [[nodiscard]] old_answers old_answers_behind(const answer_place& after, instant before,
                                                 std::size_t limit);
    [[nodiscard]] std::vector<stream_summary> list_streams(const std::string& prefix,
                                                           const std::string& after,
                                                           std::size_t limit);
    /// Incarnation, version and counters; the rest is the caller's.
    [[nodiscard]] store_status status();

  private:
    /// Adds to the page; false if the log ended before it was full.
    [[nodiscard]] bool read_slice(std::int64_t category, page_fill& fill, event_page& page);

    sqlite_statement select_stream_;
    sqlite_statement select_stream_row_;
    sqlite_statement select_all_;
    sqlite_statement select_category_;
    sqlite_statement select_category_row_;
    sqlite_statement select_last_;
    sqlite_statement select_snapshot_;
    sqlite_statement select_snapshots_;
    sqlite_statement select_answer_;
    sqlite_statement select_answers_;
    sqlite_statement select_streams_;
    sqlite_statement select_meta_;
};

/// Queries of one read-only connection: effects, timers and dead letters. As above.
class sqlite_effect_reads {
  public:
    explicit sqlite_effect_reads(sqlite_connection& connection);

    [[nodiscard]] std::optional<claimed_effect> find(const message_id& effect);
    [[nodiscard]] std::vector<dead_letter> dead_letters(const dead_letter_filter& filter);
    [[nodiscard]] std::uint64_t dead_letter_count();
    [[nodiscard]] std::optional<instant> oldest_dead_letter();
    [[nodiscard]] std::vector<audit_record> audit_trail(std::size_t limit);
    [[nodiscard]] std::vector<claimed_effect> pending(const stream_id& source);
    [[nodiscard]] effect_log::counts count(instant now);

  private:
    std::string find_sql_;
    std::string letters_sql_;
    std::string pending_sql_;
    sqlite_statement select_effect_;
    sqlite_statement select_letters_;
    sqlite_statement count_letters_;
    sqlite_statement select_audit_;
    sqlite_statement select_pending_;
    sqlite_statement count_work_;
    sqlite_statement count_timers_;
};

/// Queries of one read-only connection: read models and checkpoints. As above.
class sqlite_model_reads {
  public:
    explicit sqlite_model_reads(sqlite_connection& connection);

    [[nodiscard]] checkpoint load_checkpoint(const std::string& name);
    [[nodiscard]] std::optional<document> find_document(const std::string& name,
                                                        const std::string& key);
    [[nodiscard]] std::vector<document> query(const std::string& name, const document_query& asked);
    [[nodiscard]] std::vector<read_model_store::model_summary> list_models();

  private:
    sqlite_statement select_checkpoint_;
    sqlite_statement select_document_;
    sqlite_statement select_up_;
    sqlite_statement select_down_;
    sqlite_statement select_index_up_;
    sqlite_statement select_index_down_;
    sqlite_statement select_models_;
};

/// A connection for reading and everything asked over it.
struct sqlite_reads {
    sqlite_reads(const std::string& path, const std::string& vfs)
        : connection{path, sqlite_connection::access::read_only, vfs} {}

    sqlite_connection connection;
    sqlite_event_reads events{connection};
    sqlite_effect_reads effects{connection};
    sqlite_model_reads models{connection};
};

}  // namespace tidemark
