#include "tidemark/cli/admin_routes.hpp"

#include "tidemark/cli/admin_page.hpp"
#include "tidemark/cli/json_out.hpp"
#include "tidemark/core/time_text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <charconv>
#include <utility>

namespace tidemark::cli {
namespace {

awaitable<http::response> find_command(admin_ref from, http::request r) {
    auto found = co_await from->app().find_answer(r.parameter("scope"), r.parameter("id"));
    if (!found) co_return failed(found.error());
    object_writer out;
    if (!found->has_value()) co_return http::json(200, out.text("state", "undecided").end());
    const auto& told = **found;
    const auto is_refused = told.outcome == answer::kind::refused;
    out.text("state", is_refused ? "refused" : "committed")
        .text("stream", told.stream.text())
        .number("version", told.last_version.value())
        .number("position", told.position.value())
        .text_or_null("reason", told.reason);
    co_return http::json(200, out.end());
}

awaitable<http::response> list_config(admin_ref from, http::request) {
    array_writer items;
    if (from->source.values != nullptr) {
        for (const auto& entry : from->source.values->all()) {
            items.add(object_writer{}
                          .text("key", entry.of.name)
                          .text("value", shown(entry))
                          .text("source", entry.source)
                          .text("description", entry.of.doc)
                          .boolean("secret", entry.of.is_secret)
                          .end());
        }
    }
    co_return list(items.end(), "");
}

}  // namespace

double rate_meter::per_second(std::uint64_t total, duration steady) {
    const std::lock_guard lock{mutex_};
    if (!since_) {
        since_ = steady;
        total_ = total;
        return 0;
    }
    const std::chrono::duration<double> passed = steady - *since_;
    if (passed.count() >= 1) {
        rate_ = static_cast<double>(total - total_) / passed.count();
        since_ = steady;
        total_ = total;
    }
    return rate_;
}

result<std::uint64_t> query_number(const http::request& from, std::string_view name,
                                   std::uint64_t fallback) {
    const auto text = from.query.find(name);
    if (!text) return fallback;
    auto out = std::uint64_t{0};
    const auto* const end = text->data() + text->size();
    const auto parsed = std::from_chars(text->data(), end, out);
    if (text->empty() || parsed.ec != std::errc{} || parsed.ptr != end) {
        return error{errc::invalid_argument, "query parameter " + std::string{name} +
                                                 " must be a whole number, got \"" +
                                                 std::string{*text} + "\""};
    }
    return out;
}

std::string query_text(const http::request& from, std::string_view name) {
    return std::string{from.query.find(name).value_or(std::string_view{})};
}

result<std::size_t> query_limit(const http::request& from) {
    auto limit = query_number(from, "limit", page_default);
    if (!limit) return limit.error();
    if (*limit == 0 || *limit > page_max) {
        return error{errc::invalid_argument, "query parameter limit must be 1..500, got \"" +
                                                 std::to_string(*limit) + "\""};
    }
    return static_cast<std::size_t>(*limit);
}

http::response list(std::string items, std::string_view next) {
    return http::json(200,
                      object_writer{}.trusted("items", items).text_or_null("next", next).end());
}

http::response failed(const error& why) {
    auto told = http::to_problem(why);
    // Who asks here may read what is stored, and has to mend it.
    if (why.code() == errc::undecodable) told.detail = why.message();
    return http::refuse(std::move(told));
}

void add(http::router& to, http::method m, const char* pattern, const admin_ref& from,
         admin_action run) {
    to.add(m, pattern, [from, run](http::request r) { return run(from, std::move(r)); });
}

std::variant<operator_change, http::problem> parse_change(const http::request& r, bool needs_reason,
                                                          skip_member skip) {
    if (r.headers.find("Tidemark-Admin") != std::string_view{"1"}) {
        return http::make_problem("admin_header_required", "send the header Tidemark-Admin: 1");
    }
    boost::system::error_code failure;
    const auto body = boost::json::parse(r.body.empty() ? "{}" : r.body, failure);
    const auto* const object = failure ? nullptr : body.if_object();
    if (object == nullptr) {
        return http::make_problem("malformed_payload", "the body must be a JSON object");
    }
    operator_change out;
    for (const auto& [name, value] : *object) {
        const auto* const text = value.if_string();
        if (name == "actor" && text != nullptr) {
            out.who.actor = {text->data(), text->size()};
        } else if (name == "reason" && text != nullptr) {
            out.who.reason = {text->data(), text->size()};
        } else if (name == "dry_run" && value.is_bool()) {
            out.is_dry_run = value.get_bool();
        } else if (name == "skip" && skip == skip_member::allowed && value.is_bool()) {
            out.is_skip = value.get_bool();
        } else {
            const auto* const flags =
                skip == skip_member::allowed ? "dry_run and skip (booleans)" : "dry_run (boolean)";
            return http::make_problem("malformed_payload",
                                      "the body takes actor, reason (texts) and " +
                                          std::string{flags} + ", got \"" + std::string{name} +
                                          "\"");
        }
    }
    if (out.who.actor.empty())
        return http::make_problem("actor_required", "say who does it: actor");
    if (needs_reason && out.who.reason.empty()) {
        return http::make_problem("reason_required", "say why: reason");
    }
    return out;
}

std::string to_json(const recorded_event& event) {
    return object_writer{}
        .number("position", event.position.value())
        .text("stream", event.stream.text())
        .number("version", event.version.value())
        .text("id", event.id.to_string())
        .text("name", event.message.name)
        .raw("payload", event.message.payload)
        .text("recorded_at", to_text(event.recorded_at))
        .text("correlation", event.trace.correlation.to_string())
        .text("causation", event.trace.causation.to_string())
        .text("traceparent", event.trace.traceparent)
        .end();
}

void add_admin_routes(http::router& routes, const admin_source& from) {
    const auto shared = std::make_shared<const admin_state>(from);
    add_overview_route(routes, shared);
    add_stream_routes(routes, shared);
    add_live_route(routes, shared);
    add_dead_letter_routes(routes, shared);
    add_projection_routes(routes, shared);
    add_consumer_routes(routes, shared);
    add_saga_routes(routes, shared);
    add_saga_resume_route(routes, shared);
    add_snapshot_routes(routes, shared);
    add_verify_route(routes, shared);
    add(routes, http::method::get, "/admin/v1/commands/{scope}/{id}", shared, find_command);
    add(routes, http::method::get, "/admin/v1/config", shared, list_config);
}

}  // namespace tidemark::cli
