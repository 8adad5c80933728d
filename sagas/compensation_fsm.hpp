#pragma once

#include "tidemark/core/describe.hpp"
#include "tidemark/sagas/saga_events.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tidemark {

/// A step that can still matter.
struct tracked_step {
    saga_step step;
    step_state at = step_state::sent;
    /// The effect of its undo, or of a held step once it is sent.
    message_id work;
};
TIDEMARK_STRUCT(tracked_step, step, at, work)

/// One step came to stand at `to`. What has to be done about it follows from `to`:
/// `settling`: settle the send. `undo_sent`: send its undo. `sent`: send what was held. `assumed`:
/// end the request, so that no attempt begins after its undo. Anything else: nothing.
struct step_change {
    message_id effect;
    step_state to{};
    std::string reason{};
    friend bool operator==(const step_change&, const step_change&) = default;
};
/// The saga came to stand at `to`.
struct phase_change {
    saga_phase to{};
    std::string reason{};
    friend bool operator==(const phase_change&, const phase_change&) = default;
};
using saga_change = std::variant<step_change, phase_change>;
using saga_changes = std::vector<saga_change>;

/// What one saga has sent, and how it takes it back. Pure; every input applies its changes and
/// answers them in order; no changes: the input was a duplicate or came too late. Folding a stream
/// calls `sent` and `apply` alone.
///
/// Running
/// - A success arms the step's undo. The success of a pivot makes the saga *forward only*: nothing
///   is ever undone again.
/// - A refusal drops the undo.
/// - `fail` while forward only is overruled: one change to `running` that says so, and the saga
///   goes on waiting. Otherwise the saga is compensating: every unanswered send is settled. If
///   there is none, it unwinds at once.
/// - `complete` ends it; what is unanswered stays as it is.
///
/// Compensating, settling (at least one step is `settling`)
/// - An answer settles its step, whether the settling brought it or the send itself: both may come,
///   in any order, and the second is a duplicate.
/// - A success of a pivot, send or request, overrules the `fail`: running again and forward only.
///   Steps that are still settling go on being settled, and their answers, for some of them a
///   refusal for ever, are answers like any other. Held steps of the overruled `fail` are dropped.
/// - Any other success arms the undo: a late success is undone like an early one.
/// - A request may be answered like at any other time.
/// - The last settled step begins the unwinding.
///
/// Compensating, unwinding (exactly one step is `undo_sent`)
/// - Requests without an answer are assumed to have happened, a pivot too: waiting for it could
///   last for ever. Held steps are sent. Then the armed undos are sent, the last step's first, one
///   at a time; when none is left the saga has failed.
/// - An answer for an assumed step that is not undone yet refines it: a refusal drops the undo.
///   A pivot decides nothing any more: something has been undone already.
/// - A refused undo: stuck.
///
/// Stuck: `resume` sends the refused undo again, or passes over it.
/// Completed and failed never change.
class compensation_fsm {
  public:
    /// A step was sent, or is held if it is a parting one.
    void sent(saga_step step);
    /// The step, or the settling of it, was answered with success.
    saga_changes succeeded(message_id effect);
    /// The step was refused; `is_settled`: by its settling, not by its target.
    saga_changes refused(message_id effect, std::string_view reason, bool is_settled = false);
    saga_changes fail(std::string_view reason);
    saga_changes complete();
    saga_changes undo_succeeded(message_id effect);
    saga_changes undo_refused(message_id effect, std::string_view reason);
    /// An operator's. `skip`: the undo that is refused or on its way counts as done. Otherwise a
    /// refused undo is sent again; what is settling is settled again. An undo on its way is not
    /// sent again: it could take effect twice. `by` says who and why.
    saga_changes resume(bool skip, std::string_view by);

    /// Applies a change that was decided before.
    void apply(const saga_change& change);
    /// The effect that does the work of the step now: its undo, or a held step that is sent.
    void work_is(message_id effect, message_id work);
    /// Drops the steps that can never matter again: refused and undone ones, ones with nothing to
    /// undo, and all of a saga that is forward only or has ended.
    void forget();

    [[nodiscard]] saga_phase phase() const { return phase_; }
    [[nodiscard]] const std::string& reason() const { return reason_; }
    [[nodiscard]] bool is_forward_only() const { return is_forward_only_; }
    [[nodiscard]] bool is_settling() const;
    /// Something is being undone: no pivot brings the saga back.
    [[nodiscard]] bool is_unwinding() const;
    /// In the order they were sent.
    [[nodiscard]] const std::vector<tracked_step>& steps() const { return steps_; }
    /// Null if it is not tracked (any more). Valid until the next input.
    [[nodiscard]] const tracked_step* find(message_id effect) const;
    /// The step that `work` carries out or undoes; null if there is none.
    [[nodiscard]] const tracked_step* find_work(message_id work) const;

    /// As it stood when a snapshot was taken.
    [[nodiscard]] static compensation_fsm restored(saga_phase phase, std::string reason,
                                                   bool is_forward_only,
                                                   std::vector<tracked_step> steps);

  private:
    [[nodiscard]] tracked_step* lookup(message_id effect);
    void change(saga_changes& out, saga_change one);
    void change_step(saga_changes& out, const tracked_step& moved, step_state to,
                     std::string_view reason = {});
    void change_phase(saga_changes& out, saga_phase to, std::string_view reason);
    /// Unwinds as soon as nothing is settling and no undo is on its way.
    void go_on(saga_changes& out);
    void unwind(saga_changes& out);

    saga_phase phase_ = saga_phase::running;
    /// Why it failed or is stuck; empty otherwise.
    std::string reason_;
    bool is_forward_only_ = false;
    std::vector<tracked_step> steps_;
};

}  // namespace tidemark
