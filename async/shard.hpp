#pragma once

#include "tidemark/async/executor.hpp"

#include <cstddef>
#include <memory>

namespace tidemark {

/// The shard a stream lives on: a stable hash of its text, the same in every build and process.
[[nodiscard]] std::size_t shard_of(const stream_id& stream, std::size_t shard_count);

/// One thread and its queue of handlers. Owned by `io`. Whatever belongs to a shard is touched on
/// its thread only.
class shard {
  public:
    shard();
    shard(const shard&) = delete;
    shard& operator=(const shard&) = delete;
    ~shard();

    [[nodiscard]] executor home() const;
    /// True on the shard's own thread.
    [[nodiscard]] bool is_here() const;
    /// Programmer error if called from another thread.
    void assert_here() const;
    /// Runs no further handler and joins the thread. Must not be called on it. Idempotent.
    void stop();
    /// After `stop`: destroys the handlers that did not run, with their coroutines.
    void discard();

  private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace tidemark
