#include "tidemark/observability/catalog.hpp"

#include "tidemark/observability/broker_metrics.hpp"

#include <initializer_list>

namespace tidemark {
namespace {

using metrics::kind;
using metrics::unit;
using names = std::vector<std::string>;

/// Declares families of one registry with the prefix and the unit's suffix added.
class declarer {
  public:
    explicit declarer(metrics_registry& registry) : registry_{registry} {}

    metrics::counter_family counter(std::string_view name, names labels, std::string help) const {
        return registry_.counters({.name = "tidemark_" + std::string{name} + "_total",
                                   .kind = kind::counter,
                                   .labels = std::move(labels),
                                   .help = std::move(help)});
    }
    metrics::gauge_family gauge(std::string_view name, names labels, std::string help,
                                unit in = unit::none) const {
        const auto* const suffix = in == unit::seconds ? "_seconds" : "";
        return registry_.gauges({.name = "tidemark_" + std::string{name} + suffix,
                                 .kind = kind::gauge,
                                 .unit = in,
                                 .labels = std::move(labels),
                                 .help = std::move(help)});
    }
    metrics::histogram_family duration(std::string_view name, names labels, std::string help,
                                       std::vector<double> bounds = {}) const {
        return registry_.histograms({.name = "tidemark_" + std::string{name} + "_seconds",
                                     .kind = kind::histogram,
                                     .unit = unit::seconds,
                                     .labels = std::move(labels),
                                     .help = std::move(help),
                                     .bounds = std::move(bounds)});
    }

