#include "tidemark/cli/admin_page.hpp"
#include "tidemark/cli/json_out.hpp"
#include "tidemark/codec/json_view.hpp"
#include "tidemark/core/time_text.hpp"

#include <optional>
#include <utility>
#include <vector>

namespace tidemark::cli {
namespace {

error no_stream(const std::string& text) {
    return {errc::not_found,
            "there is no stream \"" + text + "\"; GET /admin/v1/streams?prefix= lists them"};
}

/// The stream named in the path; `not_found` for what cannot be one.
result<stream_id> stream_of(const http::request& r) {
    const auto& text = r.parameter("stream");
    if (auto id = stream_id::parse(text)) return *std::move(id);
    return no_stream(text);
}

awaitable<http::response> list_streams(admin_ref from, http::request r) {
    const auto limit = query_limit(r);
    if (!limit) co_return failed(limit.error());
    auto page = co_await from->events().list_streams(query_text(r, "prefix"),
                                                     query_text(r, "cursor"), *limit);
    if (!page) co_return failed(page.error());
    array_writer items;
    for (const auto& s : *page) {
        items.add(object_writer{}
                      .text("stream", s.stream.text())
                      .text("category", s.stream.category())
                      .number("version", s.version.value())
                      .number("last_position", s.last_position.value())
                      .text("last_recorded_at", to_text(s.last_recorded_at))
                      .end());
    }
    const auto is_full = page->size() == *limit;
    co_return list(items.end(), is_full ? page->back().stream.text() : "");
}

awaitable<http::response> list_stream_events(admin_ref from, http::request r) {
    const auto id = stream_of(r);
    if (!id) co_return failed(id.error());
    const auto limit = query_limit(r);
    if (!limit) co_return failed(limit.error());
    const auto first = query_number(r, "from", 1);
    if (!first) co_return failed(first.error());
    // The cursor is the version to go on with: the same as another `from`.
    const auto begin = query_number(r, "cursor", *first);
    if (!begin) co_return failed(begin.error());
    const version after{*begin == 0 ? 0 : *begin - 1};
    auto events = co_await from->events().read(*id, after, *limit);
    if (!events) co_return failed(events.error());
    if (events->empty() && after == version{}) co_return failed(no_stream(id->text()));
    array_writer items;
    for (const auto& e : *events) items.add(to_json(e));
    const auto is_full = is_full_page(*events, *limit);
    co_return list(items.end(), is_full ? std::to_string(events->back().version.value() + 1) : "");
}

/// The state as JSON; at version 0 what a stream without events has.
awaitable<result<std::string>> state_json(admin_ref from, stream_id id, version at) {
    if (at == version{}) {
        const auto* const type = from->app().type_of(id.category());
        if (type == nullptr) co_return std::string{"null"};
        const auto initial = type->initial_state();
        co_return type->encode_state(*initial);
    }
    const std::optional<version> wanted{at};
    auto found = co_await from->app().state_of(id, wanted);
    if (!found) co_return found.error();
    co_return std::move(found->state);
}

result<std::string> changes(std::string_view before, std::string_view after) {
    const auto found = diff_json(before, after);
    if (!found) return found.error();
    array_writer out;
    for (const auto& c : *found) {
        out.add(object_writer{}
                    .text("path", c.path)
                    .raw("before", c.before.value_or("null"))
                    .raw("after", c.after.value_or("null"))
                    .end());
    }
    return out.end();
}

awaitable<http::response> show_state(admin_ref from, http::request r) {
    const auto id = stream_of(r);
    if (!id) co_return failed(id.error());
    const auto at = query_number(r, "at", 0);
    if (!at) co_return failed(at.error());
    std::optional<version> wanted;
    if (*at != 0) wanted = version{*at};
    auto found = co_await from->app().state_of(*id, wanted);
    if (!found) co_return failed(found.error());
    if (found->version == version{}) co_return failed(no_stream(id->text()));
    if (wanted && found->version != *wanted) {
        const error why{errc::not_found, "stream \"" + id->text() + "\" has " +
                                             std::to_string(found->version.value()) +
                                             " versions, not " + std::to_string(*at)};
        co_return failed(why);
    }
    const version previous{found->version.value() - 1};
    auto before = co_await state_json(from, *id, previous);
    if (!before) co_return failed(before.error());
    const auto changed = changes(*before, found->state);
    if (!changed) co_return failed(changed.error());
    co_return http::json(200, object_writer{}
                                  .text("stream", id->text())
                                  .number("version", found->version.value())
                                  .text("name", found->name)
                                  .raw("state", found->state)
                                  .trusted("changed", *changed)
                                  .end());
}

awaitable<http::response> show_diff(admin_ref from, http::request r) {
    const auto id = stream_of(r);
    if (!id) co_return failed(id.error());
    const auto first = query_number(r, "from", 0);
    if (!first) co_return failed(first.error());
    const auto last = query_number(r, "to", 0);
    if (!last) co_return failed(last.error());
    if (*last == 0 || *first > *last) {
        const error why{errc::invalid_argument,
                        "query parameters from and to must be versions, from not after to"};
        co_return failed(why);
    }
    const version compared{*first};
    auto before = co_await state_json(from, *id, compared);
    if (!before) co_return failed(before.error());
    const std::optional<version> wanted{version{*last}};
    auto after = co_await from->app().state_of(*id, wanted);
    if (!after) co_return failed(after.error());
    if (after->version != *wanted) {
        const error why{errc::not_found, "stream \"" + id->text() + "\" has " +
                                             std::to_string(after->version.value()) +
                                             " versions, not " + std::to_string(*last)};
        co_return failed(why);
    }
    const auto changed = changes(*before, after->state);
    if (!changed) co_return failed(changed.error());
    co_return http::json(200, object_writer{}.trusted("changed", *changed).end());
}

awaitable<result<event_page>> read_page(admin_ref from, std::string category, position after,
                                        std::size_t limit) {
    if (category.empty()) co_return co_await from->events().read_all(after, limit);
    co_return co_await from->events().read_category(category, after, limit);
}

awaitable<http::response> list_events(admin_ref from, http::request r) {
    const auto limit = query_limit(r);
    if (!limit) co_return failed(limit.error());
    const auto after = query_number(r, "after", 0);
    if (!after) co_return failed(after.error());
    const auto begin = query_number(r, "cursor", *after);
    if (!begin) co_return failed(begin.error());
    const position start{*begin};
    auto page = co_await read_page(from, query_text(r, "category"), start, *limit);
    if (!page) co_return failed(page.error());
    array_writer items;
    for (const auto& e : page->events) items.add(to_json(e));
    const auto is_full = is_full_page(page->events, *limit);
    const auto next = is_full ? std::to_string(page->seen.value()) : std::string{};
    co_return http::json(200, object_writer{}
                                  .trusted("items", items.end())
                                  .text_or_null("next", next)
                                  .number("seen", page->seen.value())
                                  .number("horizon", page->horizon.value())
                                  .end());
}

}  // namespace

void add_stream_routes(http::router& routes, const admin_ref& from) {
    constexpr auto get = http::method::get;
    add(routes, get, "/admin/v1/streams", from, list_streams);
    add(routes, get, "/admin/v1/streams/{stream}/events", from, list_stream_events);
    add(routes, get, "/admin/v1/streams/{stream}/state", from, show_state);
    add(routes, get, "/admin/v1/streams/{stream}/diff", from, show_diff);
    add(routes, get, "/admin/v1/events", from, list_events);
}

}  // namespace tidemark::cli
