#include "tidemark/cli/admin_page.hpp"
#include "tidemark/cli/json_out.hpp"

#include <string>
#include <utility>

namespace tidemark::cli {
namespace {

/// What an operator should look at, most severe first as they are added.
class attention_list {
  public:
    void add(const char* severity, const std::string& what, const std::string& why,
             const std::string& remedy, const std::string& link) {
        items_.add(object_writer{}
                       .text("severity", severity)
                       .text("what", what)
                       .text("why", why)
                       .text("remedy", remedy)
                       .text("link", link)
                       .end());
    }
    [[nodiscard]] std::string end() { return items_.end(); }

  private:
    array_writer items_;
};

/// What has been asked of everybody, for one page.
struct overview {
    store_status store;
    effect_log::counts effects;
    std::uint64_t dead_letters = 0;
    std::string projections;
    saga_page sagas;
    runtime::live_streams live;
};

std::string store_json(const store_status& status) {
    return object_writer{}
        .text("kind", status.kind)
        .text("location", status.location)
        .text("incarnation", status.incarnation.to_string())
        .number("schema_version", status.schema_version)
        .number("last_position", status.last_position.value())
        .number("streams", status.streams)
        .boolean("ok", true)
        .end();
}

std::string bus_json(const admin_state& from) {
    const auto status = from.app().bus().status();
    return object_writer{}
        .text("kind", status.kind)
        .text("location", status.location)
        .boolean("connected", status.connected)
        .text("reason", status.reason)
        .end();
}

std::string listeners_json(const admin_state& from) {
    const auto& at = from.source;
    return object_writer{}
        .text_or_null("api", at.api_url ? at.api_url() : "")
        .text_or_null("admin", at.admin_url ? at.admin_url() : "")
        .end();
}

std::string append_json(const admin_state& from) {
    const auto took =
        from.app().metrics().event_append_duration.with({from.events().kind(), "committed"});
    return object_writer{}
        .real("p50_ms", took.quantile(0.5) * 1000)
        .real("p99_ms", took.quantile(0.99) * 1000)
        .end();
}

std::string effects_json(const admin_state& from, const effect_log::counts& counts) {
    const auto in_flight = from.app().totals().effects_in_flight.load();
    return object_writer{}
        .number("ready", counts.ready)
        .number("leased", counts.leased)
        .number("waiting", counts.waiting)
        .number("parked", counts.parked)
        .number("timers", counts.timers)
        .number("in_flight", in_flight > 0 ? static_cast<std::uint64_t>(in_flight) : 0)
        .end();
}

std::string commands_json(const admin_state& from, duration steady) {
    const auto& totals = from.app().totals();
    const auto all = totals.commands.load();
    return object_writer{}
        .number("total", all)
        .number("refused", totals.refused.load())
        .number("errors", totals.errors.load())
        .real("per_second", from.commands_rate.per_second(all, steady))
        .end();
}

std::string events_json(const admin_state& from, position last, duration steady) {
    const auto appended = from.app().totals().events_appended.load();
    return object_writer{}
        .number("last_position", last.value())
        .number("appended_total", appended)
        .real("per_second", from.events_rate.per_second(appended, steady))
        .end();
}

std::string quarantined_json(const runtime::live_streams& live) {
    array_writer out;
    for (const auto& q : live.quarantined) {
        out.add(object_writer{}.text("stream", q.stream.text()).text("reason", q.reason).end());
    }
    return out.end();
}

std::string attention_json(const admin_state& from, const overview& seen) {
    attention_list out;
    for (const auto& q : seen.live.quarantined) {
        out.add("critical", "stream " + q.stream.text() + " is quarantined", q.reason,
                "mend evolve or the upcaster and restart", "#/streams/" + q.stream.text());
    }
    for (const auto& p : from.app().projections()) {
        if (p.state == "paused") {
            out.add("warning", "projection " + p.name + " is paused", p.reason,
                    from.source.program + " projection resume " + p.name, "#/projections");
        }
        if (p.state != "stopped" && p.state != "retrying") continue;
        out.add("critical", "projection " + p.name + " is " + p.state, p.reason,
                "mend it; it goes on from where it stands", "#/projections");
    }
    if (seen.sagas.stuck != 0) {
        out.add("critical", std::to_string(seen.sagas.stuck) + " sagas are stuck",
                "an undo was refused; they wait for an operator",
                from.source.program + " saga ls --state stuck", "#/sagas");
    }
    if (seen.dead_letters != 0) {
        out.add("warning", std::to_string(seen.dead_letters) + " dead letters",
                "effects that are out of attempts, and those behind them",
                from.source.program + " dlq ls, then dlq replay or dlq drop", "#/dead-letters");
    }
    for (const auto& r : from.app().relays()) {
        if (r.phase != relay_fsm::phase::parked) continue;
        out.add("critical", "the relay to " + r.topic + " is parked", r.reason,
                "mend the cause and restart; nothing is lost", "#/overview");
    }
    for (const auto& c : from.app().consumers()) {
        if (c.phase == consumer_fsm::phase::parked) {
            out.add("critical", "the consumer " + c.name + " is parked", c.reason,
                    from.source.program + " consumer resume " + c.name, "#/overview");
        } else if (c.waiting_streams != 0) {
            out.add("warning",
                    std::to_string(c.waiting_streams) + " streams wait at consumer " + c.name,
                    c.reason, from.source.program + " consumer show " + c.name, "#/overview");
        }
    }
    if (const auto bus = from.app().bus().status(); !bus.connected) {
        out.add("warning", "the bus is not connected", bus.reason,
                "events wait in the log and leave when it is back", "#/overview");
    }
    return out.end();
}

awaitable<result<overview>> ask(admin_ref from) {
    overview out;
    auto status = co_await from->events().status();
    if (!status) co_return status.error();
    out.store = std::move(*status);
    auto counts = co_await from->events().count();
    if (!counts) co_return counts.error();
    out.effects = *counts;
    auto parked = co_await from->events().dead_letter_count();
    if (!parked) co_return parked.error();
    out.dead_letters = *parked;
    auto projections = co_await projections_json(from);
    if (!projections) co_return projections.error();
    out.projections = std::move(*projections);
    auto sagas = co_await ask_sagas(from);
    if (!sagas) co_return sagas.error();
    out.sagas = std::move(*sagas);
    if (from->is_running()) {
        auto live = co_await from->app().live();
        out.live = std::move(live);
    }
    co_return out;
}

awaitable<http::response> show_overview(admin_ref from, http::request) {
    auto seen = co_await ask(from);
    if (!seen) co_return failed(seen.error());
    const auto steady = from->app().world().clock().steady();
    const std::chrono::duration<double> up = steady - from->began;

    object_writer out;
    out.text("version", from->source.version)
        .text("mode", from->source.mode)
        .text("program", from->source.program)
        .trusted("listeners", listeners_json(*from))
        .real("uptime_seconds", up.count())
        .trusted("store", store_json(seen->store))
        .trusted("bus", bus_json(*from))
        .trusted("events", events_json(*from, seen->store.last_position, steady))
        .trusted("append", append_json(*from))
        .trusted("commands", commands_json(*from, steady))
        .trusted("effects", effects_json(*from, seen->effects))
        .number("dead_letters", seen->dead_letters)
        .trusted("sagas", seen->sagas.items)
        .trusted("projections", seen->projections)
        .trusted("relay", relays_json(*from, seen->store.last_position))
        .number("streams_cached", seen->live.count)
        .number("cache_bytes", seen->live.bytes)
        .trusted("quarantined", quarantined_json(seen->live))
        .trusted("attention", attention_json(*from, *seen));
    co_return http::json(200, out.end());
}

}  // namespace

void add_overview_route(http::router& routes, const admin_ref& from) {
    add(routes, http::method::get, "/admin/v1/overview", from, show_overview);
}

}  // namespace tidemark::cli
