#pragma once

#include "tidemark/runtime/stream_type.hpp"
#include "tidemark/sagas/saga_events.hpp"

#include <string>
#include <variant>
#include <vector>

namespace tidemark {

/// An input that was sent, executed, or brought by a timer.
struct plain_input {
    saga_message message;
    /// It is the one that starts the saga.
    bool begins = false;
};

/// What became of one of the saga's effects.
struct saga_answer {
    /// The effect that is answered: a send or request of the saga, an undo, or, of a settling, the
    /// send that is settled.
    message_id effect;
    bool is_refused = false;
    /// Refused by the settling: the target never decided.
    bool is_settled = false;
    std::string reason;
    std::string message;
    /// Stream that answered.
    stream_id source;
    /// One thing that happened there and that the saga lists.
    struct heard {
        saga_message message;
        tidemark::version version;
    };
    std::vector<heard> inputs;
};

/// One unit of work of a saga: handled as a whole, in one append. Immutable.
class saga_command final : public any_command {
  public:
    using content = std::variant<plain_input, saga_answer, saga_resume>;

    saga_command(content what, encoded_message stored)
        : content_{std::move(what)}, stored_{std::move(stored)} {}

    [[nodiscard]] const content& what() const { return content_; }
    /// What the command is recognised by: of an answer the effect alone, because an answer is
    /// final, whatever a second attempt found.
    [[nodiscard]] encoded_message encode() const override { return stored_; }

  private:
    content content_;
    encoded_message stored_;
};

}  // namespace tidemark
