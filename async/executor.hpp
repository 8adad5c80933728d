#pragma once

#include "tidemark/core/version.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace tidemark {

using executor = boost::asio::any_io_executor;

/// The coroutine type of every asynchronous function. Lazy: nothing runs before it is awaited.
template <class T>
using awaitable = boost::asio::awaitable<T, executor>;

/// Where the time comes from. The only way code outside `async/` learns it.
class clock {
  public:
    virtual ~clock() = default;
    /// Wall clock, for stamps and due times; may jump.
    [[nodiscard]] virtual instant now() const = 0;
    /// Monotonic time since an arbitrary start, for intervals.
    [[nodiscard]] virtual duration steady() const = 0;
};

/// One waiter on the clock. Lives on the shard that made it; not thread-safe.
class timer {
  public:
    virtual ~timer() = default;
    /// Waits `span` of steady time. True if it passed, false if `cancel` ended the wait. At most
    /// one wait at a time.
    [[nodiscard]] virtual awaitable<bool> wait(duration span) = 0;
    /// Ends the wait under way, if any. A wait begun later is not affected.
    virtual void cancel() = 0;
};

/// Random bits for ids and jitter. Thread-safe.
class random_bits {
  public:
    virtual ~random_bits() = default;
    [[nodiscard]] virtual std::uint64_t next() = 0;
};

/// Threads, time and randomness as one port. `io` is the real one; `testing::simulation` runs all
/// shards on one thread and a virtual clock. Outlives everything that uses it.
class execution {
  public:
    virtual ~execution() = default;

    /// Number of shards, at least 1, fixed for the lifetime.
    [[nodiscard]] virtual std::size_t shard_count() const = 0;
    /// Executor of one shard: everything posted to it runs one after the other.
    [[nodiscard]] virtual executor shard(std::size_t index) = 0;
    [[nodiscard]] virtual const tidemark::clock& clock() const = 0;
    [[nodiscard]] virtual random_bits& random() = 0;
    /// A timer for use on shard `index`.
    [[nodiscard]] virtual std::unique_ptr<timer> make_timer(std::size_t index) = 0;
    /// A timer for use on `ex`, an executor of this execution.
    [[nodiscard]] virtual std::unique_ptr<timer> make_timer(const executor& ex) = 0;

    /// A fresh time-ordered id (UUID v7).
    [[nodiscard]] message_id fresh_id();
};

}  // namespace tidemark
