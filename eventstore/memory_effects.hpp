#pragma once

#include "tidemark/eventstore/effect_log.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tidemark {

/// Effects and timers in memory: the executable specification of `effect_log`. Synchronous, not
/// thread-safe; part of `memory_log`.
///
/// A key's effects form a queue in the order they were stored. Only its head can be handed out, so
/// the lease of a key is kept on its head. Heads that wait for nothing in their tree and are not
/// parked are *candidates*, ordered by the moment they can be handed out: their due time, or the
/// end of their lease.
class memory_effects {
  public:
    memory_effects() = default;
    memory_effects(const memory_effects&) = delete;
    memory_effects& operator=(const memory_effects&) = delete;

    /// What an append checks: the effect exists and is under exactly this token.
    [[nodiscard]] bool is_held(const completion& held) const;
    /// What an append checks: (name, generation) is the current setting.
    [[nodiscard]] bool is_set(const stream_id& stream, const timer_fire& fire) const;

    /// Where an effect comes from, and who wants it at once.
    struct origin {
        stream_id source;
        version source_version;
        instant now{};
        std::string owner;
        duration lease{};
    };
    /// Stores the effects of one append; answers which of them the owner holds.
    [[nodiscard]] std::vector<effect_claim> add(const std::vector<new_effect>& effects,
                                                const origin& from);
    void set_timer(const new_timer& timer, const origin& from);
    void cancel_timer(const stream_id& stream, const std::string& name);
    /// Ends an effect whatever its state; what waited for it goes on. Nothing if it is gone.
    void end(const message_id& effect);
    /// The effects of `source` among `effects` that `owner` holds at `now`.
    [[nodiscard]] std::vector<effect_claim> held_by(const std::string& owner,
                                                    const std::vector<new_effect>& effects,
                                                    instant now) const;

    // The functions of `effect_log`.
    [[nodiscard]] effect_log::claim_page claim(const effect_log::claim_request& request,
                                               instant now);
    [[nodiscard]] std::optional<claimed_effect> find(const message_id& effect) const;
    [[nodiscard]] std::vector<message_id> renew(const std::string& owner,
                                                const std::vector<effect_claim>& held,
                                                duration lease, instant now);
    [[nodiscard]] std::vector<message_id> complete(const std::vector<completion>& ended);
    [[nodiscard]] result<void> retry_later(const completion& held, instant due,
                                           std::string error_code, std::string error_message);
    void release(const std::vector<completion>& held);
    [[nodiscard]] result<void> park(const completion& held, std::string error_code,
                                    std::string error_message, instant now);
    [[nodiscard]] std::vector<dead_letter> dead_letters(const dead_letter_filter& filter) const;
    [[nodiscard]] std::uint64_t dead_letter_count() const { return parked_.size(); }
    [[nodiscard]] std::optional<instant> oldest_dead_letter() const;
    [[nodiscard]] result<void> replay(const message_id& effect, const audit_entry& who,
                                      instant now);
    [[nodiscard]] result<void> drop(const message_id& effect, const audit_entry& who, instant now);
    [[nodiscard]] std::vector<audit_record> audit_trail(std::size_t limit) const;
    /// Whether what is not ended can still send the command that was answered under this id.
    [[nodiscard]] bool may_ask_again(const std::string& scope, std::string_view id) const;
    [[nodiscard]] std::vector<claimed_effect> pending(const stream_id& source) const;
    [[nodiscard]] effect_log::counts count(instant now) const;

  private:
    struct row {
        claimed_effect work;
        /// Order of storing.
        std::uint64_t sequence = 0;
        /// Effects of its tree that must end first.
        std::size_t unmet = 0;
        /// Effects of its tree that wait for this one.
        std::vector<message_id> dependents;
        /// Empty: under no lease.
        std::string owner;
        /// End of the lease.
        instant until{};
        bool is_parked = false;
        std::string error_code;
        std::string error_message;
        instant parked_at{};
        /// Where it stands among the candidates.
        std::optional<instant> candidate_at;
    };
    using queue = std::map<std::uint64_t, row*>;
    using timer_key = std::pair<std::string, std::string>;

    row& insert(row fresh);
    void erase(row& gone);
    [[nodiscard]] row* lookup(const message_id& effect);
    [[nodiscard]] const row* lookup(const message_id& effect) const;
    [[nodiscard]] row* lookup_held(const completion& held);
    [[nodiscard]] bool is_head(const row& r) const;
    /// Puts the row where it belongs among the candidates, or takes it out.
    void place(row& r);
    void place_head(const std::string& key);
    void lease_to(row& r, const std::string& owner, instant until);
    void free_lease(row& r);
    void audit(const row& r, const audit_entry& who, std::string_view action, instant now);

    std::unordered_map<message_id, row> rows_;
    std::unordered_map<std::string, queue> queues_;
    std::unordered_map<std::string, queue> by_source_;
    std::map<timer_key, message_id> timers_;
    std::set<std::pair<instant, std::uint64_t>> candidates_;
    std::unordered_map<std::uint64_t, row*> by_sequence_;
    queue parked_;
    std::vector<audit_record> audit_;
    std::uint64_t last_sequence_ = 0;
    /// One counter for all keys, so that a token never comes again even after a key was forgotten.
    std::uint64_t last_token_ = 0;
};

}  // namespace tidemark
