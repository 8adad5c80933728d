#include "tidemark/cli/admin_page.hpp"
#include "tidemark/cli/json_out.hpp"

#include <algorithm>
#include <utility>

namespace tidemark::cli {
namespace {

std::uint64_t distance(position from, position to) {
    return to.value() > from.value() ? to.value() - from.value() : 0;
}

std::string_view to_string(relay_fsm::phase phase) {
    using enum relay_fsm::phase;
    switch (phase) {
        case loading:
            return "loading";
        case reading:
            return "reading";
        case publishing:
            return "publishing";
        case advancing:
            return "advancing";
        case waiting:
            return "waiting";
        case backing_off:
            return "backing_off";
        case renewing:
            return "renewing";
        case parked:
            return "parked";
        case stopped:
            return "stopped";
    }
    return "stopped";
}

std::string to_json(const projection_status& p) {
    return object_writer{}
        .text("name", p.name)
        .number("position", p.position.value())
        .number("lag_events", distance(p.position, p.horizon))
        .real("lag_seconds", p.lag_seconds)
        .text("state", p.state)
        .number("parked", p.parked)
        .text_or_null("error", p.reason)
        .end();
}

awaitable<http::response> list_projections(admin_ref from, http::request) {
    auto items = co_await projections_json(from);
    if (!items) co_return failed(items.error());
    co_return list(std::move(*items), "");
}

awaitable<http::response> rebuild(admin_ref from, http::request r) {
    const auto asked = parse_change(r, false);
    if (const auto* no = std::get_if<http::problem>(&asked)) co_return http::refuse(*no);
    const auto& name = r.parameter("name");
    if (!from->is_running()) {
        const error why{errc::unavailable, "projection " + name +
                                               " can be rebuilt only by a running process; start "
                                               "it and ask again"};
        co_return failed(why);
    }
    const auto done = from->app().rebuild(name);
    if (!done) co_return failed(done.error());
    co_return http::json(202, object_writer{}.text("name", name).text("state", "rebuilding").end());
}

}  // namespace

/// A running process knows how its projections do; without one their checkpoints say where they
/// stand.
awaitable<result<std::string>> projections_json(admin_ref from) {
    array_writer items;
    if (from->is_running()) {
        for (const auto& p : from->app().projections()) items.add(to_json(p));
        co_return items.end();
    }
    auto status = co_await from->events().status();
    if (!status) co_return status.error();
    auto models = co_await from->events().list_models();
    if (!models) co_return models.error();
    for (const auto& model : *models) {
        items.add(object_writer{}
                      .text("name", model.name)
                      .number("position", model.position.value())
                      .number("lag_events", distance(model.position, status->last_position))
                      .text("state", "not running")
                      .number("documents", model.documents)
                      .text_or_null("error", "")
                      .end());
    }
    co_return items.end();
}

std::string relays_json(const admin_state& from, position end) {
    array_writer out;
    for (const auto& r : from.app().relays()) {
        out.add(object_writer{}
                    .text("topic", r.topic)
                    .number("position", r.checkpoint.value())
                    .number("pending", distance(r.checkpoint, end))
                    .number("published", r.published)
                    .text("state", to_string(r.phase))
                    .text("reason", r.reason)
                    .end());
    }
    return out.end();
}

void add_projection_routes(http::router& routes, const admin_ref& from) {
    add(routes, http::method::get, "/admin/v1/projections", from, list_projections);
    add(routes, http::method::post, "/admin/v1/projections/{name}/rebuild", from, rebuild);
}

}  // namespace tidemark::cli
