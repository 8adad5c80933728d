#pragma once

#include "tidemark/async/simulated_scheduler.hpp"
#include "tidemark/core/context.hpp"
#include "tidemark/eventbus/event_bus.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tidemark::testing {

/// What goes wrong between processes and their bus: chances per call. All 0: nothing.
struct bus_faults {
    duration latency_max{500};
    /// A batch is published up to some message; the rest is `not_persisted`.
    double cut = 0;
    /// Nobody knows whether the batch was published: it was not, it was, or it will be.
    double unknown = 0;
    /// The batch is published twice.
    double twice = 0;
    /// A consumer loses what it has polled and not committed, and hears `stale` when it commits.
    double rebalance = 0;
    duration late_max = std::chrono::seconds{2};
};

/// A bus of the weak kind: at least once, in order per key but for what comes again. Every topic
/// has one partition, so of a group the member that joined first reads and the others wait for it
/// to leave. Topics need not be created. Belongs to the simulation, outlives every process; keeps
/// every message for the judges.
class simulated_bus final : public event_bus {
  public:
    explicit simulated_bus(simulated_scheduler& scheduler);
    ~simulated_bus() override;

    awaitable<std::vector<delivery_report>> publish(std::vector<bus_message> batch) override;
    std::unique_ptr<consumer> subscribe(std::string topic, std::string group) override;
    [[nodiscard]] bus_status status() const override;
    /// Topics are there as soon as they are named.
    [[nodiscard]] awaitable<result<void>> ensure_topic(std::string name) override;

    void set_faults(const bus_faults& faults);
    /// Everything that arrived at a topic, in order of arrival.
    [[nodiscard]] const std::vector<bus_message>& messages(const std::string& topic) const;

  private:
    struct state;
    struct delivery_wait;
    class member;
    void schedule(const std::shared_ptr<delivery_wait>& wait);
    void arrive(std::vector<bus_message> batch, duration after);

    /// Shared with consumers, which may outlive a process but not the simulation.
    std::shared_ptr<state> state_;
};

}  // namespace tidemark::testing
