#include "tidemark/cli/admin_page.hpp"
#include "tidemark/cli/json_out.hpp"
#include "tidemark/runtime/snapshot_comparison.hpp"

#include <charconv>
#include <string>
#include <utility>

namespace tidemark::cli {
namespace {

std::string_view to_string(snapshot_comparison::verdict outcome) {
    using enum snapshot_comparison::verdict;
    switch (outcome) {
        case equal:
            return "equal";
        case differs:
            return "differs";
        case ignored:
            return "ignored";
    }
    return "ignored";
}

/// "16:account.state.v1account-ada": a name may hold any character.
std::string to_cursor(const snapshot_summary& last) {
    return std::to_string(last.name.size()) + ":" + last.name + last.stream.text();
}

result<snapshot_place> parse_cursor(const std::string& text) {
    if (text.empty()) return snapshot_place{};
    auto size = std::size_t{0};
    const auto* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, size);
    const auto begin = static_cast<std::size_t>(parsed.ptr - text.data()) + 1;
    if (parsed.ec != std::errc{} || parsed.ptr == end || *parsed.ptr != ':' ||
        size > text.size() - begin) {
        return error{
            errc::invalid_argument,
            "query parameter cursor must be the next of an earlier answer, got \"" + text + "\""};
    }
    return snapshot_place{text.substr(begin + size), text.substr(begin, size)};
}

/// A page of snapshots, of one stream if the query names it.
struct snapshot_list {
    std::vector<snapshot_summary> items;
    std::string next;
};

awaitable<result<snapshot_list>> read_list(admin_ref from, http::request r) {
    const auto limit = query_limit(r);
    if (!limit) co_return limit.error();
    const auto of = query_text(r, "stream");
    auto after = parse_cursor(query_text(r, "cursor"));
    if (!after) co_return after.error();
    // Behind the stream itself stand its names: a name is never empty.
    if (after->stream.empty()) after->stream = of;
    auto page = co_await from->events().list_snapshots(*after, *limit);
    if (!page) co_return page.error();
    snapshot_list out;
    out.items = std::move(*page);
    if (out.items.size() == *limit) out.next = to_cursor(out.items.back());
    if (!of.empty() && std::erase_if(out.items, [&](const snapshot_summary& one) {
                           return one.stream.text() != of;
                       }) > 0) {
        out.next.clear();
    }
    co_return out;
}

awaitable<http::response> list_snapshots(admin_ref from, http::request r) {
    auto page = co_await read_list(from, std::move(r));
    if (!page) co_return failed(page.error());
    array_writer items;
    for (const auto& one : page->items) {
        items.add(object_writer{}
                      .text("stream", one.stream.text())
                      .text("name", one.name)
                      .number("version", one.version.value())
                      .number("bytes", one.bytes)
                      .end());
    }
    co_return list(items.end(), page->next);
}

awaitable<http::response> verify_snapshots(admin_ref from, http::request r) {
    auto page = co_await read_list(from, std::move(r));
    if (!page) co_return failed(page.error());
    array_writer items;
    const auto events_at_once = from->app().options().load_page;
    for (const auto& one : page->items) {
        if (from->is_running() && from->app().is_draining()) {
            const error why{errc::shutting_down, "the process is draining; ask another one"};
            co_return failed(why);
        }
        const auto* const type = from->app().type_of(one.stream.category());
        auto compared = co_await compare_snapshot(from->events(), type, one, events_at_once);
        if (!compared && compared.error().code() == errc::not_found) continue;
        if (!compared) co_return failed(compared.error());
        items.add(object_writer{}
                      .text("stream", compared->stream.text())
                      .text("name", compared->name)
                      .number("version", compared->version.value())
                      .text("outcome", to_string(compared->outcome))
                      .text_or_null("reason", compared->reason)
                      .end());
    }
    co_return list(items.end(), page->next);
}

}  // namespace

void add_snapshot_routes(http::router& routes, const admin_ref& from) {
    constexpr auto get = http::method::get;
    add(routes, get, "/admin/v1/snapshots", from, list_snapshots);
    add(routes, get, "/admin/v1/snapshots/verify", from, verify_snapshots);
}

}  // namespace tidemark::cli
