#include "tidemark/cli/admin_page.hpp"
#include "tidemark/cli/json_out.hpp"
#include "tidemark/runtime/projection_controls.hpp"

#include <algorithm>
#include <utility>

namespace tidemark::cli {
namespace {

constexpr const char* parked_suffix = ".parked";

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
        case standing_by:
            return "standing_by";
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
    const auto is_paused = p.state == "paused";
    object_writer out;
    out.text("name", p.name)
        .number("position", p.position.value())
        .number("lag_events", p.lag_events)
        .real("lag_seconds", p.lag_seconds)
        .text("state", p.state)
        .number("parked", p.parked);
    if (p.state == "rebuilding") out.number("rebuilt", p.rebuilt.value());
    return out.text_or_null("paused", is_paused ? p.reason : "")
        .text_or_null("error", is_paused ? "" : p.reason)
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
    projection_controls controls{from->events(), from->app().world().clock()};
    auto who = std::get<operator_change>(asked).who;
    auto noted = co_await controls.note_rebuild(name, std::move(who));
    if (!noted) co_return failed(noted.error());
    co_return http::json(202, object_writer{}.text("name", name).text("state", "rebuilding").end());
}

awaitable<http::response> set_paused(admin_ref from, http::request r, bool is_paused) {
    const auto asked = parse_change(r, false);
    if (const auto* no = std::get_if<http::problem>(&asked)) co_return http::refuse(*no);
    const auto& name = r.parameter("name");
    auto who = std::get<operator_change>(asked).who;
    auto done = co_await from->app().set_paused(name, is_paused, std::move(who));
    if (!done) co_return failed(done.error());
    const auto* const state = is_paused ? "paused" : "resumed";
    co_return http::json(200, object_writer{}.text("name", name).text("state", state).end());
}

awaitable<http::response> pause(admin_ref from, http::request r) {
    co_return co_await set_paused(from, std::move(r), true);
}

awaitable<http::response> resume(admin_ref from, http::request r) {
    co_return co_await set_paused(from, std::move(r), false);
}

/// Events that a projection threw on and has set aside.
awaitable<http::response> list_parked(admin_ref from, http::request r) {
    const auto limit = query_limit(r);
    if (!limit) co_return failed(limit.error());
    document_query query;
    query.after_key = query_text(r, "cursor");
    query.limit = *limit;
    auto page = co_await from->events().query(r.parameter("name") + parked_suffix, query);
    if (!page) co_return failed(page.error());
    array_writer items;
    for (const auto& one : *page) items.add(one.body);
    co_return list(items.end(), page->size() == *limit ? page->back().key : "");
}

/// One stopped projection, as its checkpoint and its operators left it.
struct kept_projection {
    std::string name;
    position at;
    std::uint64_t documents = 0;
    std::uint64_t parked = 0;
};

/// The models of the event store that are projections, and what each has parked.
std::vector<kept_projection> projections_among(
    const admin_state& from, const std::vector<read_model_store::model_summary>& models) {
    std::vector<kept_projection> out;
    for (const auto& model : models) {
        const std::string_view name{model.name};
        if (name == projection_controls::collection || name.ends_with(parked_suffix)) continue;
        // A consumer of the bus moves no checkpoint, nor does who writes beside another one.
        const auto is_beside = model.position == position{} && model.documents != 0;
        if (is_beside || from.app().consumer(name) != nullptr) continue;
        kept_projection one{model.name, model.position, model.documents, 0};
        for (const auto& other : models) {
            if (other.name == model.name + parked_suffix) one.parked = other.documents;
        }
        out.push_back(std::move(one));
    }
    return out;
}

/// Those that this program registers to write elsewhere.
awaitable<void> add_projections_elsewhere(admin_ref from, std::vector<kept_projection>& to) {
    for (const auto& which : from->app().registered_projections()) {
        if (which.options.into == nullptr) continue;
        const auto name = std::string{which.type->name()};
        auto at = co_await which.options.into->load_checkpoint(name);
        if (at) to.push_back({name, at->position, 0, 0});
    }
}

awaitable<result<std::string>> kept_projections_json(admin_ref from) {
    auto status = co_await from->events().status();
    if (!status) co_return status.error();
    auto models = co_await from->events().list_models();
    if (!models) co_return models.error();
    auto kept = projections_among(*from, *models);
    co_await add_projections_elsewhere(from, kept);
    projection_controls controls{from->events(), from->app().world().clock()};
    array_writer items;
    for (const auto& one : kept) {
        auto said = co_await controls.load(one.name);
        if (!said) co_return said.error();
        const auto by = said->is_paused ? "by " + said->who.actor : std::string{};
        items.add(object_writer{}
                      .text("name", one.name)
                      .number("position", one.at.value())
                      .number("lag_events", distance(one.at, status->last_position))
                      .text("state", "not running")
                      .number("documents", one.documents)
                      .number("parked", one.parked)
                      .text_or_null("paused", by)
                      .text_or_null("error", "")
                      .end());
    }
    co_return items.end();
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
    co_return co_await kept_projections_json(from);
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
    add(routes, http::method::get, "/admin/v1/projections/{name}/parked", from, list_parked);
    add(routes, http::method::post, "/admin/v1/projections/{name}/rebuild", from, rebuild);
    add(routes, http::method::post, "/admin/v1/projections/{name}/pause", from, pause);
    add(routes, http::method::post, "/admin/v1/projections/{name}/resume", from, resume);
}

}  // namespace tidemark::cli
