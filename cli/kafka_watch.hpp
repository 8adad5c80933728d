#pragma once

#include "tidemark/observability/metrics.hpp"

#include <vector>

namespace tidemark {

class event_bus;

}  // namespace tidemark

namespace tidemark::cli {

/// Measures the producer and its brokers at each scrape, as long as `observed` lives; nothing on
/// another bus than Kafka. `bus` outlives it.
void observe_brokers(metrics_registry& registry, const event_bus& bus,
                     std::vector<metrics::registration>& observed);

}  // namespace tidemark::cli
