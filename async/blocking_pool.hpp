#pragma once

#include "tidemark/async/event.hpp"
#include "tidemark/async/timeout.hpp"
#include "tidemark/core/error.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace tidemark {

struct blocking_options {
    std::size_t threads = 2;
    /// Jobs that wait for a thread; one more is refused as `overloaded`.
    std::size_t queue_max = 1024;
};

/// Threads for calls that block. Shared by all shards; outlives its callers.
class blocking_pool {
  public:
    explicit blocking_pool(blocking_options options = {});
    blocking_pool(const blocking_pool&) = delete;
    blocking_pool& operator=(const blocking_pool&) = delete;
    ~blocking_pool();

    /// Runs `fn` on a thread of the pool and resumes the caller on its own executor. `overloaded`
    /// if the queue is full, `shutting_down` after `stop`; `fn` has not run then. What `fn` throws
    /// is thrown here. A caller that is cancelled does not wait on: `fn` still runs to its end and
    /// its answer is dropped, so it must own what it uses.
    template <class F>
    [[nodiscard]] awaitable<result_of_t<std::invoke_result_t<F&>>> run(F fn) {
        auto j = std::make_shared<job<F>>(std::move(fn));
        const auto refused = start([j] { j->execute(); });
        if (refused) co_return *refused;
        co_await j->done.wait();
        // Taken out, so that the thread, which may let go of the job last, has no part in it.
        if (auto failure = std::exchange(j->failure, nullptr)) std::rethrow_exception(failure);
        if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
            co_return result<void>{};
        } else {
            co_return std::move(*j->value);
        }
    }

    /// Has `work` run later; nobody waits for it, and it must not throw. The refusals are those of
    /// `run`.
    [[nodiscard]] std::optional<error> start(std::function<void()> work);

    /// Takes no more jobs, runs the queued ones and joins the threads. Idempotent.
    void stop();

  private:
    template <class F>
    struct job {
        using value_type = std::invoke_result_t<F&>;
        F fn;
        std::conditional_t<std::is_void_v<value_type>, bool, std::optional<value_type>> value{};
        std::exception_ptr failure;
        event done;

        explicit job(F f) : fn{std::move(f)} {}
        void execute() noexcept {
            try {
                if constexpr (std::is_void_v<value_type>) {
                    fn();
                } else {
                    value.emplace(fn());
                }
            } catch (...) {
                failure = std::current_exception();
            }
            done.notify();
        }
    };

    void serve();

    const blocking_options options_;
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<std::function<void()>> queue_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace tidemark
