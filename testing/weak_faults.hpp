#pragma once

#include "tidemark/testing/simulated_bus.hpp"
#include "tidemark/testing/simulated_storage.hpp"

#include <chrono>

namespace tidemark::testing {

/// What goes wrong while services that are joined by a bus are tried: often enough that each of it
/// lands in some tens of histories, seldom enough that most work ends.
inline constexpr storage_faults weak_storage{.latency_max = std::chrono::milliseconds{2},
                                             .request_lost = 0.03,
                                             .reply_lost = 0.05,
                                             .executed_late = 0.02,
                                             .late_max = std::chrono::milliseconds{500}};
inline constexpr bus_faults weak_bus{.latency_max = std::chrono::milliseconds{2},
                                     .cut = 0.05,
                                     .unknown = 0.05,
                                     .twice = 0.05,
                                     .rebalance = 0.1,
                                     .late_max = std::chrono::milliseconds{500}};

}  // namespace tidemark::testing
