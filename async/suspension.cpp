#include "tidemark/async/suspension.hpp"

#include "tidemark/async/simulated_executor.hpp"

namespace tidemark {

void enter_suspension(const executor& home, suspension& sleeper) {
    if (const auto* simulated = home.target<simulated_executor>()) {
        simulated->shard().sleepers.push_back(&sleeper);
    }
}

void leave_suspension(const executor& home, suspension& sleeper) {
    if (const auto* simulated = home.target<simulated_executor>()) {
        simulated->shard().sleepers.remove(&sleeper);
    }
}

}  // namespace tidemark
