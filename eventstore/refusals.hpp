#pragma once

#include "tidemark/core/error.hpp"
#include "tidemark/eventstore/append.hpp"
#include "tidemark/eventstore/read_model.hpp"

namespace tidemark {

// What every backend answers in the same words.

/// A completion that names a gone effect or an old token.
[[nodiscard]] error stale_token(const completion& held);
[[nodiscard]] error not_parked(const message_id& effect);
[[nodiscard]] error reason_missing(const message_id& effect);
/// `append_stale::what` of each kind.
[[nodiscard]] std::string stale_completion(const completion& held);
[[nodiscard]] std::string stale_fire(const stream_id& stream, const timer_fire& fire);
[[nodiscard]] std::string stale_consumption(const consumption& consumed, version last);
/// The same command id with another payload.
[[nodiscard]] error reused_key(const command_record& command);
/// Event ids that are stored already, but not as this append stored them.
[[nodiscard]] error reused_event_id(const stream_id& stream, const message_id& event);

/// `from` does not fit the stored checkpoint.
[[nodiscard]] error moved_checkpoint(const std::string& name, const checkpoint& stored,
                                     const checkpoint& from);
[[nodiscard]] error unequal_checkpoints(const std::string& live, const checkpoint& live_at,
                                        const std::string& beside, const checkpoint& beside_at);
[[nodiscard]] error change_threw(const std::string& name, const char* what);

}  // namespace tidemark
