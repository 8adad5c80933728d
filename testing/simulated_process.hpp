#pragma once

#include "tidemark/async/gate.hpp"
#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/runtime/runtime.hpp"
#include "tidemark/testing/simulated_storage.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace tidemark::testing {

/// Registers stores, projections and performers; called once per start of a process.
using process_wiring = std::function<void(tidemark::runtime&)>;

/// One life of one process: a runtime on its own execution and connections. Destroying it is a
/// crash. Not from one of its own coroutines.
class simulated_process {
  public:
    struct options {
        /// Differs for every life: leases carry it.
        std::string owner;
        std::size_t shards = 1;
        /// Its wall clock against the database's.
        duration clock_offset{0};
        runtime_options runtime;
    };
    simulated_process(simulated_database& database, event_bus& bus, const process_wiring& wiring,
                      options given);
    simulated_process(const simulated_process&) = delete;
    simulated_process& operator=(const simulated_process&) = delete;
    ~simulated_process();

    /// Runs a command as a caller inside the process; `told` is never called if the process dies
    /// first.
    void execute(stream_id to, std::unique_ptr<any_command> command, call how,
                 std::function<void(outcome)> told);

    void pause() { execution_.pause(); }
    void resume() { execution_.resume(); }
    [[nodiscard]] bool is_paused() const { return execution_.is_paused(); }
    [[nodiscard]] const std::string& owner() const { return owner_; }
    [[nodiscard]] tidemark::runtime& runtime() { return *runtime_; }
    [[nodiscard]] simulated_execution& execution() { return execution_; }

  private:
    simulated_execution execution_;
    std::string owner_;
    simulated_storage storage_;
    gate calls_;
    std::unique_ptr<tidemark::runtime> runtime_;
};

}  // namespace tidemark::testing
