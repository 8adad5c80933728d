#pragma once

#include "tidemark/eventstore/event_store.hpp"
#include "tidemark/eventstore/memory_effects.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tidemark {

/// Draws the position of the next event of an append that is about to be stored. Must answer
/// unused positions, growing within one append; between appends they may come in any order, as
/// they do in a database where a later transaction commits first.
using position_source = std::function<position()>;

/// The log in memory: the executable specification of `append`. Synchronous, not thread-safe, no
/// clock of its own. `memory_storage` puts a lock around it, the simulated store builds its weak
/// contract (late commits, unknown outcomes, a sequence that falls back) on top of it.
class memory_log {
  public:
    explicit memory_log(message_id incarnation) : incarnation_{incarnation} {}
    memory_log(const memory_log&) = delete;
    memory_log& operator=(const memory_log&) = delete;

    /// What the append would be told, in the order of checks of the port; nothing if it can be
    /// stored. Changes nothing.
    [[nodiscard]] std::optional<append_outcome> check(const append_request& request,
                                                      instant now) const;
    /// Checks, and stores the request at positions drawn from `draw`, or changes nothing.
    [[nodiscard]] append_outcome append(const append_request& request, instant now,
                                        const position_source& draw);
    /// The same at the positions after the last.
    [[nodiscard]] append_outcome append(const append_request& request, instant now);

    // Pages, as of the port.
    [[nodiscard]] std::vector<recorded_event> read(const stream_id& stream, version after,
                                                   std::size_t limit) const;
    /// Events with position in (after, horizon], of one category or, if it is empty, of all.
    [[nodiscard]] event_page read_all(position after, position horizon, std::size_t limit,
                                      std::string_view category = {}) const;
    [[nodiscard]] std::optional<snapshot> latest_snapshot(const stream_id& stream,
                                                          const std::string& name) const;
    void save_snapshot(snapshot taken);
    [[nodiscard]] std::vector<snapshot_summary> list_snapshots(const snapshot_place& after,
                                                               std::size_t limit) const;
    [[nodiscard]] std::optional<answer> find_answer(const std::string& scope,
                                                    const std::string& id) const;
    /// See `event_store::prune_answers`; `before`: when the youngest that may go was given.
    [[nodiscard]] answer_sweep prune_answers(const answer_place& after, instant before,
                                             std::size_t limit);
    [[nodiscard]] std::vector<stream_summary> list_streams(const std::string& prefix,
                                                           const std::string& after,
                                                           std::size_t limit) const;

    [[nodiscard]] version head(const stream_id& stream) const;
    /// Greatest position stored so far.
    [[nodiscard]] position last_position() const { return last_position_; }
    [[nodiscard]] std::size_t stream_count() const { return streams_.size(); }
    [[nodiscard]] const message_id& incarnation() const { return incarnation_; }

    [[nodiscard]] memory_effects& effects() { return effects_; }
    [[nodiscard]] const memory_effects& effects() const { return effects_; }

  private:
    struct stored_answer {
        std::uint64_t payload_hash = 0;
        answer first;
        instant given_at{};
    };
    /// A deque, so that a long stream is not moved as it grows and its events stay where they are.
    using events_of_stream = std::deque<recorded_event>;
    struct log_entry {
        position at;
        const recorded_event* event = nullptr;
    };
    /// Where an event id was stored.
    struct event_place {
        const events_of_stream* stream = nullptr;
        tidemark::version version;
    };
    using name_pair = std::pair<std::string, std::string>;

    // The checks, in the order of the port.
    [[nodiscard]] std::optional<append_outcome> check_repeat(const append_request& request,
                                                             instant now) const;
    [[nodiscard]] std::optional<append_outcome> check_command(const append_request& request) const;
    [[nodiscard]] std::optional<append_outcome> check_stale(const append_request& request) const;
    [[nodiscard]] std::optional<append_outcome> check_version(const append_request& request) const;
    [[nodiscard]] append_committed committed_before(const append_request& request, version at,
                                                    position position, instant recorded_at,
                                                    instant now) const;

    append_committed store(const append_request& request, instant now, const position_source& draw);
    position store_events(const append_request& request, instant now, const position_source& draw);
    void store_answer(const command_record& command, answer given, instant now);
    static void insert_ordered(std::vector<log_entry>& entries, const log_entry& entry);
    [[nodiscard]] version last_consumed(const consumption& consumed) const;

    message_id incarnation_;
    std::unordered_map<stream_id, events_of_stream> streams_;
    std::set<std::string_view> stream_names_;
    boost::unordered_flat_map<message_id, event_place, std::hash<message_id>> event_ids_;
    /// All events by position, and those of each category.
    std::vector<log_entry> order_;
    std::map<std::string, std::vector<log_entry>, std::less<>> categories_;
    std::map<name_pair, stored_answer> answers_;
    std::map<name_pair, version> consumed_;
    std::map<name_pair, snapshot> snapshots_;
    position last_position_;
    memory_effects effects_;
};

}  // namespace tidemark
