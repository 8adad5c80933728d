#pragma once

#include "tidemark/async/suspension.hpp"

#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>

#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <utility>

namespace tidemark {

/// A handler that waits for its turn.
class simulated_task {
  public:
    virtual ~simulated_task() = default;
    virtual void run() = 0;
};

/// Queue of one simulated shard. First in, first out, as on a real shard; which shard goes next is
/// the scheduler's choice. Shared by its executors; what is posted after its death is destroyed
/// unrun.
struct simulated_shard {
    /// Index among all shards of the scheduler, in order of creation.
    std::size_t index = 0;
    boost::asio::execution_context* context = nullptr;
    std::deque<std::unique_ptr<simulated_task>> ready;
    /// Coroutines asleep in an event or on a timer.
    std::list<suspension*> sleepers;
    /// Its handlers do not run until resumed.
    bool is_paused = false;
    /// Nothing runs on it any more.
    bool is_dead = false;
};

/// Executor of a simulated shard, as Asio asks for it. Never runs anything inline.
class simulated_executor {
  public:
    explicit simulated_executor(std::shared_ptr<simulated_shard> shard)
        : shard_{std::move(shard)} {}

    [[nodiscard]] boost::asio::execution_context& query(
        boost::asio::execution::context_t) const noexcept {
        return *shard_->context;
    }
    [[nodiscard]] static constexpr boost::asio::execution::blocking_t query(
        boost::asio::execution::blocking_t) noexcept {
        return boost::asio::execution::blocking.never;
    }
    [[nodiscard]] simulated_executor require(
        boost::asio::execution::blocking_t::never_t) const noexcept {
        return *this;
    }

    template <class F>
    void execute(F f) const {
        // Destroyed here: what unwinds after the death must have ended when its cause returns.
        if (shard_->is_dead) return;
        shard_->ready.push_back(std::make_unique<task_of<F>>(std::move(f)));
    }

    [[nodiscard]] simulated_shard& shard() const { return *shard_; }
    friend bool operator==(const simulated_executor&, const simulated_executor&) noexcept = default;

  private:
    template <class F>
    struct task_of final : simulated_task {
        explicit task_of(F f) : work{std::move(f)} {}
        void run() override { std::move(work)(); }
        F work;
    };

    std::shared_ptr<simulated_shard> shard_;
};

}  // namespace tidemark
