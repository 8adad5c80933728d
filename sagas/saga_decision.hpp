#pragma once

#include "tidemark/core/context.hpp"
#include "tidemark/core/saga.hpp"
#include "tidemark/runtime/effect_options.hpp"
#include "tidemark/runtime/stream_type.hpp"
#include "tidemark/sagas/saga_command.hpp"
#include "tidemark/sagas/saga_state.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

/// Makes one decision of a saga: turns what `react` and the machine want into events, effects and
/// timers, and carries every event into the state as it is made. Lives for one decision.
class saga_decision {
  public:
    saga_decision(saga_state& state, const saga_code& code, const context& given);

    /// Handles the unit. An error: user code threw, or an input cannot be read.
    result<void> take(const saga_command& unit);
    /// Something was carried into the state.
    [[nodiscard]] bool has_changed_state() const { return has_changed_; }
    /// What was decided; the decision is over.
    [[nodiscard]] decided finish();

  private:
    result<void> take(const plain_input& given);
    result<void> take(const saga_answer& given);
    result<void> take(const saga_resume& given);
    result<void> take_step_answer(const saga_answer& given, const tracked_step& answered);
    void take_work_answer(const saga_answer& given, const tracked_step& worked);

    /// Why a plain input is not taken now; nothing if it is.
    [[nodiscard]] std::optional<refusal> objection(const plain_input& given, bool is_timer) const;
    /// Hands an input on as the saga stands now.
    result<void> hear(saga_input input, bool is_answer);
    result<void> react(const saga_input& input);
    result<void> carry_out(const std::vector<step>& steps);
    void fail(const std::vector<step>& steps, std::string_view reason);
    result<void> hear_held();

    /// Records the changes, in order, and does what they ask for.
    result<void> carry_out(const saga_changes& changes);
    void record(const step_change& change);
    void record(const phase_change& change);
    void work_on(const saga_step& moved, saga_step_outcome& out);

    // One step of the author's.
    void plan(const send_step& s, bool is_parting);
    void plan(const request_step& s, bool is_parting);
    void plan(const schedule_effect& timer);
    void plan(const cancel_effect& ended);
    void plan(saga_step recorded);

    /// Adds an effect and answers the id it will have.
    message_id add_effect(effect_kind kind, std::string_view target, const saga_message& message,
                          std::string options);
    [[nodiscard]] message_id next_effect() const;
    template <class Event>
    void emit(const Event& event);
    [[nodiscard]] version current_version() const;
    [[nodiscard]] step_context context_of(const saga_input& input);

    saga_state& state_;
    const saga_code& code_;
    const context& given_;
    random_source seeds_;
    decided out_;
    std::uint32_t next_index_ = 0;
    bool has_changed_ = false;
};

}  // namespace tidemark
