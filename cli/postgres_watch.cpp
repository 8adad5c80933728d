#include "tidemark/cli/postgres_watch.hpp"

#include "tidemark/eventstore/postgres_event_reads.hpp"
#include "tidemark/eventstore/postgres_event_store.hpp"

#include <chrono>

namespace tidemark::cli {

void observe_connections(metrics_registry& registry, const runtime_metrics& catalog,
                         const postgres_storage& events,
                         std::vector<metrics::registration>& observed) {
    using counts = postgres_pool::counts;
    const auto gauge = [&](const char* state, std::size_t counts::* field) {
        observed.push_back(registry.observe(catalog.store_connections, {state}, [&events, field] {
            return static_cast<double>(events.connections().*field);
        }));
    };
    const auto counter = [&](const metrics::counter_family& family,
                             std::initializer_list<std::string_view> labels,
                             std::uint64_t counts::* field) {
        observed.push_back(registry.observe(family, labels, [&events, field] {
            return static_cast<double>(events.connections().*field);
        }));
    };
    gauge("idle", &counts::idle);
    gauge("busy", &counts::busy);
    gauge("waiting", &counts::waiting);
    counter(catalog.store_connections_opened, {"done"}, &counts::opened);
    counter(catalog.store_connections_opened, {"failed"}, &counts::failed);
    counter(catalog.store_connection_waits_ended, {}, &counts::timed_out);
    counter(catalog.store_connections_taken, {}, &counts::taken);
    observed.push_back(registry.observe(catalog.store_connection_wait, {}, [&events] {
        const std::chrono::duration<double> waited = events.connections().waited;
        return waited.count();
    }));
    catalog.store_connections_max.get().set(static_cast<double>(events.connections_max()));
}

awaitable<result<horizon_lag>> find_horizon_lag(postgres_storage& events, position end) {
    const auto holders = co_await events.find_horizon_holders();
    if (!holders) co_return holders.error();
    horizon_lag lag;
    if (!holders->empty()) {
        const auto& first = holders->front();
        if (end > first.position) lag.events = end.value() - first.position.value();
        const std::chrono::duration<double> held = first.held;
        lag.seconds = held.count();
    }
    co_return lag;
}

}  // namespace tidemark::cli