  private:
    metrics_registry& registry_;
};

void declare_commands(runtime_metrics& m, const declarer& d) {
    m.http_request_duration =
        d.duration("http_request_duration", {"method", "route", "status"},
                   "Time from the last byte of a request's headers to the last byte written.");
    m.http_requests_in_flight =
        d.gauge("http_requests_in_flight", {}, "Requests that are being answered.");
    m.http_requests_shed = d.counter("http_requests_shed", {"reason"},
                                     "Requests refused at once because a limit was reached.");
    m.command_duration =
        d.duration("command_duration", {"aggregate"},
                   "Time from a command's arrival at its store to its answer, commit included.");
    m.mailbox_depth = d.gauge("mailbox_depth", {"aggregate"},
                              "Commands that wait for their instance, over all instances.");
    m.decide_duration = d.duration("decide_duration", {"aggregate"},
                                   "Time in decide and in evolving what was decided.",
                                   metrics::short_duration_bounds());
}

void declare_effects(runtime_metrics& m, const declarer& d) {
    m.effects = d.counter("effects", {"type", "outcome"}, "Effects that came to an outcome.");
    m.effect_duration =
        d.duration("effect_duration", {"type"}, "Time one attempt to carry an effect out took.");
    m.effects_in_flight = d.gauge("effects_in_flight", {}, "Effects that are being carried out.");
    m.retries = d.counter("retries", {"operation", "outcome"},
                          "Attempts after the first one, by what became of them.");
    m.dlq_entries = d.gauge("dlq_entries", {"queue"},
                            "Dead letters that wait for an operator: effects, or the messages of a "
                            "consumer's parked streams.");
    m.dlq_oldest_age =
        d.gauge("dlq_oldest_age", {"queue"}, "Age of the oldest dead letter.", unit::seconds);
    m.dlq_replayed = d.counter("dlq_replayed", {"outcome"},
                               "Dead letters that an operator sent again or dropped, or tried to.");
}

void declare_store(runtime_metrics& m, const declarer& d) {
    m.event_append_duration = d.duration("event_append_duration", {"store", "outcome"},
                                         "Time from an append's arrival at the store to its end.");
    m.events_appended = d.counter("events_appended", {"aggregate"}, "Events committed.");
    m.append_conflicts = d.counter("append_conflicts", {"aggregate"},
                                   "Appends refused because another writer moved the stream.");
    m.event_load_duration =
        d.duration("event_load_duration", {"aggregate"},
                   "Time to read and fold a stream, from its snapshot if there is one.");
    m.events_replayed =
        d.counter("events_replayed", {"aggregate"}, "Events folded to load instances.");
    m.snapshots = d.counter("snapshots", {"outcome"}, "Snapshots by what became of them.");
}

void declare_shared_store(runtime_metrics& m, const declarer& d) {
    m.store_connections =
        d.gauge("store_connections", {"state"},
                "Connections of the pool to the database, beside those that "
                "append and the one that listens, and callers that wait for one.");
    m.store_connections_opened = d.counter("store_connections_opened", {"outcome"},
                                           "Connections to the database that were tried.");
    m.store_connection_waits_ended =
        d.counter("store_connection_waits_ended", {},
                  "Calls that waited for a connection to the database in vain.");
    m.store_connections_taken =
        d.counter("store_connections_taken", {}, "Calls that got a connection to the database.");
    m.store_connection_wait =
        d.counter("store_connection_wait_seconds", {},
                  "Time that calls waited for a connection to the database, summed up.");
    m.store_connections_max =
        d.gauge("store_connections_max", {}, "Connections of the pool that may be open at most.");
    m.horizon_lag_events =
        d.gauge("horizon_lag_events", {},
                "Committed events that readers do not see yet because an older append is open.");
    m.horizon_lag = d.gauge(
        "horizon_lag", {}, "How long the oldest open append has held readers back.", unit::seconds);
}

void declare_bus_commands(runtime_metrics& m, const declarer& d) {
    m.bus_commands =
        d.counter("bus_commands", {"topic", "outcome"},
                  "Commands taken from the bus whose reply, or dead letter, was confirmed.");
    m.bus_command_duration = d.duration("bus_command_duration", {"topic"},
                                        "Time from polling a command to its confirmed reply.");
    m.bus_commands_in_flight = d.gauge("bus_commands_in_flight", {"topic"},
                                       "Commands polled from the bus and not yet replied to.");
    m.bus_command_retries = d.counter("bus_command_retries", {"topic"},
                                      "Attempts at commands of the bus after the first one.");
    m.bus_replies_waiting =
        d.gauge("bus_replies_waiting", {"topic"}, "Replies that the bus has not confirmed yet.");
    m.bus_commands_asked = d.counter("bus_commands_asked", {"topic", "outcome"},
                                     "Commands asked for over the bus, by what was heard.");
    m.bus_ask_duration = d.duration("bus_ask_duration", {"topic"},
                                    "Time from asking over the bus to the outcome, or its end.");
    m.bus_asks_waiting =
        d.gauge("bus_asks_waiting", {"topic"}, "Commands asked for that wait for their reply.");
    m.bus_replies_dropped = d.counter("bus_replies_dropped", {"topic"},
                                      "Replies nobody waited for: copies, and what came too late.");
}

void declare_readers(runtime_metrics& m, const declarer& d) {
    m.relay_pending_events =
        d.gauge("relay_pending_events", {}, "Committed events that are not yet on the bus.");
    m.relay_oldest_age =
        d.gauge("relay_oldest_age", {},
                "For how long the oldest committed event that is not yet on the bus has been "
                "known here to be committed, by this process's own clock; 0 when there is none.",
                unit::seconds);
    m.bus_publish_duration =
        d.duration("bus_publish_duration", {"topic", "outcome"},
                   "Time from handing a batch to the bus to its delivery reports, once for "
                   "each outcome among them.");
    m.bus_consumed = d.counter("bus_consumed", {"topic", "group", "outcome"},
                               "Messages that a consumer has taken, by what became of them.");
    m.bus_consumer_lag_messages =
        d.gauge("bus_consumer_lag_messages", {"topic", "group", "partition"},
                "Messages on the bus, in a partition read here, that have not taken effect.");
    m.bus_consumer_lag =
        d.gauge("bus_consumer_lag", {"topic", "group", "partition"},
                "For how long the oldest of them has been known here to be on the bus, by this "
                "process's own clock; 0 when there is none.",
                unit::seconds);
    m.bus_waiting_streams = d.gauge("bus_waiting_streams", {"topic", "group"},
                                    "Streams that do not go on: an event of them failed, or "
                                    "versions are missing.");
    m.bus_dead_letters = d.counter("bus_dead_letters", {"topic", "group"},
                                   "Messages that were copied to the dead-letter topic.");
    m.bus_rebalances = d.counter("bus_rebalances", {"topic", "group"},
                                 "How often partitions of the topic were dealt out to a member "
                                 "here.");
    declare_bus_commands(m, d);
    m.projection_lag_events = d.gauge("projection_lag_events", {"projection"},
                                      "Positions between the log's end and the checkpoint.");
    m.projection_paused = d.gauge("projection_paused", {"projection"},
                                  "1 while an operator has paused the projection, else 0.");
    m.projection_parked = d.gauge("projection_parked", {"projection"},
                                  "Events the projection has set aside because it threw on them.");
    m.projection_lag = d.gauge("projection_lag", {"projection"},
                               "Age of the oldest event that is not yet projected.", unit::seconds);
    m.projection_errors =
        d.counter("projection_errors", {"projection"}, "Events a projection threw on.");
    m.sagas = d.gauge("sagas", {"saga", "state"}, "Sagas that have not ended, by state.");
    m.saga_duration = d.duration("saga_duration", {"saga", "outcome"},
                                 "Time from a saga's first input to its end.",
                                 {.01, .05, .1, .5, 1, 5, 10, 30, 60, 300, 1800, 7200, 86400});
    m.saga_compensations =
        d.counter("saga_compensations", {"saga", "step"}, "Undos sent because a saga failed.");
}

}  // namespace

runtime_metrics::runtime_metrics(metrics_registry& registry) {
    const declarer d{registry};
    declare_commands(*this, d);
    declare_effects(*this, d);
    declare_store(*this, d);
    declare_shared_store(*this, d);
    declare_readers(*this, d);
    build_info = registry.gauges({.name = "tidemark_build_info",
                                  .kind = kind::gauge,
                                  .unit = unit::info,
                                  .labels = {"version", "revision", "compiler"},
                                  .help = "What is running; the value is always 1."});
}

broker_metrics::broker_metrics(metrics_registry& registry) {
    const declarer d{registry};
    bus_messages_waiting = d.gauge("bus_messages_waiting", {},
                                   "Messages handed to the brokers and not confirmed by them.");
    bus_bytes_waiting = d.gauge("bus_bytes_waiting", {}, "Bytes of those messages.");
    bus_brokers = d.gauge("bus_brokers", {"state"},
                          "Brokers that are connected (up), were not needed yet (idle), or "
                          "should be connected and are not (down).");
    bus_round_trip =
        d.gauge("bus_round_trip", {}, "Mean time of the brokers' answers in the last seconds.",
                unit::seconds);
    bus_requests_failed = d.counter("bus_requests_failed", {},
                                    "Requests to brokers that failed or were not answered.");
    bus_requests_repeated =
        d.counter("bus_requests_repeated", {}, "Requests to brokers that were sent again.");
    bus_producers_replaced = d.counter("bus_producers_replaced", {},
                                       "Producers that broke for good and were made anew.");
}

std::string metrics_page() {
    metrics_registry registry;
    const runtime_metrics declared{registry};
    const broker_metrics brokers{registry};
    const auto process = observe_process(registry);
    std::string out =
        "# Metrics\n\n"
        "Served by the admin listener at `/metrics` in the Prometheus text format, version 0.0.4.\n"
        "This page is generated from `observability/catalog.cpp`; a test fails when it is stale.\n"
        "A family has at most 1,000 series; label values beyond that share one series whose labels "
        "read `other`.\nNo label ever holds the id of a stream, a command or a person.\n\n"
        "| Name | Type | Labels | Meaning |\n|---|---|---|---|\n";
    for (const auto& what : registry.declarations()) {
        std::string labels;
        for (const auto& label : what.labels) {
            labels += (labels.empty() ? "`" : ", `") + label + "`";
        }
        out += "| `" + what.name + "` | " + std::string{to_string(what.kind)} + " | " + labels +
               (labels.empty() ? "| " : " | ") + what.help + " |\n";
    }
    out +=
        "\nWhat is often called a pool of database connections, and the wait for one, is "
        "`tidemark_store_connections`\nhere; the mean wait is "
        "`tidemark_store_connection_wait_seconds_total` divided by\n"
        "`tidemark_store_connections_taken_total`. Circuit breakers and dropped traces have no "
        "metrics, because there\nare neither.\n";
    return out;
}

}  // namespace tidemark
