#include "tidemark/eventstore/refusals.hpp"

namespace tidemark {
namespace {

std::string text_of(const checkpoint& at) {
    return std::to_string(at.position.value()) + " of log " + at.incarnation.to_string();
}

}  // namespace

error stale_token(const completion& held) { return {errc::stale, stale_completion(held)}; }

error not_parked(const message_id& effect) {
    return {errc::not_found, "effect " + effect.to_string() +
                                 " is not a dead letter; list the parked ones for their ids"};
}

error reason_missing(const message_id& effect) {
    return {errc::invalid_argument, "dropping effect " + effect.to_string() +
                                        " needs a reason; it is kept in the audit trail"};
}

std::string stale_completion(const completion& held) {
    return "effect " + held.effect.to_string() + " is not held under token " +
           std::to_string(held.token) +
           ": it has ended, or its lease went to another runner; drop this result";
}

std::string stale_fire(const stream_id& stream, const timer_fire& fire) {
    return "timer '" + fire.name + "' of '" + stream.text() + "' is not set with generation " +
           fire.generation.to_string() + ": it was cancelled, replaced or has fired";
}

std::string stale_consumption(const consumption& consumed, version last) {
    return "consumer '" + consumed.consumer + "' has consumed '" + consumed.source.text() +
           "' up to version " + std::to_string(last.value()) + "; version " +
           std::to_string(consumed.version.value()) + " is not the next one";
}

error reused_key(const command_record& command) {
    return {errc::key_reused, "command id '" + command.id + "' of '" + command.scope +
                                  "' was used before with another payload; take a fresh id"};
}

error reused_event_id(const stream_id& stream, const message_id& event) {
    return {errc::invalid_argument, "append to '" + stream.text() + "': event id " +
                                        event.to_string() +
                                        " is stored already by another append; ids must be fresh"};
}

error moved_checkpoint(const std::string& name, const checkpoint& stored, const checkpoint& from) {
    return {errc::stale, "checkpoint '" + name + "' stands at " + text_of(stored) + ", not at " +
                             text_of(from) + ": another worker moved it; load it again"};
}

error unequal_checkpoints(const std::string& live, const checkpoint& live_at,
                          const std::string& beside, const checkpoint& beside_at) {
    return {errc::stale, "read model '" + live + "' stands at " + text_of(live_at) + " and '" +
                             beside + "' at " + text_of(beside_at) +
                             "; let the one behind catch up, then swap again"};
}

error change_threw(const std::string& name, const char* what) {
    return {errc::user_code_threw, "the projection of '" + name + "' threw: " + what +
                                       "; its batch was undone and the checkpoint stays"};
}

}  // namespace tidemark
