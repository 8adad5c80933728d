#pragma once

#include "tidemark/runtime/stream_type.hpp"
#include "tidemark/sagas/compensation_fsm.hpp"
#include "tidemark/sagas/saga_code.hpp"
#include "tidemark/sagas/saga_events.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

/// Inputs that a settling saga keeps, answers aside; one more is refused or passed over.
inline constexpr std::size_t held_inputs_max = 1000;

/// Everything a saga knows: what it sent, its timers, and the state its author folds. Belongs to
/// the live instance of its stream.
struct saga_state final : any_state {
    compensation_fsm fsm;
    bool has_begun = false;
    /// Timers that have neither fired nor been cancelled, by name.
    std::map<std::string, saga_timer> timers;
    /// Inputs heard while settling, in order.
    std::vector<saga_input> held;
    std::unique_ptr<any_state> user;

    [[nodiscard]] bool has_ended() const { return is_final(fsm.phase()); }
    /// Name of the timer of this generation; empty if there is none.
    [[nodiscard]] std::string timer_of(message_id generation) const;

    // Each carries one event into the state, but for what user code makes of it.
    void apply(const saga_input& heard);
    void apply(const saga_timer& timer);
    /// After the machine has changed: an ended saga has no timers, an undoing one keeps nothing.
    void forget();
};

/// Folds one stored event. The error names what cannot be read.
[[nodiscard]] result<void> fold_event(saga_state& into, const saga_code& code,
                                      const encoded_message& event);

/// JSON: `{"state": …, "saga": …}`, the author's state and the machinery's.
[[nodiscard]] std::string encode_saga_state(const saga_state& from, const saga_code& code);
[[nodiscard]] result<std::unique_ptr<any_state>> decode_saga_state(std::string_view payload,
                                                                   const saga_code& code);

}  // namespace tidemark
