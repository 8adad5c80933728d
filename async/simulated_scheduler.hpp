#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/async/simulated_executor.hpp"
#include "tidemark/core/context.hpp"

#include <boost/asio/execution_context.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace tidemark {

struct simulation_options {
    std::uint64_t seed = 0;
    /// Wall clock at the start: 2020-01-01 00:00 UTC.
    instant start{std::chrono::seconds{1'577'836'800}};
    /// Virtual time that one handler takes, so that busy loops do not stop the clock.
    duration step_cost{1};
    /// Handlers after which a run gives up.
    std::uint64_t steps_max = 50'000'000;
};

/// Why a run came back.
enum class run_end : std::uint8_t {
    /// The condition holds.
    reached,
    /// Nothing is left to do, now or later.
    idle,
    /// The virtual time allowed is over.
    out_of_time,
    /// `steps_max` handlers have run.
    out_of_steps,
};

/// Runs many shards on the calling thread: which shard goes next is drawn from the seed, time is
/// virtual and jumps when nobody has anything to do. The same seed and the same code give the same
/// schedule, whatever compiler or machine. Outlives everything simulated on it; not thread-safe.
class simulated_scheduler {
  public:
    explicit simulated_scheduler(simulation_options options = {});
    simulated_scheduler(const simulated_scheduler&) = delete;
    simulated_scheduler& operator=(const simulated_scheduler&) = delete;
    /// Unwinds every coroutine that is left.
    ~simulated_scheduler();

    [[nodiscard]] std::shared_ptr<simulated_shard> add_shard();
    /// Unwinds every coroutine on these shards: queued, asleep or on a timer. None of them runs
    /// again, and what is posted to them later is destroyed. Not while one of them runs.
    void kill(const std::vector<std::shared_ptr<simulated_shard>>& shards);

    /// Runs one handler, or jumps to the next alarm if none is ready. False if idle.
    bool step();
    /// Runs until `reached` holds (asked before every handler), at most `limit` of virtual time.
    run_end run_until(const std::function<bool()>& reached, duration limit = duration::max());
    run_end run_until_idle(duration limit = duration::max());
    /// Runs everything due within `span`, then stands at now + span.
    run_end run_for(duration span);

    /// Calls `ring` outside of any shard when the time has come: the hand of fate, which may kill
    /// and pause; and the ground under timers. Alarms of one moment ring in drawn order.
    using alarm_id = std::uint64_t;
    alarm_id set_alarm(duration span, std::function<void()> ring);
    /// False if it rang already.
    bool cancel_alarm(alarm_id id);

    /// Virtual time since the start.
    [[nodiscard]] duration elapsed() const { return elapsed_; }
    [[nodiscard]] instant now() const { return options_.start + elapsed_; }
    [[nodiscard]] std::uint64_t steps() const { return steps_; }
    [[nodiscard]] std::uint64_t seed() const { return options_.seed; }
    /// Hash of every choice made and the time it was made at: equal for equal schedules.
    [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }
    /// Mixes an observation of the owner into the fingerprint.
    void note(std::uint64_t value);
    /// A seed of its own for a part of the simulation: depends on the scheduler's seed and the
    /// number of calls before.
    [[nodiscard]] std::uint64_t draw_seed() { return seeds_.next(); }

  private:
    struct due_key {
        duration due;
        std::uint64_t drawn;
        alarm_id id;
        friend auto operator<=>(const due_key&, const due_key&) = default;
    };

    [[nodiscard]] simulated_shard* choose();
    bool ring_due();
    void bury();

    simulation_options options_;
    boost::asio::execution_context context_;
    random_source choices_;
    random_source seeds_;
    duration elapsed_{0};
    std::uint64_t steps_ = 0;
    std::uint64_t fingerprint_ = 0;
    alarm_id last_alarm_ = 0;
    std::map<due_key, std::function<void()>> alarms_;
    std::map<alarm_id, due_key> keys_;
    std::vector<std::shared_ptr<simulated_shard>> shards_;
    std::vector<simulated_shard*> candidates_;
    const simulated_shard* running_ = nullptr;
};

}  // namespace tidemark
