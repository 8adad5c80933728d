#pragma once

#include "tidemark/observability/metrics.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

/// Every metric of the runtime, declared in one place; the owners of the numbers resolve their
/// series from here when they are wired. `docs/metrics.md` is generated from it. A member is named
/// like its metric without "tidemark_" and the unit. The registry must outlive it; one made by the
/// default constructor counts nowhere.
struct runtime_metrics {
    runtime_metrics() = default;
    explicit runtime_metrics(metrics_registry& registry);

    // The API listener. {method, route, status}: the route's pattern, never the path.
    metrics::histogram_family http_request_duration;
    metrics::gauge_family http_requests_in_flight;
    metrics::counter_family http_requests_shed;  // {reason}

    // Commands.
    metrics::histogram_family command_duration;  // {aggregate}
    metrics::gauge_family mailbox_depth;         // {aggregate}
    metrics::histogram_family decide_duration;   // {aggregate}

    // Effects. {type}: a command's or request's stored name; {outcome}: done, retried, parked.
    metrics::counter_family effects;            // {type, outcome}
    metrics::histogram_family effect_duration;  // {type}
    metrics::gauge_family effects_in_flight;
    metrics::counter_family retries;  // {operation, outcome}

    // The event store. {store}: memory, sqlite; {outcome}: committed, conflict, answered, stale,
    // error.
    metrics::histogram_family event_append_duration;  // {store, outcome}
    metrics::counter_family events_appended;          // {aggregate}
    metrics::counter_family append_conflicts;         // {aggregate}
    metrics::histogram_family event_load_duration;    // {aggregate}
    metrics::counter_family events_replayed;          // {aggregate}
    metrics::counter_family snapshots;                // {outcome}: saved, loaded, ignored, failed

    // A shared store. {state}: idle, busy, waiting (callers without one).
    metrics::gauge_family store_connections;           // {state}
    metrics::counter_family store_connections_opened;  // {outcome}: done, failed
    metrics::counter_family store_connection_waits_ended;
    metrics::counter_family store_connections_taken;
    metrics::counter_family store_connection_wait;  // seconds
    metrics::gauge_family store_connections_max;
    metrics::gauge_family horizon_lag_events;
    metrics::gauge_family horizon_lag;  // seconds

    // Relay and bus.
    metrics::gauge_family relay_pending_events;
    metrics::gauge_family relay_oldest_age;
    // {outcome}: persisted, not_persisted, possibly_persisted, refused, fatal.
    metrics::histogram_family bus_publish_duration;  // {topic, outcome}

    // Consumers of the bus. {outcome}: applied, duplicate, failed, refused.
    metrics::counter_family bus_consumed;             // {topic, group, outcome}
    metrics::gauge_family bus_consumer_lag_messages;  // {topic, group, partition}
    metrics::gauge_family bus_consumer_lag;           // {topic, group, partition}, seconds
    metrics::gauge_family bus_waiting_streams;        // {topic, group}
    metrics::counter_family bus_dead_letters;         // {topic, group}
    metrics::counter_family bus_rebalances;           // {topic, group}

    // Commands over the bus. Served, {outcome}: committed, refused, repeated, failed, expired,
    // dead_letter. Asked, {outcome}: committed, refused, an error's code.
    metrics::counter_family bus_commands;            // {topic, outcome}
    metrics::histogram_family bus_command_duration;  // {topic}
    metrics::gauge_family bus_commands_in_flight;    // {topic}
    metrics::counter_family bus_command_retries;     // {topic}
    metrics::gauge_family bus_replies_waiting;       // {topic}
    metrics::counter_family bus_commands_asked;      // {topic, outcome}
    metrics::histogram_family bus_ask_duration;      // {topic}
    metrics::gauge_family bus_asks_waiting;          // {topic}
    metrics::counter_family bus_replies_dropped;     // {topic}

    // Projections.
    metrics::gauge_family projection_lag_events;  // {projection}
    metrics::gauge_family projection_lag;         // {projection}, seconds
    metrics::counter_family projection_errors;    // {projection}
    metrics::gauge_family projection_paused;      // {projection}
    metrics::gauge_family projection_parked;      // {projection}

    // Sagas. {state}: running, compensating, stuck.
    metrics::gauge_family sagas;                 // {saga, state}
    metrics::histogram_family saga_duration;     // {saga, outcome}: completed, failed
    metrics::counter_family saga_compensations;  // {saga, step}: the undo's stored name

    // Dead letters. {queue}: effect, timers among them.
    metrics::gauge_family dlq_entries;     // {queue}: effect, or a consumer's name
    metrics::gauge_family dlq_oldest_age;  // {queue}
    metrics::counter_family dlq_replayed;  // {outcome}: replayed, dropped, failed

    metrics::gauge_family build_info;  // {version, revision, compiler}, always 1
};

/// What the operating system says about this process, as `process_*`, read from /proc at each
/// text. Keep what it returns as long as the registry serves texts.
[[nodiscard]] std::vector<metrics::registration> observe_process(metrics_registry& registry);

/// The catalog as the Markdown page `docs/metrics.md`.
[[nodiscard]] std::string metrics_page();

}  // namespace tidemark
