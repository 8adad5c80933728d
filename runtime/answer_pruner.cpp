#include "tidemark/runtime/answer_pruner.hpp"

#include "tidemark/async/spawn.hpp"
#include "tidemark/observability/log.hpp"

#include <utility>

namespace tidemark {

answer_pruner::answer_pruner(execution& ex, std::size_t shard, storage& events, duration retention)
    : execution_{ex}, shard_{shard}, events_{events}, retention_{retention} {}

void answer_pruner::start() { spawn(gate_, execution_.shard(shard_), run()); }

awaitable<void> answer_pruner::stop() {
    is_stopping_ = true;
    wake_.notify();
    co_await gate_.close();
}

awaitable<void> answer_pruner::run() {
    while (!is_stopping_) {
        co_await wake_.wait_for(execution_, period);
        if (!is_stopping_) co_await sweep();
    }
}

awaitable<void> answer_pruner::sweep() {
    answer_place at;
    auto pruned = std::uint64_t{0};
    while (!is_stopping_) {
        auto swept = co_await events_.prune_answers(std::move(at), retention_, step_answers);
        if (!swept) {
            log::warn("answers not pruned", {"reason", swept.error().message()});
            co_return;
        }
        pruned += swept->pruned;
        if (!swept->next) break;
        at = std::move(*swept->next);
        co_await wake_.wait_for(execution_, step_pause);
    }
    if (pruned != 0) log::info("answers pruned", {"count", pruned});
}

}  // namespace tidemark
