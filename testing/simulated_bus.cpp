#include "tidemark/testing/simulated_bus.hpp"

#include "tidemark/async/event.hpp"

#include <algorithm>
#include <cstddef>
#include <list>
#include <utility>

namespace tidemark::testing {

struct simulated_bus::state {
    explicit state(simulated_scheduler& of) : scheduler{of}, random{of.draw_seed()} {}

    struct group {
        std::size_t committed = 0;
        /// The first one reads.
        std::list<member*> members;
    };
    struct topic {
        std::vector<bus_message> messages;
        std::map<std::string, group> groups;
    };

    [[nodiscard]] bool draw(double chance) { return chance > 0 && random.unit() < chance; }
    [[nodiscard]] duration up_to(duration most) {
        return duration{
            static_cast<duration::rep>(random.below(static_cast<std::uint64_t>(most.count()) + 1))};
    }

    simulated_scheduler& scheduler;
    random_source random;
    bus_faults faults;
    std::map<std::string, topic> topics;
};

/// One call of `publish`.
struct simulated_bus::delivery_wait {
    std::vector<bus_message> batch;
    std::vector<delivery_report> reports;
    event done;
};

class simulated_bus::member final : public consumer {
  public:
    member(std::shared_ptr<state> of, std::string topic, std::string group)
        : state_{std::move(of)}, topic_{state_->topics[topic]}, group_{topic_.groups[group]} {
        group_.members.push_back(this);
        reading_ = group_.committed;
    }
    member(const member&) = delete;
    member& operator=(const member&) = delete;
    ~member() override { leave(); }

    awaitable<result<std::vector<bus_message>>> poll(std::size_t limit) override {
        while (!is_closed_ && !has_news()) co_await wake_.wait();
        std::vector<bus_message> taken;
        if (is_closed_) co_return taken;
        if (state_->draw(state_->faults.rebalance)) {
            reading_ = group_.committed;
            has_lost_work_ = true;
            ++rebalances_;
        }
        const auto end = std::min(topic_.messages.size(), reading_ + limit);
        for (; reading_ < end; ++reading_) taken.push_back(topic_.messages[reading_]);
        co_return taken;
    }
    awaitable<result<void>> commit() override {
        if (std::exchange(has_lost_work_, false)) {
            reading_ = group_.committed;
            co_return error{errc::stale,
                            "a rebalance took away what was polled; it comes again to whoever "
                            "has the partition now"};
        }
        group_.committed = std::max(group_.committed, reading_);
        co_return result<void>{};
    }
    void close() override {
        is_closed_ = true;
        leave();
        wake_.notify();
    }
    std::size_t assigned() const override {
        return !is_closed_ && group_.members.front() == this ? 1 : 0;
    }
    std::uint64_t rebalances() const override { return rebalances_; }
    std::optional<std::uint64_t> lag() const override {
        if (assigned() == 0) return 0;
        return topic_.messages.size() - reading_;
    }
    void wake() { wake_.notify(); }

  private:
    [[nodiscard]] bool has_news() const {
        return group_.members.front() == this && reading_ < topic_.messages.size();
    }
    void leave() {
        const auto was_reading = !group_.members.empty() && group_.members.front() == this;
        group_.members.remove(this);
        if (!was_reading || group_.members.empty()) return;
        auto& next = *group_.members.front();
        next.reading_ = group_.committed;
        next.wake();
    }

    std::shared_ptr<state> state_;
    state::topic& topic_;
    state::group& group_;
    std::size_t reading_ = 0;
    std::uint64_t rebalances_ = 0;
    bool has_lost_work_ = false;
    bool is_closed_ = false;
    event wake_;
};

simulated_bus::simulated_bus(simulated_scheduler& scheduler)
    : state_{std::make_shared<state>(scheduler)} {}

simulated_bus::~simulated_bus() = default;

void simulated_bus::set_faults(const bus_faults& faults) { state_->faults = faults; }

awaitable<std::vector<delivery_report>> simulated_bus::publish(std::vector<bus_message> batch) {
    auto wait = std::make_shared<delivery_wait>();
    wait->reports.assign(batch.size(), {delivery::persisted, {}});
    wait->batch = std::move(batch);
    schedule(wait);
    co_await wait->done.wait();
    co_return std::move(wait->reports);
}

/// Draws what becomes of a batch, and when its caller hears of it.
void simulated_bus::schedule(const std::shared_ptr<delivery_wait>& wait) {
    auto& on = *state_;
    const auto arrival = on.up_to(on.faults.latency_max);
    auto& batch = wait->batch;
    if (on.draw(on.faults.unknown)) {
        wait->reports.assign(batch.size(),
                             {delivery::possibly_persisted, "the connection to the bus broke"});
        const auto fate = on.random.below(3);
        if (fate == 0) arrive(batch, arrival);
        if (fate == 1) arrive(batch, on.up_to(on.faults.late_max));
    } else if (on.draw(on.faults.cut)) {
        const auto kept = static_cast<std::size_t>(on.random.below(batch.size() + 1));
        for (auto i = kept; i < batch.size(); ++i) {
            wait->reports[i] = {delivery::not_persisted, "the bus was away"};
        }
        batch.resize(kept);
        arrive(batch, arrival);
    } else {
        arrive(batch, arrival);
        if (on.draw(on.faults.twice)) arrive(batch, arrival + on.up_to(on.faults.late_max));
    }
    on.scheduler.set_alarm(arrival + on.up_to(on.faults.latency_max),
                           [wait] { wait->done.notify(); });
}

void simulated_bus::arrive(std::vector<bus_message> batch, duration after) {
    state_->scheduler.set_alarm(after, [held = state_, batch = std::move(batch)] {
        for (const auto& message : batch) {
            auto& topic = held->topics[message.topic];
            topic.messages.push_back(message);
            for (auto& [name, group] : topic.groups) {
                if (!group.members.empty()) group.members.front()->wake();
            }
        }
    });
}

std::unique_ptr<event_bus::consumer> simulated_bus::subscribe(std::string topic,
                                                              std::string group) {
    return std::make_unique<member>(state_, std::move(topic), std::move(group));
}

awaitable<result<void>> simulated_bus::ensure_topic(std::string /*name*/) {
    co_return result<void>{};
}

event_bus::bus_status simulated_bus::status() const {
    return {.kind = "simulated", .location = "the simulation", .connected = true, .reason = {}};
}

const std::vector<bus_message>& simulated_bus::messages(const std::string& topic) const {
    return state_->topics[topic].messages;
}

}  // namespace tidemark::testing
