#pragma once

#include "tidemark/runtime/stream_type.hpp"
#include "tidemark/sagas/saga_code.hpp"
#include "tidemark/sagas/saga_state.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

/// The streams of one kind of saga: stored inputs and steps, carried by `compensation_fsm`. The
/// same for all sagas but for their `saga_code`. Owned by the runtime, shared by its shards,
/// stateless.
///
/// What a saga does with an input
/// - The first input its author lists starts it; any other sent or executed before is refused
///   (`saga_not_started`), and so is the same again later (`saga_already_started`).
/// - Running: `react` hears it, on the state before it; then it is carried into the state. A
///   `fail` counts alone: sends and requests beside it are sent once the failure is certain (never
///   settled, answered or undone), its timers are dropped. Steps after the first `complete` or
///   `fail` of a list are carried out like those before it.
/// - Settling: it is kept (at most `held_inputs_max`, answers aside) and `react` hears it in its
///   order if a pivot brings the saga back; otherwise it is passed over.
/// - Undoing or stuck: a command is refused (`saga_is_compensating`), a timer and an answer are
///   recorded and passed over.
/// - Ended: a command is refused (`saga_has_ended`), a timer does nothing, a late answer is
///   recorded as the outcome of its step and changes nothing.
///
/// Answers. Every event that the send caused and the saga lists is an input, in order; if there is
/// none, `accepted`; a refusal is `refused`; what it does not list is not heard, but counts all the
/// same. The message a performer answers is the answer to the request's step; `refused` refuses it,
/// no message is `accepted`. A performer or target that fails for good leaves a dead letter; the
/// step stays unanswered until an operator replays it or the saga fails.
class saga_stream : public stream_type {
  public:
    explicit saga_stream(std::unique_ptr<saga_code> code);

    [[nodiscard]] std::string_view category() const override;
    [[nodiscard]] std::string_view state_name() const override;
    [[nodiscard]] bool wants_answers() const override { return true; }
    [[nodiscard]] std::unique_ptr<any_state> initial_state() const override;
    [[nodiscard]] result<void> evolve(any_state& state, const recorded_event& event) const override;
    [[nodiscard]] boost::system::result<decided, decide_failure> decide(
        any_state& state, const any_command& command, const context& context) const override;
    [[nodiscard]] std::string encode_state(const any_state& state) const override;
    [[nodiscard]] result<std::unique_ptr<any_state>> decode_state(
        std::string_view payload) const override;
    [[nodiscard]] result<std::unique_ptr<any_command>> decode_command(
        const encoded_message& message) const override;
    [[nodiscard]] result<std::unique_ptr<any_command>> answer_command(
        const claimed_effect& sent, const answer& first,
        const std::vector<recorded_event>& events) const override;
    [[nodiscard]] std::vector<std::string> command_names() const override;
    [[nodiscard]] std::vector<std::string> event_names() const override;

  private:
    std::unique_ptr<saga_code> code_;
};

/// The command that hands one input to a saga; `begins`: it is the one that starts it.
[[nodiscard]] std::unique_ptr<any_command> input_command(encoded_message input, bool begins);
/// The command with which an operator lets a saga go on; for `execute_command`.
[[nodiscard]] std::unique_ptr<any_command> resume_command(const saga_resume& how);

}  // namespace tidemark
