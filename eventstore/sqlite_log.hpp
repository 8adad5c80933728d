#pragma once

#include "tidemark/eventstore/event_store.hpp"
#include "tidemark/eventstore/sqlite_effects.hpp"
#include "tidemark/eventstore/sqlite_stream_filter.hpp"

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace tidemark {

/// Appends in SQLite: what `memory_log` specifies, as statements. All checks come before the first
/// write, so that a refused request has written nothing. Lives on the writer's thread; every
/// function runs inside its transaction and throws `sqlite_failure`.
class sqlite_log {
  public:
    sqlite_log(sqlite_connection& connection, sqlite_counters& counters, sqlite_effects& effects,
               sqlite_stream_filter& streams);

    [[nodiscard]] append_outcome append(const append_request& request, instant now);
    void save_snapshot(const snapshot& taken);
    /// Deletes those of the answers that nothing can ask for again; how many.
    [[nodiscard]] std::uint64_t forget_answers(const std::vector<answer_place>& places);
    /// Forgets what a rolled-back transaction had interned.
    void forget() { categories_.clear(); }

  private:
    /// The head of a stream; `row` is 0 while it has no events.
    struct stream_head {
        std::int64_t row = 0;
        tidemark::version version;
        message_id event;
    };

    [[nodiscard]] std::optional<append_outcome> check_repeat(const append_request& request,
                                                             instant now);
    [[nodiscard]] append_outcome answer_repeat(const append_request& request, std::int64_t stream,
                                               version first, instant now);
    [[nodiscard]] std::optional<append_outcome> check_effect_repeat(const append_request& request,
                                                                    instant now);
    [[nodiscard]] std::optional<append_outcome> check_command(const append_request& request);
    [[nodiscard]] std::optional<append_outcome> check_stale(const append_request& request);
    [[nodiscard]] std::optional<append_outcome> check_version(const append_request& request,
                                                              const stream_head& head) const;

    append_committed store(const append_request& request, const stream_head& head, instant now);
    position store_events(const append_request& request, stream_head head, instant now);
    void store_answer(const append_request& request, version before, version after, position at,
                      instant now);
    std::vector<effect_claim> store_effects(const append_request& request, version after,
                                            instant now);
    [[nodiscard]] stream_head head_of(const stream_id& stream);
    [[nodiscard]] std::int64_t category_row(const stream_id& stream);
    [[nodiscard]] version last_consumed(const consumption& consumed);

    sqlite_connection& connection_;
    sqlite_counters& counters_;
    sqlite_effects& effects_;
    sqlite_stream_filter& streams_;
    std::unordered_map<std::string, std::int64_t> categories_;
    sqlite_statement select_event_;
    sqlite_statement select_same_;
    sqlite_statement select_answer_;
    sqlite_statement select_head_;
    sqlite_statement insert_stream_;
    sqlite_statement update_stream_;
    sqlite_statement insert_event_;
    sqlite_statement insert_answer_;
    sqlite_statement delete_answer_;
    sqlite_statement select_category_;
    sqlite_statement insert_category_;
    sqlite_statement select_consumed_;
    sqlite_statement upsert_consumed_;
    sqlite_statement upsert_snapshot_;
};

/// Reads the columns payload_hash is not among: outcome, stream, first_version, last_version,
/// position, reason, message, from `column` on.
[[nodiscard]] answer read_answer(const sqlite_rows& row, int column);

}  // namespace tidemark
