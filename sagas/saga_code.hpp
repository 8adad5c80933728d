#pragma once

#include "tidemark/core/error.hpp"
#include "tidemark/core/saga.hpp"
#include "tidemark/runtime/stream_type.hpp"
#include "tidemark/sagas/saga_events.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

/// What the author of a saga wrote, type-erased. Stateless. Exceptions of user code do not leave
/// it: they are `user_code_threw`.
class saga_code {
  public:
    virtual ~saga_code() = default;

    [[nodiscard]] virtual std::string_view category() const = 0;
    [[nodiscard]] virtual std::string_view state_name() const = 0;
    /// Stored names of its own inputs: without those that are events of its targets.
    [[nodiscard]] virtual std::vector<std::string> input_names() const = 0;

    /// It lists an input of this stored name, today's or an older one.
    [[nodiscard]] virtual bool knows(std::string_view name) const = 0;
    /// The input is the first one it lists, which starts it. The error says why it is none at all.
    [[nodiscard]] virtual result<bool> begins(const saga_message& input) const = 0;

    [[nodiscard]] virtual std::unique_ptr<any_state> initial_state() const = 0;
    /// Reacts on the state as it is, then carries the input into it. After an error the state may
    /// be half way.
    [[nodiscard]] virtual result<std::vector<step>> react(any_state& state,
                                                          const saga_message& input,
                                                          const step_context& context) const = 0;
    [[nodiscard]] virtual result<void> evolve(any_state& state,
                                              const saga_message& input) const = 0;
    [[nodiscard]] virtual std::string encode_state(const any_state& state) const = 0;
    [[nodiscard]] virtual result<std::unique_ptr<any_state>> decode_state(
        std::string_view payload) const = 0;
};

}  // namespace tidemark
