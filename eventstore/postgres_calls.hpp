#pragma once

#include "tidemark/eventstore/postgres_pool.hpp"
#include "tidemark/eventstore/resumption.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace tidemark {

/// One call for a thread that speaks with the database; told its end exactly once.
class postgres_call {
  public:
    virtual ~postgres_call() = default;
    /// Asks and keeps the answer. Throws `postgres_failure`. Run again after a failure that left
    /// nothing behind.
    virtual void run(postgres_connection& connection) = 0;
    /// Hands the answer over.
    virtual void finish() = 0;
    virtual void fail(const error& why) = 0;

    postgres_failure::purpose purpose = postgres_failure::purpose::read;
    /// Whether `run` may be called more than once.
    bool is_repeatable = true;
    /// When a connection must be there, by `real_clock::steady`.
    duration until{};
};

/// A call whose answer a coroutine awaits.
template <class T>
class awaited_call final : public postgres_call {
  public:
    using work_type = std::function<result<T>(postgres_connection&)>;
    awaited_call(std::unique_ptr<resumption<result<T>>> caller, work_type work)
        : caller_{std::move(caller)}, work_{std::move(work)} {}

    void run(postgres_connection& connection) override { answer_.emplace(work_(connection)); }
    void finish() override { caller_->resume(std::move(*answer_)); }
    void fail(const error& why) override { caller_->resume(why); }

  private:
    std::unique_ptr<resumption<result<T>>> caller_;
    work_type work_;
    std::optional<result<T>> answer_;
};

/// The threads that speak with the database for everything but appends, one for each connection of
/// the pool. The one that rested last is the first to work again: its memory, its session and the
/// server's process for it are warm. Owned by the store; the destructor ends what runs and refuses
/// what is queued.
///
/// A call that no thread has taken up when its connection should be there fails then.
///
/// A call that was not sent, or that the database undid in favour of another, is sent again until
/// its time is over. A lost answer is asked for again by a call that only reads; one that writes
/// hears `unknown_outcome`.
class postgres_calls {
  public:
    explicit postgres_calls(const postgres_options& options,
                            postgres_pool::prepare_function prepare = nullptr);
    ~postgres_calls();
    postgres_calls(const postgres_calls&) = delete;
    postgres_calls& operator=(const postgres_calls&) = delete;

    using purpose = postgres_failure::purpose;

    /// `work` runs on a thread of this object and must own what it uses.
    template <class T>
    awaitable<result<T>> run(purpose of, std::function<result<T>(postgres_connection&)> work,
                             bool is_repeatable = true) {
        auto start = [this, of, is_repeatable, work = std::move(work)](
                         std::unique_ptr<resumption<result<T>>> caller) mutable {
            auto made = std::make_unique<awaited_call<T>>(std::move(caller), std::move(work));
            made->purpose = of;
            made->is_repeatable = is_repeatable;
            push(std::move(made));
        };
        return suspend<result<T>>(std::move(start));
    }
    template <class T>
    awaitable<result<T>> read(std::function<result<T>(postgres_connection&)> work) {
        return run<T>(purpose::read, std::move(work));
    }
    template <class T>
    awaitable<result<T>> write(std::function<result<T>(postgres_connection&)> work) {
        return run<T>(purpose::write, std::move(work));
    }

    /// From any thread. A full queue fails the call at once with `overloaded`.
    void push(std::unique_ptr<postgres_call> call);

    [[nodiscard]] postgres_pool& pool() { return pool_; }
    /// The pool's, and the calls that wait for a thread: there is one for each connection, so it is
    /// a connection that they wait for.
    [[nodiscard]] postgres_pool::counts count() const;

  private:
    void loop();
    /// `wake`: of the thread that asks.
    [[nodiscard]] std::unique_ptr<postgres_call> take(std::condition_variable& wake);
    void carry_out(postgres_call& call);
    void expire();
    /// Nothing if the call ended, otherwise why it is to be sent again.
    [[nodiscard]] std::optional<postgres_failure> attempt(postgres_call& call,
                                                          postgres_pool::lease held);
    /// Waits before the next attempt; false if the time of the call or of this object is over.
    [[nodiscard]] bool pause(const postgres_call& call, std::uint32_t attempts);

    const postgres_options options_;
    postgres_pool pool_;
    mutable std::mutex mutex_;
    /// Threads without work, the one that has rested longest first.
    std::vector<std::condition_variable*> resting_;
    std::condition_variable stopped_;
    std::deque<std::unique_ptr<postgres_call>> queue_;
    /// How long calls stood in the queue, all together.
    duration queued_{};
    bool is_stopping_ = false;
    std::vector<std::thread> threads_;
    /// Looks for calls whose time is over in the queue.
    std::thread watch_;
};

}  // namespace tidemark
