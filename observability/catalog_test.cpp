#include "tidemark/observability/catalog.hpp"

#include "tidemark/observability/broker_metrics.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace {

using namespace tidemark;

/// Every family of the catalog with at least one series in it.
void touch_all(runtime_metrics& m, broker_metrics& b) {
    const auto touch = [](const auto&... families) {
        (void)std::initializer_list<int>{(families(), 0)...};
    };
    const auto one = std::string_view{"a\"b"};
    touch(
        [&] { m.http_request_duration.with({"GET", "/api/v1/orders/{id}", "200"}).observe(.1); },
        [&] { m.http_requests_in_flight.get().set(1); },
        [&] { m.http_requests_shed.with({one}).add(); },
        [&] { m.command_duration.with({one}).observe(.1); },
        [&] { m.mailbox_depth.with({one}).set(1); },
        [&] { m.decide_duration.with({one}).observe(1e-6); },
        [&] { m.effects.with({one, "done"}).add(); },
        [&] { m.effect_duration.with({one}).observe(.1); },
        [&] { m.effects_in_flight.get().set(1); }, [&] { m.retries.with({one, "done"}).add(); },
        [&] { m.event_append_duration.with({"sqlite", "committed"}).observe(.1); },
        [&] { m.events_appended.with({one}).add(); }, [&] { m.append_conflicts.with({one}).add(); },
        [&] { m.event_load_duration.with({one}).observe(.1); },
        [&] { m.events_replayed.with({one}).add(); }, [&] { m.snapshots.with({"saved"}).add(); },
        [&] { m.store_connections.with({"idle"}).set(1); },
        [&] { m.store_connections_opened.with({"done"}).add(); },
        [&] { m.store_connection_waits_ended.get().add(); },
        [&] { m.store_connections_taken.get().add(); },
        [&] { m.store_connection_wait.get().add(); }, [&] { m.store_connections_max.get().set(8); },
        [&] { m.horizon_lag_events.get().set(1); }, [&] { m.horizon_lag.get().set(.1); },
        [&] { m.relay_pending_events.get().set(1); }, [&] { m.relay_oldest_age.get().set(1); },
        [&] { m.bus_publish_duration.with({one, "done"}).observe(.1); },
        [&] { b.bus_messages_waiting.get().set(1); }, [&] { b.bus_bytes_waiting.get().set(1); },
        [&] { b.bus_brokers.with({"up"}).set(1); }, [&] { b.bus_round_trip.get().set(.1); },
        [&] { b.bus_requests_failed.get().add(); }, [&] { b.bus_requests_repeated.get().add(); },
        [&] { b.bus_producers_replaced.get().add(); },
        [&] { m.bus_consumed.with({one, one, "applied"}).add(); },
        [&] { m.bus_consumer_lag_messages.with({one, one, one}).set(1); },
        [&] { m.bus_consumer_lag.with({one, one, one}).set(.1); },
        [&] { m.bus_waiting_streams.with({one, one}).set(1); },
        [&] { m.bus_dead_letters.with({one, one}).add(); },
        [&] { m.bus_rebalances.with({one, one}).add(); },
        [&] { m.projection_lag_events.with({one}).set(1); },
        [&] { m.projection_lag.with({one}).set(1); },
        [&] { m.projection_errors.with({one}).add(); },
        [&] { m.projection_paused.with({one}).set(1); },
        [&] { m.projection_parked.with({one}).set(1); },
        [&] { m.sagas.with({one, "running"}).set(1); },
        [&] { m.saga_duration.with({one, "completed"}).observe(3); },
        [&] { m.saga_compensations.with({one, "undo"}).add(); },
        [&] { m.dlq_entries.with({"effect"}).set(1); },
        [&] { m.dlq_oldest_age.with({"effect"}).set(1); },
        [&] { m.dlq_replayed.with({"done"}).add(); },
        [&] { m.build_info.with({"0.1.0", "abc", "clang"}).set(1); });
}

void touch_commands_of_bus(runtime_metrics& m) {
    m.bus_commands.with({"shop.commands", "committed"}).add();
    m.bus_command_duration.with({"shop.commands"}).observe(.1);
    m.bus_commands_in_flight.with({"shop.commands"}).set(1);
    m.bus_command_retries.with({"shop.commands"}).add();
    m.bus_replies_waiting.with({"shop.commands"}).set(1);
    m.bus_commands_asked.with({"shop.commands", "committed"}).add();
    m.bus_ask_duration.with({"shop.commands"}).observe(.1);
    m.bus_asks_waiting.with({"shop.commands"}).set(1);
    m.bus_replies_dropped.with({"shop.commands"}).add();
}

std::string read_file(const std::string& path) {
    std::ifstream in{path};
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

/// What `promtool check metrics` says to a text: its exit code.
int promtool(const std::string& text) {
    auto* const pipe = ::popen("promtool check metrics >&2", "w");
    REQUIRE(pipe != nullptr);
    REQUIRE(std::fwrite(text.data(), 1, text.size(), pipe) == text.size());
    return WEXITSTATUS(::pclose(pipe));
}

}  // namespace

TEST_CASE("catalog: every declared family can be counted in") {
    metrics_registry registry;
    runtime_metrics m{registry};
    const auto process = observe_process(registry);
    broker_metrics b{registry};
    touch_all(m, b);
    touch_commands_of_bus(m);
    const auto text = registry.text();
    for (const auto& what : registry.declarations()) {
        CHECK_MESSAGE(text.find("# TYPE " + what.name + " ") != std::string::npos, what.name);
    }
    CHECK(registry.declarations().size() == 61 + 7);
}

TEST_CASE("catalog: the process is measured") {
    metrics_registry registry;
    const auto process = observe_process(registry);
    const auto text = registry.text();
    const auto value = [&text](const std::string& name) {
        const auto at = text.find("\n" + name + " ");
        return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
    };
    CHECK(value("process_resident_memory_bytes") > 1e6);
    CHECK(value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"));
    CHECK(value("process_threads") >= 1);
    CHECK(value("process_open_fds") >= 1);
    CHECK(value("process_max_fds") > value("process_open_fds"));
    CHECK(value("process_start_time_seconds") > 1.5e9);
    CHECK(value("process_cpu_seconds_total") >= 0);
}

TEST_CASE("catalog: promtool finds nothing to criticise") {
    if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
        const auto* const strict = std::getenv("TIDEMARK_STRICT");
        REQUIRE_MESSAGE((strict == nullptr || std::string_view{strict} != "1"),
                        "promtool is missing: apt-get install prometheus");
        MESSAGE("skipped: promtool is missing (apt-get install prometheus)");
        return;
    }
    metrics_registry registry;
    runtime_metrics m{registry};
    const auto process = observe_process(registry);
    broker_metrics b{registry};
    touch_all(m, b);
    touch_commands_of_bus(m);
    CHECK(promtool(registry.text()) == 0);
    CHECK(promtool("# TYPE badName counter\nbadName 1\n") != 0);
}

TEST_CASE("catalog: docs/metrics.md is what the catalog says") {
    const auto path = std::string{TIDEMARK_SOURCE_ROOT} + "/docs/metrics.md";
    if (std::getenv("TIDEMARK_WRITE_DOCS") != nullptr) std::ofstream{path} << metrics_page();
    CHECK_MESSAGE(read_file(path) == metrics_page(),
                  "docs/metrics.md is stale: run this test with TIDEMARK_WRITE_DOCS=1");
}
