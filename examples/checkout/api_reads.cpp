#include "tidemark/examples/checkout/api_reads.hpp"

#include "tidemark/examples/checkout/api_parts.hpp"
#include "tidemark/examples/checkout/views.hpp"
#include "tidemark/http/cursor.hpp"
#include "tidemark/http/log_feed.hpp"

#include <charconv>

namespace shop {

namespace http = tidemark::http;
using http::request;
using http::response;
using tidemark::awaitable;
using tidemark::position;

namespace {

using namespace std::chrono_literals;

constexpr std::size_t page_max = 500;
constexpr std::uint64_t wait_max_ms = 30'000;

response bad_number(std::string_view name, std::uint64_t most) {
    return http::refuse(http::make_problem("bad_target", "query parameter " + std::string{name} +
                                                             " is a whole number, at most " +
                                                             std::to_string(most)));
}

/// JSON of an event for readers of the API. Payloads are stored JSON and sent as they stand.
std::string event_json(const tidemark::recorded_event& e) {
    return R"({"position":)" + std::to_string(e.position.value()) + R"(,"stream":)" +
           tidemark::encode_json(e.stream.text()).value() + R"(,"version":)" +
           std::to_string(e.version.value()) + R"(,"name":)" +
           tidemark::encode_json(e.message.name).value() + R"(,"recorded_at":)" +
           tidemark::encode_json(e.recorded_at).value() + R"(,"payload":)" + e.message.payload +
           "}";
}

/// An answer that waits for nothing.
awaitable<response> ready(response r) { co_return std::move(r); }

bool is_public(const tidemark::recorded_event& e) {
    return !e.message.name.starts_with("tidemark.");
}

/// Waits until a read model has seen `?wait_for_position=`, at most `?timeout=` milliseconds; the
/// problem if it has not, or if a number is none.
awaitable<std::optional<response>> wait_as_asked(tidemark::runtime& app, const request& r,
                                                 std::string projection) {
    const auto at = number_of(r, "wait_for_position", 0, UINT64_MAX);
    if (!at) co_return bad_number("wait_for_position", UINT64_MAX);
    const auto span = number_of(r, "timeout", 2000, wait_max_ms);
    if (!span) co_return bad_number("timeout", wait_max_ms);
    if (*at == 0) co_return std::nullopt;
    const auto limit = std::chrono::milliseconds{*span};
    const position wanted{*at};
    auto seen = co_await app.wait_for(std::move(projection), wanted, limit);
    if (!seen) co_return http::refuse(http::to_problem(seen.error()));
    if (*seen) co_return std::nullopt;
    co_return http::refuse(http::make_problem(
        "timed_out", "position " + std::to_string(*at) + " was not seen within " +
                         std::to_string(*span) + " ms; ask again or with a longer timeout"));
}

awaitable<response> get_order(tidemark::runtime& app, request r) {
    const auto at = number_of(r, "at_version", 0, UINT64_MAX);
    if (!at) co_return bad_number("at_version", UINT64_MAX);
    std::string view{orders::name};
    auto late = co_await wait_as_asked(app, r, std::move(view));
    if (late) co_return std::move(*late);
    const order_id id{r.parameter("id")};
    std::optional<tidemark::version> wanted;
    if (*at > 0) wanted = tidemark::version{*at};
    auto found = co_await app.state_of(id.stream(), wanted);
    if (!found) co_return http::refuse(http::to_problem(found.error()));
    std::string body = R"({"id":)" + tidemark::encode_json(id.text()).value() + R"(,"version":)" +
                       std::to_string(found->version.value()) + "," + found->state.substr(1);
    auto ok = http::json(200, std::move(body));
    ok.headers.set("ETag", http::etag(found->version));
    co_return ok;
}

response page_json(const std::vector<tidemark::document>& found, std::size_t limit) {
    std::string out = R"({"items":[)";
    for (const auto& one : found) {
        if (&one != &found.front()) out += ",";
        out += one.body;
    }
    const auto is_full = found.size() == limit && !found.empty();
    out += R"(],"next":)" +
           (is_full ? "\"" + http::to_cursor(found.back().key) + "\"" : std::string{"null"}) + "}";
    return http::json(200, std::move(out));
}

tidemark::document_query filter_of(const request& r) {
    const auto customer = r.query.find("customer");
    const auto status = r.query.find("status");
    tidemark::document_query out;
    if (customer && status) {
        out.index = "customer_status";
        out.value = customer_and_status(*customer, *status);
    } else if (customer || status) {
        out.index = customer ? "customer" : "status";
        out.value = customer ? *customer : *status;
    }
    return out;
}

response bad_cursor(std::string_view given) {
    return http::refuse(http::make_problem(
        "bad_target", "query parameter cursor \"" + std::string{given} +
                          "\" is none of this list; send the text of \"next\" as it came"));
}

awaitable<response> list_orders(tidemark::runtime& app, request r) {
    const auto limit = number_of(r, "limit", 100, page_max);
    if (!limit || *limit == 0) co_return bad_number("limit", page_max);
    std::string view{orders::name};
    auto late = co_await wait_as_asked(app, r, std::move(view));
    if (late) co_return std::move(*late);
    auto wanted = filter_of(r);
    wanted.limit = *limit;
    if (const auto cursor = r.query.find("cursor")) {
        auto key = http::parse_cursor(*cursor);
        if (!key) co_return bad_cursor(*cursor);
        wanted.after_key = std::move(*key);
    }
    std::string name{orders::name};
    auto found = co_await app.events().query(std::move(name), std::move(wanted));
    if (!found) co_return http::refuse(http::to_problem(found.error()));
    co_return page_json(*found, *limit);
}

awaitable<response> get_stock(tidemark::runtime& app, request r) {
    std::string view{stock::name};
    auto late = co_await wait_as_asked(app, r, std::move(view));
    if (late) co_return std::move(*late);
    std::string name{stock::name};
    auto found = co_await app.events().find_document(std::move(name), r.parameter("sku"));
    if (!found) co_return http::refuse(http::to_problem(found.error()));
    if (!*found) {
        co_return http::refuse(http::make_problem(
            "not_found", "no article \"" + r.parameter("sku") + "\" was ever stocked"));
    }
    co_return http::json(200, (*found)->body);
}

awaitable<response> order_events(tidemark::runtime& app, request r) {
    const auto from = number_of(r, "from", 1, UINT64_MAX);
    if (!from || *from == 0) co_return bad_number("from", UINT64_MAX);
    const order_id id{r.parameter("id")};
    const tidemark::version after{*from - 1};
    auto found = co_await app.events().read(id.stream(), after, page_max);
    if (!found) co_return http::refuse(http::to_problem(found.error()));
    std::string out = R"({"items":[)";
    for (const auto& e : *found) {
        if (&e != &found->front()) out += ",";
        out += event_json(e);
    }
    // Where to go on: the next `from`.
    const auto is_full = tidemark::is_full_page(*found, page_max);
    const auto next = is_full ? std::to_string(found->back().version.value() + 1) : "null";
    out += R"(],"next":)" + next + "}";
    co_return http::json(200, std::move(out));
}

std::optional<http::sse_event> tell(const tidemark::recorded_event& e) {
    if (!is_public(e)) return std::nullopt;
    return http::sse_event{std::to_string(e.position.value()), e.message.name, event_json(e)};
}

response event_feed(tidemark::runtime& app, const request& r) {
    std::uint64_t after = 0;
    if (const auto last = r.headers.find("Last-Event-ID")) {
        const auto* end = last->data() + last->size();
        const auto [stop, failed] = std::from_chars(last->data(), end, after);
        if (failed != std::errc{} || stop != end) {
            return http::refuse(http::make_problem(
                "bad_request", "Last-Event-ID \"" + std::string{*last} +
                                   "\" is not the id of an event of this stream"));
        }
    }
    return http::stream([&app, after](http::event_stream& to) {
        return http::feed_log(to, app.events(), app.world(), position{after}, tell);
    });
}

/// Asked for the id that `Tidemark-Command` told, or for the `Idempotency-Key` itself.
awaitable<response> command_state(tidemark::runtime& app, request r) {
    const auto given = r.parameter("id");
    const auto by_key = command_of(given);
    const auto id = tidemark::message_id::parse(given);
    const std::string scope{key_scope};
    auto found = co_await app.find_answer(scope, id.value_or(by_key).to_string());
    if (found && !*found && id) {  // a key may look like an id
        auto again = co_await app.find_answer(scope, by_key.to_string());
        found = std::move(again);
    }
    if (!found) co_return http::refuse(http::to_problem(found.error()));
    if (!*found) co_return http::json(200, R"({"state":"undecided"})");
    const auto& told = **found;
    if (told.outcome == tidemark::answer::kind::refused) {
        co_return http::json(200, R"({"state":"refused","stream":)" +
                                      tidemark::encode_json(told.stream.text()).value() +
                                      R"(,"reason":)" + tidemark::encode_json(told.reason).value() +
                                      "}");
    }
    co_return http::json(200, R"({"state":"committed","stream":)" +
                                  tidemark::encode_json(told.stream.text()).value() +
                                  R"(,"version":)" + std::to_string(told.last_version.value()) +
                                  R"(,"position":)" + std::to_string(told.position.value()) + "}");
}

}  // namespace

void add_reads(http::router& routes, tidemark::runtime& app, provider& payments) {
    routes.get("/api/v1/orders/{id}", [&app](request r) { return get_order(app, std::move(r)); });
    routes.get("/api/v1/orders", [&app](request r) { return list_orders(app, std::move(r)); });
    routes.get("/api/v1/orders/{id}/events",
               [&app](request r) { return order_events(app, std::move(r)); });
    routes.get("/api/v1/inventory/{sku}",
               [&app](request r) { return get_stock(app, std::move(r)); });
    routes.get("/api/v1/commands/{id}",
               [&app](request r) { return command_state(app, std::move(r)); });
    routes.get("/api/v1/events/stream",
               [&app](request r) -> awaitable<response> { return ready(event_feed(app, r)); });
    routes.get("/sim/payments", [&payments](request) -> awaitable<response> {
        return ready(http::json(
            200, R"({"knobs":)" + tidemark::encode_json(payments.knobs()).value() + R"(,"books":)" +
                     tidemark::encode_json(payments.books()).value() + "}"));
    });
}

}  // namespace shop
