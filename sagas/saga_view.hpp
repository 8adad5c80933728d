#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/core/error.hpp"
#include "tidemark/eventstore/storage.hpp"
#include "tidemark/sagas/saga_events.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tidemark {

/// Lines of a timeline; of a longer one the newest are kept.
inline constexpr std::size_t timeline_lines_max = 1000;

/// One saga as operators see it, from its stored events alone: no type of it need be registered.
struct saga_view {
    /// A step, in the order they were decided.
    struct step_line {
        std::size_t index = 0;
        step_kind kind{};
        std::string name;
        /// Stored name of what was sent.
        std::string command;
        /// Empty for requests.
        std::string target;
        step_state state{};
        bool is_pivot = false;
        /// Stored name of its undo.
        std::optional<std::string> undo;
        instant sent_at{};
        /// When it was answered or settled.
        std::optional<instant> answered_at;
        /// Why it, or its undo, was refused.
        std::string reason;
        /// Attempts so far at what is under way for it; 0 if nothing is.
        std::uint32_t attempts = 0;
        message_id effect;
        /// The effect of its undo, if it was sent.
        message_id undo_effect;
    };
    struct timer_line {
        std::string name;
        instant due{};
    };
    /// One stored event; `kind` is "input", "step", "timer" or "status".
    struct timeline_line {
        tidemark::version version;
        instant at{};
        std::string kind;
        std::string name;
        std::string text;
    };

    stream_id stream;
    /// The category.
    std::string saga;
    saga_phase state = saga_phase::running;
    /// Why it fails, failed or is stuck.
    std::string reason;
    tidemark::version version;
    instant started_at{};
    instant updated_at{};
    message_id correlation;
    std::vector<step_line> steps;
    std::vector<timer_line> timers;
    std::vector<timeline_line> timeline;
};

/// Builds a view event by event, in order.
class saga_view_builder {
  public:
    explicit saga_view_builder(stream_id stream);
    /// The error names an event that is none of a saga's.
    result<void> add(const recorded_event& event);
    /// Attempts and due times of what is under way.
    void add(const claimed_effect& pending);
    [[nodiscard]] saga_view finish() { return std::move(view_); }

  private:
    void take(const saga_input& heard, saga_view::timeline_line& line);
    void take(const saga_step& step, saga_view::timeline_line& line);
    void take(const saga_step_outcome& moved, saga_view::timeline_line& line);
    void take(const saga_timer& timer, saga_view::timeline_line& line);
    void take(const saga_status& status, saga_view::timeline_line& line);
    [[nodiscard]] saga_view::step_line* step_of(message_id effect);

    saga_view view_;
};

/// Reads one saga. `not_found` if the stream has no events, `unknown_message` if it is no saga's.
[[nodiscard]] awaitable<result<saga_view>> view_saga(storage& events, stream_id stream);

}  // namespace tidemark
