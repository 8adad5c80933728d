#pragma once

#include "tidemark/async/event.hpp"

#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace tidemark {

/// A bounded queue into a shard: any thread pushes, one coroutine pops. Full is an answer, not a
/// wait. Owned by the popping side. What is left at destruction is destroyed with it.
template <class T>
class mailbox {
  public:
    explicit mailbox(std::size_t capacity) : capacity_{capacity} {}

    /// False, leaving `value` untouched, when `capacity` messages wait or the mailbox is closed.
    [[nodiscard]] bool try_push(T&& value) {
        {
            const std::scoped_lock lock{mutex_};
            if (closed_ || queue_.size() >= capacity_) return false;
            queue_.push_back(std::move(value));
        }
        arrived_.notify();
        return true;
    }

    /// The next message without waiting, if there is one.
    [[nodiscard]] std::optional<T> try_pop() {
        const std::scoped_lock lock{mutex_};
        return take();
    }

    /// Waits for the next message; nothing once the mailbox is closed and empty. One caller at a
    /// time.
    [[nodiscard]] awaitable<std::optional<T>> pop() {
        for (;;) {
            {
                const std::scoped_lock lock{mutex_};
                auto next = take();
                if (next || closed_) co_return next;
            }
            co_await arrived_.wait();
        }
    }

    /// Takes no more messages; those inside can still be popped.
    void close() {
        {
            const std::scoped_lock lock{mutex_};
            closed_ = true;
        }
        arrived_.notify();
    }

    [[nodiscard]] bool is_closed() const {
        const std::scoped_lock lock{mutex_};
        return closed_;
    }
    [[nodiscard]] std::size_t size() const {
        const std::scoped_lock lock{mutex_};
        return queue_.size();
    }
    [[nodiscard]] std::size_t capacity() const { return capacity_; }

  private:
    std::optional<T> take() {
        std::optional<T> next;
        if (queue_.empty()) return next;
        next.emplace(std::move(queue_.front()));
        queue_.pop_front();
        return next;
    }

    const std::size_t capacity_;
    mutable std::mutex mutex_;
    std::deque<T> queue_;
    bool closed_ = false;
    event arrived_;
};

}  // namespace tidemark
