#pragma once

#include "tidemark/async/event.hpp"
#include "tidemark/async/gate.hpp"
#include "tidemark/eventstore/storage.hpp"

#include <atomic>
#include <cstddef>

namespace tidemark {

/// Forgets answers whose retention is over: once an hour one sweep over all of them, in steps that
/// are short and apart from each other, so that nobody waits for it. Owned by the runtime; runs on
/// one shard. Where it stood is not kept: the next process begins anew, an hour after its start.
class answer_pruner {
  public:
    answer_pruner(execution& ex, std::size_t shard, storage& events, duration retention);

    void start();
    [[nodiscard]] awaitable<void> stop();

    static constexpr duration period = std::chrono::hours{1};
    /// Answers looked at in one step, and the pause between steps.
    static constexpr std::size_t step_answers = 250;
    static constexpr duration step_pause = std::chrono::milliseconds{20};

  private:
    [[nodiscard]] awaitable<void> run();
    [[nodiscard]] awaitable<void> sweep();

    execution& execution_;
    std::size_t shard_;
    storage& events_;
    duration retention_;
    std::atomic<bool> is_stopping_{false};
    event wake_;
    tidemark::gate gate_;
};

}  // namespace tidemark
