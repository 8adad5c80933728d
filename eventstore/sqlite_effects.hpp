#pragma once

#include "tidemark/eventstore/effect_log.hpp"
#include "tidemark/eventstore/sqlite_connection.hpp"
#include "tidemark/eventstore/sqlite_counters.hpp"

#include <optional>
#include <string>
#include <vector>

namespace tidemark {

/// Effects and timers in SQLite: what `memory_effects` specifies, as statements. Lives on the
/// writer's thread; every function runs inside its transaction and throws `sqlite_failure`.
class sqlite_effects {
  public:
    sqlite_effects(sqlite_connection& connection, sqlite_counters& counters);

    [[nodiscard]] bool is_held(const completion& held);
    [[nodiscard]] bool is_set(const stream_id& stream, const timer_fire& fire);

    struct origin {
        stream_id source;
        version source_version;
        instant now{};
        std::string owner;
        duration lease{};
    };
    [[nodiscard]] std::vector<effect_claim> add(const std::vector<new_effect>& effects,
                                                const origin& from);
    void set_timer(const new_timer& timer, const origin& from);
    void cancel_timer(const stream_id& stream, const std::string& name);
    void end(const message_id& effect);
    [[nodiscard]] std::vector<effect_claim> held_by(const std::string& owner,
                                                    const std::vector<new_effect>& effects,
                                                    instant now);
    /// Version of the source after the append that stored the effect.
    struct stored_effect {
        version source_version;
        instant stored_at{};
    };
    [[nodiscard]] std::optional<stored_effect> find_stored(const message_id& effect);

    [[nodiscard]] effect_log::claim_page claim(const effect_log::claim_request& request,
                                               instant now);
    [[nodiscard]] std::vector<message_id> renew(const std::string& owner,
                                                const std::vector<effect_claim>& held,
                                                duration lease, instant now);
    [[nodiscard]] std::vector<message_id> complete(const std::vector<completion>& ended);
    [[nodiscard]] result<void> retry_later(const completion& held, instant due,
                                           const std::string& error_code,
                                           const std::string& error_message);
    void release(const std::vector<completion>& held);
    [[nodiscard]] result<void> park(const completion& held, const std::string& error_code,
                                    const std::string& error_message, instant now);
    [[nodiscard]] result<void> replay(const message_id& effect, const audit_entry& who,
                                      instant now);
    [[nodiscard]] result<void> drop(const message_id& effect, const audit_entry& who, instant now);

  private:
    struct fresh_row;
    [[nodiscard]] bool insert(const fresh_row& row);
    [[nodiscard]] bool is_queued(const std::string& key);
    /// True if it was parked and is now in the audit trail.
    [[nodiscard]] bool audit(const message_id& effect, const audit_entry& who,
                             std::string_view action, instant now);

    sqlite_counters& counters_;
    std::string claim_sql_;
    sqlite_statement select_held_;
    sqlite_statement select_timer_;
    sqlite_statement select_queued_;
    sqlite_statement select_stored_;
    sqlite_statement insert_;
    sqlite_statement insert_order_;
    sqlite_statement delete_;
    sqlite_statement select_successors_;
    sqlite_statement delete_order_;
    sqlite_statement meet_;
    sqlite_statement promote_;
    sqlite_statement select_claimable_;
    sqlite_statement select_next_due_;
    sqlite_statement lease_;
    sqlite_statement renew_;
    sqlite_statement retry_;
    sqlite_statement release_;
    sqlite_statement park_;
    sqlite_statement select_parked_;
    sqlite_statement replay_;
    sqlite_statement insert_audit_;
};

}  // namespace tidemark
