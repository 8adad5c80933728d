#pragma once

#include "tidemark/core/context.hpp"
#include "tidemark/core/encoded.hpp"
#include "tidemark/core/error.hpp"
#include "tidemark/eventstore/effect_log.hpp"
#include "tidemark/eventstore/recorded_event.hpp"
#include "tidemark/runtime/outcome.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

/// State of one live stream, typed by its `stream_type`.
class any_state {
  public:
    virtual ~any_state() = default;
};

/// A command on its way to a stream, typed by its `stream_type`. Immutable: it is decided again
/// after a conflict.
class any_command {
  public:
    virtual ~any_command() = default;
    [[nodiscard]] virtual encoded_message encode() const = 0;
};

/// A leaf of a decision's effects, encoded; ids and trace are added by the instance.
struct planned_effect {
    effect_kind kind = effect_kind::send;
    stream_id target;
    encoded_message message;
    /// Empty: the kind's default (sends: source and target; requests: none).
    std::string sequence_key;
    std::uint32_t index = 0;
    std::vector<std::uint32_t> after;
    std::string options;
};

struct planned_timer {
    std::string name;
    instant due{};
    encoded_message message;
    std::string options;
};

/// What a stream decided, encoded and already evolved into its state.
struct decided {
    std::optional<refusal> refused;
    std::vector<encoded_message> events;
    std::vector<planned_effect> effects;
    std::vector<planned_timer> timers_set;
    std::vector<std::string> timers_cancelled;
    std::vector<message_id> closes;

    [[nodiscard]] bool is_empty() const {
        return events.empty() && effects.empty() && timers_set.empty() &&
               timers_cancelled.empty() && closes.empty();
    }
};

/// Failure of user code in `decide` or `evolve`.
struct decide_failure {
    tidemark::error error;
    /// The state was changed half-way and must be folded again.
    bool state_is_broken = false;
};

/// One category of streams, type-erased, so that the machinery is compiled once: an aggregate type
/// or a saga type. Stateless, shared by all shards, lives as long as the runtime. Exceptions of
/// user code do not leave it.
class stream_type {
  public:
    virtual ~stream_type() = default;

    [[nodiscard]] virtual std::string_view category() const = 0;
    /// Stored name of the state; snapshots of another name are ignored.
    [[nodiscard]] virtual std::string_view state_name() const = 0;
    /// The answers to its sends are brought back to it as commands (sagas).
    [[nodiscard]] virtual bool wants_answers() const { return false; }

    [[nodiscard]] virtual std::unique_ptr<any_state> initial_state() const = 0;
    /// Decodes, upcasts and evolves one stored event.
    [[nodiscard]] virtual result<void> evolve(any_state& state,
                                              const recorded_event& event) const = 0;
    /// Decides, then evolves what was decided into `state`. On a refusal the state is untouched.
    [[nodiscard]] virtual boost::system::result<decided, decide_failure> decide(
        any_state& state, const any_command& command, const context& context) const = 0;

    /// JSON of the state, for snapshots and operators.
    [[nodiscard]] virtual std::string encode_state(const any_state& state) const = 0;
    [[nodiscard]] virtual result<std::unique_ptr<any_state>> decode_state(
        std::string_view payload) const = 0;

    /// A command of the type from its stored form (effects, timers, HTTP).
    [[nodiscard]] virtual result<std::unique_ptr<any_command>> decode_command(
        const encoded_message& message) const = 0;
    /// The command that brings the answer to one of its sends, settles or requests back
    /// (`wants_answers` types only). `events` are what the command caused, if it was committed; of
    /// a request, the message its performer answered, if any.
    [[nodiscard]] virtual result<std::unique_ptr<any_command>> answer_command(
        const claimed_effect& sent, const answer& first,
        const std::vector<recorded_event>& events) const;

    /// Stored names of its commands and events, for `describe`.
    [[nodiscard]] virtual std::vector<std::string> command_names() const = 0;
    [[nodiscard]] virtual std::vector<std::string> event_names() const = 0;
};

[[noreturn]] inline void throw_exception_from_error(const decide_failure& e,
                                                    const boost::source_location& where) {
    throw_exception_from_error(e.error, where);
}

/// Specialised for aggregates (`runtime/aggregate_type.hpp`) and sagas (`sagas/saga_type.hpp`):
/// `type`, the stream_type, and `command_of(inbox)`, which wraps a command for it.
template <class T>
struct stream_type_of;

}  // namespace tidemark
