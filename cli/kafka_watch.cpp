#include "tidemark/cli/kafka_watch.hpp"

#include "tidemark/eventbus/kafka_event_bus.hpp"
#include "tidemark/observability/broker_metrics.hpp"

namespace tidemark::cli {

void observe_brokers(metrics_registry& registry, const event_bus& bus,
                     std::vector<metrics::registration>& observed) {
    if (bus.status().kind != "kafka") return;
    const auto& brokers = static_cast<const kafka_event_bus&>(bus);
    const broker_metrics catalog{registry};
    const auto watch = [&](const auto& family, std::initializer_list<std::string_view> labels,
                           auto kafka_statistics::* field) {
        observed.push_back(registry.observe(family, labels, [&brokers, field] {
            return static_cast<double>(brokers.statistics().*field);
        }));
    };
    watch(catalog.bus_messages_waiting, {}, &kafka_statistics::messages_waiting);
    watch(catalog.bus_bytes_waiting, {}, &kafka_statistics::bytes_waiting);
    watch(catalog.bus_brokers, {"up"}, &kafka_statistics::brokers_up);
    watch(catalog.bus_brokers, {"idle"}, &kafka_statistics::brokers_idle);
    watch(catalog.bus_brokers, {"down"}, &kafka_statistics::brokers_down);
    watch(catalog.bus_round_trip, {}, &kafka_statistics::round_trip_seconds);
    watch(catalog.bus_requests_failed, {}, &kafka_statistics::requests_failed);
    watch(catalog.bus_requests_repeated, {}, &kafka_statistics::requests_repeated);
    watch(catalog.bus_producers_replaced, {}, &kafka_statistics::producers_replaced);
}

}  // namespace tidemark::cli
