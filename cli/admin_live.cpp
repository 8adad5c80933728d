#include "tidemark/async/event.hpp"
#include "tidemark/cli/admin_page.hpp"
#include "tidemark/cli/json_out.hpp"
#include "tidemark/http/event_stream.hpp"

#include <charconv>
#include <utility>

namespace tidemark::cli {
namespace {

constexpr std::size_t batch = 200;
constexpr duration poll = std::chrono::milliseconds{100};

/// Sends every event after `after` and goes on with those to come. A position is never passed over:
/// the next page begins where this one ended, and a page ends at the horizon.
awaitable<void> send_events(admin_ref from, position after, http::event_stream& to) {
    const executor here = co_await boost::asio::this_coro::executor;
    const auto pause = from->app().world().make_timer(here);
    auto seen = after;
    while (to.is_open()) {
        auto page = co_await from->events().read_all(seen, batch);
        if (!page) {
            // The reader connects again and goes on from its last event.
            to.finish();
            co_return;
        }
        for (const auto& e : page->events) {
            http::sse_event out;
            out.id = std::to_string(e.position.value());
            out.name = "event";
            out.content = to_json(e);
            const auto is_taken = co_await to.push(std::move(out));
            if (!is_taken) co_return;
        }
        seen = page->seen;
        if (!is_full_page(page->events, batch)) co_await pause->wait(poll);
    }
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
