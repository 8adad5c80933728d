#include "tidemark/async/suspension.hpp"

#include "tidemark/async/simulated_executor.hpp"

namespace tidemark {

void enter_suspension(const executor& home, suspension& sleeper) {
    if (const auto* simulated = home.target<simulated_executor>()) {
        auto& sleepers = simulated->shard().sleepers;
        sleeper.place_ = sleepers.insert(sleepers.end(), &sleeper);
    }
}

void leave_suspension(const executor& home, suspension& sleeper) {
    if (const auto* simulated = home.target<simulated_executor>()) {
        simulated->shard().sleepers.erase(sleeper.place_);
    }
}

}  // namespace tidemark
