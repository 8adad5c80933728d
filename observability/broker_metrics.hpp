#pragma once

#include "tidemark/observability/metrics.hpp"

namespace tidemark {

/// What the client of a bus on brokers tells of itself and of them; a process without brokers does
/// not declare it. Named like `runtime_metrics`. The registry must outlive it.
struct broker_metrics {
    explicit broker_metrics(metrics_registry& registry);

    metrics::gauge_family bus_messages_waiting;
    metrics::gauge_family bus_bytes_waiting;
    metrics::gauge_family bus_brokers;     // {state}: up, idle, down
    metrics::gauge_family bus_round_trip;  // seconds
    metrics::counter_family bus_requests_failed;
    metrics::counter_family bus_requests_repeated;
    metrics::counter_family bus_producers_replaced;
};

}  // namespace tidemark
