#include "tidemark/async/simulated_scheduler.hpp"

#include "tidemark/core/assert.hpp"

#include <algorithm>
#include <utility>

namespace tidemark {
namespace {

/// Offsets that keep the streams of numbers drawn from one seed apart.
constexpr std::uint64_t for_seeds = 0x5eed5eed5eed5eedULL;

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
    return random_source{hash ^ (value + 0x9e3779b97f4a7c15ULL)}.next();
}

}  // namespace

simulated_scheduler::simulated_scheduler(simulation_options options)
    : options_{options}, choices_{options.seed}, seeds_{mixed(options.seed, for_seeds)} {}

simulated_scheduler::~simulated_scheduler() {
    alarms_.clear();
    keys_.clear();
    kill(shards_);
}

std::shared_ptr<simulated_shard> simulated_scheduler::add_shard() {
    auto shard = std::make_shared<simulated_shard>();
    shard->index = shards_.size();
    shard->context = &context_;
    shards_.push_back(shard);
    return shard;
}

void simulated_scheduler::kill(const std::vector<std::shared_ptr<simulated_shard>>& shards) {
    for (const auto& each : shards) {
        TIDEMARK_ASSERT(each.get() != running_, "a shard cannot be killed by its own handler");
        each->is_dead = true;
    }
    bool found = true;
    while (found) {
        found = false;
        for (const auto& each : shards) {
            // Unwinding a coroutine posts the rest of its stack to its shard: it becomes garbage.
            while (!each->sleepers.empty()) {
                each->sleepers.front()->abandon();
                found = true;
            }
        }
        bury();
    }
}

void simulated_scheduler::bury() {
    bool found = true;
    while (found) {
        found = false;
        for (std::size_t i = 0; i < shards_.size(); ++i) {
            const auto shard = shards_[i];
            if (!shard->is_dead || shard->ready.empty()) continue;
            const auto garbage = std::exchange(shard->ready, {});
            found = true;
        }
    }
}

simulated_shard* simulated_scheduler::choose() {
    candidates_.clear();
    for (const auto& each : shards_) {
        if (!each->is_dead && !each->is_paused && !each->ready.empty()) {
            candidates_.push_back(each.get());
        }
    }
    if (candidates_.empty()) return nullptr;
    if (candidates_.size() == 1) return candidates_.front();
    return candidates_[static_cast<std::size_t>(choices_.below(candidates_.size()))];
}

bool simulated_scheduler::step() {
    const auto has_rung = ring_due();
    auto* chosen = choose();
    if (chosen == nullptr) {
        // Whoever bounds the time looks again before it jumps.
        if (has_rung) return true;
        if (alarms_.empty()) return false;
        elapsed_ = std::max(elapsed_, alarms_.begin()->first.due);
        ring_due();
        return true;
    }
    ++steps_;
    note(chosen->index);
    note(static_cast<std::uint64_t>(elapsed_.count()));
    elapsed_ += options_.step_cost;
    auto task = std::move(chosen->ready.front());
    chosen->ready.pop_front();
    running_ = chosen;
    struct standing_still {
        const simulated_shard*& running;
        ~standing_still() { running = nullptr; }
    } const at_exit{running_};
    task->run();
    task.reset();
    bury();
    return true;
}

bool simulated_scheduler::ring_due() {
    auto has_rung = false;
    while (!alarms_.empty() && alarms_.begin()->first.due <= elapsed_) {
        auto first = alarms_.extract(alarms_.begin());
        keys_.erase(first.key().id);
        first.mapped()();
        bury();
        has_rung = true;
    }
    return has_rung;
}

run_end simulated_scheduler::run_until(const std::function<bool()>& reached, duration limit) {
    const auto end = limit == duration::max() ? limit : elapsed_ + limit;
    while (!reached()) {
        if (steps_ >= options_.steps_max) return run_end::out_of_steps;
        if (choose() == nullptr) {
            if (alarms_.empty()) return run_end::idle;
            if (alarms_.begin()->first.due > end) {
                elapsed_ = std::max(elapsed_, end);
                return run_end::out_of_time;
            }
        } else if (elapsed_ >= end) {
            return run_end::out_of_time;
        }
        step();
    }
    return run_end::reached;
}

run_end simulated_scheduler::run_until_idle(duration limit) {
    return run_until([] { return false; }, limit);
}

run_end simulated_scheduler::run_for(duration span) {
    const auto end = elapsed_ + span;
    const auto how = run_until_idle(span);
    if (how == run_end::idle) elapsed_ = std::max(elapsed_, end);
    return how;
}

simulated_scheduler::alarm_id simulated_scheduler::set_alarm(duration span,
                                                             std::function<void()> ring) {
    const auto wait = std::max(span, duration{0});
    const auto due = wait > duration::max() - elapsed_ ? duration::max() : elapsed_ + wait;
    const due_key key{due, choices_.next(), ++last_alarm_};
    alarms_.emplace(key, std::move(ring));
    keys_.emplace(key.id, key);
    return key.id;
}

bool simulated_scheduler::cancel_alarm(alarm_id id) {
    const auto found = keys_.find(id);
    if (found == keys_.end()) return false;
    alarms_.erase(found->second);
    keys_.erase(found);
    return true;
}

void simulated_scheduler::note(std::uint64_t value) { fingerprint_ = mixed(fingerprint_, value); }

}  // namespace tidemark
