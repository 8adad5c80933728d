#pragma once

#include "tidemark/core/describe.hpp"
#include "tidemark/core/ids.hpp"
#include "tidemark/core/message.hpp"
#include "tidemark/core/version.hpp"

#include <cstdint>
#include <optional>
#include <string>

/// What the stream of a saga is made of. A saga's inputs are stored inside `saga_input`, never
/// under their own names: otherwise whoever reads by event name would count them twice. What was
/// sent and what became of it is stored as well, so that a saga goes on under newer code with the
/// decisions it made under the old.
namespace tidemark {

/// Where a saga stands. `completed` and `failed` are final.
enum class saga_phase : std::uint8_t {
    /// Reacts to what it hears.
    running,
    /// It failed: what was sent is settled, then what was done is undone.
    compensating,
    /// It has reached its goal.
    completed,
    /// It failed, and everything it had done is undone.
    failed,
    /// An undo was refused: it waits for an operator.
    stuck,
};
TIDEMARK_ENUM(saga_phase, running, compensating, completed, failed, stuck)

[[nodiscard]] constexpr bool is_final(saga_phase phase) {
    return phase == saga_phase::completed || phase == saga_phase::failed;
}

enum class step_kind : std::uint8_t {
    /// A command to another stream: it can be settled.
    send,
    /// Outside work: its outcome can stay unknown.
    request,
};
TIDEMARK_ENUM(step_kind, send, request)

/// Where one step stands.
enum class step_state : std::uint8_t {
    /// Said beside a `fail`: sent once the failure is certain.
    held,
    /// Sent, not answered.
    sent,
    /// Not answered when the saga failed; its answer is being found, or it is refused for ever.
    settling,
    /// Answered: it has happened, and its undo is armed.
    succeeded,
    /// Answered: it was refused, and there is nothing to undo.
    refused,
    /// It was undecided when it was settled, so it never happens.
    settled_refused,
    /// A request without an answer when compensation began: it counts as happened and is not
    /// attempted again.
    assumed,
    /// Its undo was sent.
    undo_sent,
    /// Its undo was accepted, or an operator says that it is undone.
    undone,
    /// Its undo was refused.
    undo_refused,
};
TIDEMARK_ENUM(step_state, held, sent, settling, succeeded, refused, settled_refused, assumed,
              undo_sent, undone, undo_refused)

/// What was done with an input.
enum class input_use : std::uint8_t {
    /// `react` heard it.
    reacted,
    /// Kept while the saga settles: `react` hears it if a pivot brings the saga back.
    held,
    /// Passed over: the saga was undoing what it had done.
    passed_over,
};
TIDEMARK_ENUM(input_use, reacted, held, passed_over)

/// A message inside an event: its stored name and its payload as text.
struct saga_message {
    std::string name;
    std::string payload;
};
TIDEMARK_STRUCT(saga_message, name, payload)

/// Something the saga heard.
struct saga_input {
    std::string name;
    std::string payload;
    /// Stream that answered; the saga's own for its timers; empty for what came from outside.
    std::string source;
    /// Version of the answering event in its stream; 0 if there is none.
    tidemark::version source_version;
    /// The effect that was answered, or the command under which it came.
    message_id command;
    /// Name of the step it answers; empty: none, or not named.
    std::string step;
    /// The timer that brought it; empty: none.
    std::string timer;
    input_use use{};
};
TIDEMARK_MESSAGE(saga_input, "tidemark.saga_input.v1", name, payload, source, source_version,
                 command, step, timer, use)

/// A command or request that the saga decided on.
struct saga_step {
    /// Its effect; of a held step only a name for it.
    message_id effect;
    step_kind kind{};
    /// Empty for requests.
    std::string target;
    saga_message command;
    std::optional<saga_message> undo;
    bool is_pivot = false;
    /// Said beside a `fail`: sent once the failure is certain, never settled nor undone.
    bool is_parting = false;
    std::string name;
    /// How the effect is carried out (`effect_options` as text).
    std::string options;
};
TIDEMARK_MESSAGE(saga_step, "tidemark.saga_step.v1", effect, kind, target, command, undo, is_pivot,
                 is_parting, name, options)

/// A step came to stand elsewhere.
struct saga_step_outcome {
    /// The step's effect.
    message_id effect;
    step_state state{};
    /// The effect that carries its undo out, or a held step once it is sent; otherwise none.
    message_id work;
    /// Stored name of what that effect sends; empty if there is none.
    std::string work_name;
    std::string reason;
};
TIDEMARK_MESSAGE(saga_step_outcome, "tidemark.saga_step_outcome.v1", effect, state, work, work_name,
                 reason)

/// A timer was set, or cancelled if it has no due time. Those of an ended saga are gone.
struct saga_timer {
    std::string name;
    std::optional<instant> due;
    /// None for a cancelled one.
    message_id generation;
};
TIDEMARK_MESSAGE(saga_timer, "tidemark.saga_timer.v1", name, due, generation)

/// The saga came to stand elsewhere. A running one that is told so again overruled a `fail`.
struct saga_status {
    saga_phase state{};
    std::string reason;
};
TIDEMARK_MESSAGE(saga_status, "tidemark.saga_status.v1", state, reason)

/// Command of an operator to a saga that cannot go on by itself: it is stuck at a refused undo, or
/// what it waits for was dropped. Answered with the refusal `saga_has_nothing_to_resume` otherwise.
struct saga_resume {
    std::string actor;
    std::string reason;
    /// False: send the refused undo again (settle again). True: the operator has undone the step
    /// by other means; go on behind it.
    bool skip = false;
};
TIDEMARK_MESSAGE(saga_resume, "tidemark.saga_resume.v1", actor, reason, skip)

}  // namespace tidemark
