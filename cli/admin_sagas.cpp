#include "tidemark/cli/admin_page.hpp"
#include "tidemark/cli/json_out.hpp"
#include "tidemark/core/time_text.hpp"
#include "tidemark/sagas/saga_list.hpp"
#include "tidemark/sagas/saga_view.hpp"

#include <chrono>
#include <optional>
#include <utility>

namespace tidemark::cli {
namespace {

/// The phase of this name; an error for any other text but "".
result<std::optional<saga_phase>> phase_of(const std::string& text) {
    using enum saga_phase;
    if (text.empty()) return std::optional<saga_phase>{};
    for (const auto phase : {running, compensating, completed, failed, stuck}) {
        if (tidemark_enum_text(phase) == text) return std::optional{phase};
    }
    return error{errc::invalid_argument,
                 "query parameter state must be running, compensating, completed, failed or "
                 "stuck, got \"" +
                     text + "\""};
}

awaitable<http::response> list_sagas(admin_ref from, http::request r) {
    const auto limit = query_limit(r);
    if (!limit) co_return failed(limit.error());
    const auto phase = phase_of(query_text(r, "state"));
    if (!phase) co_return failed(phase.error());
    saga_query query;
    query.state = *phase;
    query.saga = query_text(r, "saga");
    query.after = query_text(r, "cursor");
    query.limit = *limit;
    auto page = co_await tidemark::list_sagas(from->events(), std::move(query));
    if (!page) co_return failed(page.error());
    const auto now = from->app().world().clock().now();
    array_writer items;
    for (const auto& s : *page) {
        const std::chrono::duration<double> age = now - s.started_at;
        items.add(object_writer{}
                      .text("stream", s.stream)
                      .text("saga", s.saga)
                      .text("state", tidemark_enum_text(s.state))
                      .text("reason", s.reason)
                      .text("started_at", to_text(s.started_at))
                      .text("updated_at", to_text(s.updated_at))
                      .real("age_seconds", age.count())
                      .number("version", s.version.value())
                      .end());
    }
    const auto is_full = page->size() == *limit;
    co_return list(items.end(), is_full ? page->back().stream : "");
}

std::string steps_json(const saga_view& saga) {
    array_writer out;
    for (const auto& s : saga.steps) {
        out.add(object_writer{}
                    .number("index", s.index)
                    .text("kind", tidemark_enum_text(s.kind))
                    .text("name", s.name)
                    .text("command", s.command)
                    .text("target", s.target)
                    .text("state", tidemark_enum_text(s.state))
                    .boolean("pivot", s.is_pivot)
                    .text_or_null("undo", s.undo.value_or(""))
                    .text("sent_at", to_text(s.sent_at))
                    .text_or_null("answered_at", s.answered_at ? to_text(*s.answered_at) : "")
                    .text("reason", s.reason)
                    .number("attempts", s.attempts)
                    .text("effect", s.effect.to_string())
                    .end());
    }
    return out.end();
}

std::string timers_json(const saga_view& saga) {
    array_writer out;
    for (const auto& t : saga.timers) {
        out.add(object_writer{}.text("name", t.name).text("due", to_text(t.due)).end());
    }
    return out.end();
}

std::string timeline_json(const saga_view& saga) {
    array_writer out;
    for (const auto& line : saga.timeline) {
        out.add(object_writer{}
                    .number("version", line.version.value())
                    .text("at", to_text(line.at))
                    .text("kind", line.kind)
                    .text("name", line.name)
                    .text("text", line.text)
                    .end());
    }
    return out.end();
}

awaitable<http::response> show_saga(admin_ref from, http::request r) {
    const auto& text = r.parameter("stream");
    const auto id = stream_id::parse(text);
    if (!id) {
        const error why{errc::not_found,
                        "there is no saga \"" + text + "\"; GET /admin/v1/sagas lists them"};
        co_return failed(why);
    }
    const auto found = co_await view_saga(from->events(), *id);
    if (!found) co_return failed(found.error());
    // A program without this saga's type shows its steps, and no state.
    auto state = co_await from->app().state_of(*id, std::nullopt);
    const std::chrono::duration<double> age = from->app().world().clock().now() - found->started_at;
    co_return http::json(200, object_writer{}
                                  .text("stream", found->stream.text())
                                  .text("saga", found->saga)
                                  .text("state", tidemark_enum_text(found->state))
                                  .text("reason", found->reason)
                                  .number("version", found->version.value())
                                  .text("started_at", to_text(found->started_at))
                                  .text("updated_at", to_text(found->updated_at))
                                  .real("age_seconds", age.count())
                                  .text("correlation", found->correlation.to_string())
                                  .trusted("steps", steps_json(*found))
                                  .trusted("timers", timers_json(*found))
                                  .trusted("timeline", timeline_json(*found))
                                  .raw("state_document", state ? state->state : "null")
                                  .end());
}

}  // namespace

awaitable<result<saga_page>> ask_sagas(admin_ref from) {
    auto counts = co_await count_sagas(from->events());
    if (!counts) co_return counts.error();
    saga_page out;
    array_writer items;
    for (const auto& c : *counts) {
        out.stuck += c.stuck;
        items.add(object_writer{}
                      .text("saga", c.saga)
                      .number("running", c.running)
                      .number("compensating", c.compensating)
                      .number("completed", c.completed)
                      .number("failed", c.failed)
                      .number("stuck", c.stuck)
                      .end());
    }
    out.items = items.end();
    co_return out;
}

void add_saga_routes(http::router& routes, const admin_ref& from) {
    add(routes, http::method::get, "/admin/v1/sagas", from, list_sagas);
    add(routes, http::method::get, "/admin/v1/sagas/{stream}", from, show_saga);
}

}  // namespace tidemark::cli
