#pragma once

#include "tidemark/eventstore/effect_log.hpp"
#include "tidemark/eventstore/postgres_connection.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tidemark {

/// Effects and timers in PostgreSQL: what `memory_effects` specifies, as statements. A view of one
/// connection for one call; `now` is the store's clock, nothing the database's. Every function is
/// one transaction of its own and throws `postgres_failure`. Rows are locked in the order in which
/// they were stored, as appends lock them.
class postgres_effects {
  public:
    postgres_effects(postgres_connection& connection, std::optional<instant> now)
        : connection_{connection}, now_{now} {}

    [[nodiscard]] effect_log::claim_page claim(const effect_log::claim_request& request);
    [[nodiscard]] std::optional<claimed_effect> find(const message_id& effect);
    [[nodiscard]] std::vector<message_id> renew(const std::string& owner,
                                                const std::vector<effect_claim>& held,
                                                duration lease);
    [[nodiscard]] std::vector<message_id> complete(const std::vector<completion>& ended);
    [[nodiscard]] result<void> retry_later(const completion& held, instant due,
                                           const std::string& error_code,
                                           const std::string& error_message);
    void release(const std::vector<completion>& held);
    [[nodiscard]] result<void> park(const completion& held, const std::string& error_code,
                                    const std::string& error_message);
    [[nodiscard]] std::vector<dead_letter> dead_letters(const dead_letter_filter& filter);
    [[nodiscard]] std::uint64_t dead_letter_count();
    [[nodiscard]] std::optional<instant> oldest_dead_letter();
    [[nodiscard]] result<void> replay(const message_id& effect, const audit_entry& who);
    [[nodiscard]] result<void> drop(const message_id& effect, const audit_entry& who);
    [[nodiscard]] std::vector<audit_record> audit_trail(std::size_t limit);
    [[nodiscard]] std::vector<claimed_effect> pending(const stream_id& source);
    [[nodiscard]] effect_log::counts count();

  private:
    postgres_connection& connection_;
    std::optional<instant> now_;
};

}  // namespace tidemark
