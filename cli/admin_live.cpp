#include "tidemark/cli/admin_page.hpp"
#include "tidemark/cli/json_out.hpp"
#include "tidemark/http/log_feed.hpp"

#include <charconv>
#include <utility>

namespace tidemark::cli {
namespace {

std::optional<http::sse_event> tell(const recorded_event& e) {
    return http::sse_event{std::to_string(e.position.value()), "event", to_json(e)};
}

/// Keeps what the producer uses alive.
awaitable<void> send_events(admin_ref from, position after, http::event_stream& to) {
    co_await http::feed_log(to, from->events(), from->app().world(), after, tell);
}

awaitable<http::response> stream_events(admin_ref from, http::request r) {
    const auto asked = query_number(r, "after", 0);
    if (!asked) co_return failed(asked.error());
    auto after = position{*asked};
    if (const auto last = r.headers.find("Last-Event-ID")) {
        auto number = std::uint64_t{0};
        const auto* const end = last->data() + last->size();
        const auto parsed = std::from_chars(last->data(), end, number);
        if (parsed.ec == std::errc{} && parsed.ptr == end) after = position{number};
    }
    co_return http::stream(
        [from, after](http::event_stream& to) { return send_events(from, after, to); });
}

}  // namespace

void add_live_route(http::router& routes, const admin_ref& from) {
    add(routes, http::method::get, "/admin/v1/events/stream", from, stream_events);
}

}  // namespace tidemark::cli
