#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/core/error.hpp"
#include "tidemark/observability/catalog.hpp"

#include <cstdint>
#include <vector>

namespace tidemark {

class postgres_storage;

}  // namespace tidemark

namespace tidemark::cli {

/// Measures the store's connections at each scrape, as long as `observed` lives. `events` outlives
/// it.
void observe_connections(metrics_registry& registry, const runtime_metrics& catalog,
                         const postgres_storage& events,
                         std::vector<metrics::registration>& observed);

/// How far and for how long the oldest open append holds readers back.
struct horizon_lag {
    std::uint64_t events = 0;
    double seconds = 0;
};
/// One round trip. `end`: the last position there is.
[[nodiscard]] awaitable<result<horizon_lag>> find_horizon_lag(postgres_storage& events,
                                                              position end);

}  // namespace tidemark::cli
