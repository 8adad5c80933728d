#pragma once

#include "tidemark/observability/log.hpp"
#include "tidemark/testing/simulated_bus.hpp"
#include "tidemark/testing/simulated_process.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tidemark::testing {

/// How rough a simulated world is: chances and longest times. The defaults suit a test that runs
/// hundreds of seeds. With `swarm` every seed draws its own chances below these, some of them 0.
struct simulation_settings {
    /// Per process and second of the storm: killed at once, started again after up to `down_max`.
    double crash = 0.02;
    duration down_max = std::chrono::seconds{5};
    /// Per commit with effects: its process dies before it hears of it.
    double crash_at_commit = 0.01;
    /// Per process and second: stands still for up to `pause_max`, longer than its leases last.
    double pause = 0.01;
    duration pause_max = std::chrono::seconds{25};
    /// Per command: sent again under its key, some time later, maybe to another process.
    double duplicate = 0.1;
    /// Commands begin, and come again, at moments spread over this span.
    duration delay_max = std::chrono::minutes{1};
    /// Per second: the database loses what is not committed and its sequence falls back.
    double database_crash = 0.005;
    /// Per second: the database refuses connections for up to `refuse_max`.
    double refuse = 0.005;
    duration refuse_max = std::chrono::seconds{5};
    /// Per second: somebody else's transaction holds the horizon back for up to `hold_max`.
    double hold_horizon = 0.02;
    duration hold_max = std::chrono::seconds{5};
    /// Per call to the database or the bus; one in three each way (`storage_faults`,
    /// `bus_faults`).
    double lose = 0.02;
    /// Per transaction.
    double rollback = 0.02;
    double slow_commit = 0.05;
    duration latency_max = std::chrono::milliseconds{2};
    /// Wall clocks of processes are off by up to this.
    duration skew_max = std::chrono::milliseconds{50};
    /// Processes that share the log; each has one or two shards.
    std::size_t processes = 2;
    /// Virtual time after the storm in which everything must come to rest.
    duration heal_max = std::chrono::minutes{20};
    /// Draw other chances for every seed.
    bool swarm = true;
    /// Every saga must have completed or failed at the end.
    bool sagas_end = true;
    /// What the machinery logs from here on: a storm is loud, so only what ends the process.
    log::level log_level = log::level::critical;
    runtime_options runtime{};
};

/// The processes of a simulated world, and what befalls them and their database while the storm
/// lasts. Belongs to the simulation.
class simulated_cluster {
  public:
    simulated_cluster(simulated_scheduler& scheduler, simulated_database& database,
                      simulation_settings settings);
    simulated_cluster(const simulated_cluster&) = delete;
    simulated_cluster& operator=(const simulated_cluster&) = delete;
    ~simulated_cluster();

    void add_wiring(process_wiring wiring) { wirings_.push_back(std::move(wiring)); }
    /// Called with the index of a process that has just died.
    void watch_deaths(std::function<void(std::size_t)> watcher) { watcher_ = std::move(watcher); }

    void boot_all();
    [[nodiscard]] bool is_booted() const { return !places_.empty(); }
    void begin_storm();
    /// Nothing goes wrong any more: everybody runs, nothing is lost, everything is quick.
    void end_storm();

    [[nodiscard]] std::size_t size() const { return places_.size(); }
    /// Null while it is down.
    [[nodiscard]] simulated_process* process(std::size_t index) {
        return places_[index].live.get();
    }
    [[nodiscard]] const simulation_settings& settings() const { return settings_; }
    [[nodiscard]] simulated_bus& bus() { return bus_; }

    /// What has happened so far, for whoever wants to see that the world was rough.
    struct counts {
        std::uint64_t crashes = 0;
        std::uint64_t pauses = 0;
        std::uint64_t database_crashes = 0;
        std::uint64_t refusals = 0;
    };
    [[nodiscard]] const counts& seen() const { return seen_; }

  private:
    struct place {
        std::unique_ptr<simulated_process> live;
        std::uint64_t lives = 0;
    };

    void boot(std::size_t index);
    void crash(std::size_t index);
    void pause(std::size_t index);
    void crash_owner(const std::string& owner);
    void strike();
    void later(duration most, std::function<void()> deed);

    simulated_scheduler& scheduler_;
    simulated_database& database_;
    simulation_settings settings_;
    random_source random_;
    simulated_bus bus_;
    std::vector<process_wiring> wirings_;
    std::vector<place> places_;
    std::function<void(std::size_t)> watcher_;
    bool is_storming_ = false;
    /// Which storm it is: deeds planned in an earlier one are not done.
    std::uint64_t storm_ = 0;
    counts seen_;
};

}  // namespace tidemark::testing
