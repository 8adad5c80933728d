#include "tidemark/testing/simulated_process.hpp"

#include "tidemark/async/spawn.hpp"

#include <utility>

namespace tidemark::testing {
namespace {

runtime_options owned_by(runtime_options options, const std::string& owner) {
    options.owner = owner;
    // The simulated database forgets nothing, so that judges find every answer.
    options.answer_retention = duration{0};
    return options;
}

awaitable<void> call_and_tell(tidemark::runtime& on, stream_id to,
                              std::unique_ptr<any_command> command, call how,
                              std::function<void(outcome)> told) {
    auto heard = co_await on.call_stream(std::move(to), std::move(command), std::move(how));
    told(std::move(heard));
}

}  // namespace

simulated_process::simulated_process(simulated_database& database, event_bus& bus,
                                     const process_wiring& wiring, options given)
    : execution_{database.scheduler(), given.shards},
      owner_{std::move(given.owner)},
      storage_{database, execution_},
      runtime_{std::make_unique<tidemark::runtime>(execution_, storage_, bus,
                                                   owned_by(std::move(given.runtime), owner_))} {
    execution_.set_clock_offset(given.clock_offset);
    wiring(*runtime_);
    runtime_->start();
}

/// Unwinding leaves garbage on the dead shards; it goes before the gates that count it.
simulated_process::~simulated_process() {
    execution_.kill();
    runtime_->abandon();
    execution_.scheduler().kill({});
}

void simulated_process::execute(stream_id to, std::unique_ptr<any_command> command, call how,
                                std::function<void(outcome)> told) {
    spawn(calls_, execution_.shard(0),
          call_and_tell(*runtime_, std::move(to), std::move(command), std::move(how),
                        std::move(told)));
}

}  // namespace tidemark::testing
