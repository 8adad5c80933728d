#pragma once

#include "tidemark/async/blocking_pool.hpp"
#include "tidemark/async/clock.hpp"
#include "tidemark/async/shard.hpp"

#include <cstddef>
#include <memory>
#include <vector>

namespace tidemark {

struct io_options {
    /// Shards, each with a thread of its own; 0: one per core.
    std::size_t shards = 0;
    /// Threads for calls that block.
    std::size_t blocking_threads = 2;
    /// Calls that wait for a blocking thread; one more is `overloaded`.
    std::size_t blocking_queue_max = 1024;
};

/// Every thread of the process: the shards and the blocking pool. Runs from construction until
/// `stop`. Owned by `main`; declared before, and so destroyed after, all that uses it.
class io final : public execution {
  public:
    explicit io(io_options options = {});
    ~io() override;

    [[nodiscard]] std::size_t shard_count() const override { return shards_.size(); }
    [[nodiscard]] executor shard(std::size_t index) override;
    [[nodiscard]] const tidemark::clock& clock() const override { return clock_; }
    [[nodiscard]] random_bits& random() override { return random_; }
    [[nodiscard]] std::unique_ptr<timer> make_timer(std::size_t index) override;
    [[nodiscard]] std::unique_ptr<timer> make_timer(const executor& ex) override;

    [[nodiscard]] std::size_t shard_of(const stream_id& stream) const;
    [[nodiscard]] blocking_pool& blocking() { return blocking_; }
    /// True on the thread of shard `index`.
    [[nodiscard]] bool is_on(std::size_t index) const;

    /// Finishes the blocking calls, then stops and joins every thread. Drain first: handlers that
    /// have not run by now never run; they and their coroutines are destroyed with this object.
    /// Not from a shard. Idempotent.
    void stop();

  private:
    real_clock clock_;
    real_random random_;
    std::vector<std::unique_ptr<tidemark::shard>> shards_;
    blocking_pool blocking_;
};

}  // namespace tidemark
