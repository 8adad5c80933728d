#pragma once

#include "tidemark/async/simulated_scheduler.hpp"
#include "tidemark/async/timeout.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace tidemark {

/// The threads, clock and randomness of one simulated process: a group of shards on a scheduler.
/// A process is this and the objects that run on it. To crash it: `kill`, then destroy the objects;
/// its coroutines are unwound by then and run no code but destructors. A restarted process is a
/// fresh execution. A simulated port must run on its caller's executor (await the port's own
/// timers), so that `kill` finds every coroutine of the process.
class simulated_execution final : public execution {
  public:
    explicit simulated_execution(simulated_scheduler& scheduler, std::size_t shards = 1);
    ~simulated_execution() override;

    [[nodiscard]] std::size_t shard_count() const override { return shards_.size(); }
    [[nodiscard]] executor shard(std::size_t index) override;
    [[nodiscard]] const tidemark::clock& clock() const override { return clock_; }
    [[nodiscard]] random_bits& random() override { return random_; }
    [[nodiscard]] std::unique_ptr<timer> make_timer(std::size_t index) override;
    [[nodiscard]] std::unique_ptr<timer> make_timer(const executor& ex) override;

    /// Stops the process as SIGSTOP does: time goes on, nothing of it runs.
    void pause();
    void resume();
    [[nodiscard]] bool is_paused() const { return is_paused_; }
    /// Ends the process as SIGKILL does. Not from one of its own handlers. Idempotent.
    void kill();
    [[nodiscard]] bool is_dead() const { return is_dead_; }

    /// Wall clock of this process = the scheduler's + `offset`.
    void set_clock_offset(duration offset) { clock_.offset = offset; }
    [[nodiscard]] simulated_scheduler& scheduler() { return scheduler_; }

  private:
    struct virtual_clock final : tidemark::clock {
        explicit virtual_clock(const simulated_scheduler& of) : scheduler{of} {}
        [[nodiscard]] instant now() const override { return scheduler.now() + offset; }
        [[nodiscard]] duration steady() const override { return scheduler.elapsed(); }
        const simulated_scheduler& scheduler;
        duration offset{0};
    };
    struct drawn_bits final : random_bits {
        explicit drawn_bits(std::uint64_t seed) : source{seed} {}
        [[nodiscard]] std::uint64_t next() override { return source.next(); }
        random_source source;
    };

    simulated_scheduler& scheduler_;
    virtual_clock clock_;
    drawn_bits random_;
    std::vector<std::shared_ptr<simulated_shard>> shards_;
    bool is_paused_ = false;
    bool is_dead_ = false;
};

/// Runs the simulation until `work`, started on a shard of `on`, has ended; throws what it throws,
/// or `std::runtime_error` with the seed if the simulation ends first.
void run(simulated_execution& on, awaitable<void> work, std::size_t shard = 0);

template <class T>
T run(simulated_execution& on, awaitable<T> work, std::size_t shard = 0) {
    auto kept = std::make_shared<std::optional<T>>();
    run(on, keep_outcome<T>(std::move(work), kept), shard);
    return std::move(**kept);
}

}  // namespace tidemark
