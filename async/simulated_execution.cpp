#include "tidemark/async/simulated_execution.hpp"

#include "tidemark/async/event.hpp"
#include "tidemark/core/assert.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>

#include <stdexcept>
#include <string>

namespace tidemark {
namespace {

/// Waits on an alarm of the scheduler.
class virtual_timer final : public timer {
  public:
    explicit virtual_timer(simulated_scheduler& scheduler) : scheduler_{scheduler} {}
    virtual_timer(const virtual_timer&) = delete;
    virtual_timer& operator=(const virtual_timer&) = delete;
    ~virtual_timer() override { disarm(); }

    awaitable<bool> wait(duration span) override {
        passed_ = false;
        alarm_ = scheduler_.set_alarm(span, [this] {
            passed_ = true;
            alarm_.reset();
            over_.notify();
        });
        try {
            co_await over_.wait();
        } catch (const boost::system::system_error&) {
            disarm();  // cancelled from above: the caller's next await tells it
        }
        co_return passed_;
    }

    void cancel() override {
        if (disarm()) over_.notify();
    }

  private:
    bool disarm() {
        if (!alarm_) return false;
        const auto id = *alarm_;
        alarm_.reset();
        return scheduler_.cancel_alarm(id);
    }

    simulated_scheduler& scheduler_;
    std::optional<simulated_scheduler::alarm_id> alarm_;
    bool passed_ = false;
    event over_;
};

}  // namespace

simulated_execution::simulated_execution(simulated_scheduler& scheduler, std::size_t shards)
    : scheduler_{scheduler}, clock_{scheduler}, random_{scheduler.draw_seed()} {
    TIDEMARK_ASSERT(shards > 0, "an execution has at least one shard");
    for (; shards > 0; --shards) shards_.push_back(scheduler_.add_shard());
}

simulated_execution::~simulated_execution() { kill(); }

executor simulated_execution::shard(std::size_t index) {
    TIDEMARK_ASSERT(index < shards_.size(), "a shard index is below shard_count()");
    return simulated_executor{shards_[index]};
}

std::unique_ptr<timer> simulated_execution::make_timer(std::size_t) {
    return std::make_unique<virtual_timer>(scheduler_);
}

std::unique_ptr<timer> simulated_execution::make_timer(const executor&) {
    return std::make_unique<virtual_timer>(scheduler_);
}

void simulated_execution::pause() {
    is_paused_ = true;
    for (const auto& each : shards_) each->is_paused = true;
}

void simulated_execution::resume() {
    is_paused_ = false;
    for (const auto& each : shards_) each->is_paused = false;
}

void simulated_execution::kill() {
    if (is_dead_) return;
    is_dead_ = true;
    scheduler_.kill(shards_);
}

void run(simulated_execution& on, awaitable<void> work, std::size_t shard) {
    struct outcome {
        bool ended = false;
        std::exception_ptr failure;
    };
    const auto kept = std::make_shared<outcome>();
    boost::asio::co_spawn(on.shard(shard), std::move(work), [kept](std::exception_ptr failure) {
        kept->ended = true;
        kept->failure = std::move(failure);
    });
    const auto how = on.scheduler().run_until([&kept] { return kept->ended; });
    if (kept->failure) std::rethrow_exception(kept->failure);
    if (how == run_end::reached) return;
    throw std::runtime_error{"the simulation with seed " + std::to_string(on.scheduler().seed()) +
                             (how == run_end::idle ? " has nothing left to do" : " ran too long") +
                             " before the awaited work ended"};
}

}  // namespace tidemark
