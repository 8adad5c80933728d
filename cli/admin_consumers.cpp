#include "tidemark/cli/admin_page.hpp"
#include "tidemark/cli/json_out.hpp"
#include "tidemark/core/time_text.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tidemark::cli {
namespace {

std::string_view to_string(consumer_fsm::phase phase) {
    using enum consumer_fsm::phase;
    switch (phase) {
        case opening:
            return "opening";
        case polling:
            return "polling";
        case storing:
            return "storing";
        case fetching:
            return "fetching";
        case committing:
            return "committing";
        case tending:
            return "tending";
        case backing_off:
            return "backing_off";
        case parked:
            return "parked";
        case stopped:
            return "stopped";
    }
    return "stopped";
}

std::string number_or_null(const std::optional<std::uint64_t>& value) {
    return value ? std::to_string(*value) : "null";
}

/// `waiting`: as the storage says now, whoever runs.
std::string to_json(const admin_state& from, const consumer_status& c, std::size_t waiting) {
    return object_writer{}
        .text("name", c.name)
        .text("topic", c.topic)
        .text("group", c.group)
        .text("state", from.is_running() ? to_string(c.phase) : "not running")
        .number("partitions", c.partitions)
        .trusted("lag_messages", number_or_null(c.lag_messages))
        .real("lag_seconds", c.lag_seconds)
        .number("waiting_streams", waiting)
        .number("applied", c.applied)
        .number("duplicates", c.duplicates)
        .number("fetched", c.fetched)
        .number("failures", c.failures)
        .number("refused", c.refused)
        .number("dead_letters", c.dead_letters)
        .number("rebalances", c.rebalances)
        .number("failures_in_row", c.failures_in_row)
        .text_or_null("last_error", c.reason)
        .end();
}

std::string log_of(const waiting_stream& one) { return one.place.substr(0, one.place.find('/')); }

std::string to_json(const waiting_stream& one) {
    const auto& stands = one.stands;
    const auto is_due = stands.state == stream_state::retrying;
    return object_writer{}
        .text("stream", one.stream.text())
        .text("log", log_of(one))
        .text("state", tidemark_enum_text(stands.state))
        .number("version", stands.version)
        .number("kept", stands.kept)
        .number("attempts", stands.attempts)
        .text("error_code", stands.code)
        .text("error_message", stands.reason)
        .text("since", to_text(stands.since))
        .text_or_null("due", is_due ? to_text(stands.due) : "")
        .end();
}

error no_consumer(const std::string& name) {
    return {errc::not_found,
            "no consumer \"" + name + "\" is registered; GET /admin/v1/consumers lists them"};
}

awaitable<result<std::string>> one_consumer(admin_ref from, bus_consumer* which) {
    auto waiting = co_await which->waiting(consumer_status::waiting_streams_max);
    if (!waiting) co_return waiting.error();
    co_return to_json(*from, which->status(), waiting->size());
}

awaitable<http::response> list_consumers(admin_ref from, http::request) {
    array_writer items;
    for (const auto& each : from->app().consumers()) {
        auto* const which = from->app().consumer(each.name);
        auto item = co_await one_consumer(from, which);
        if (!item) co_return failed(item.error());
        items.add(*item);
    }
    co_return list(items.end(), "");
}

awaitable<http::response> show_consumer(admin_ref from, http::request r) {
    auto* const which = from->app().consumer(r.parameter("name"));
    if (which == nullptr) co_return failed(no_consumer(r.parameter("name")));
    auto item = co_await one_consumer(from, which);
    if (!item) co_return failed(item.error());
    co_return http::json(200, std::move(*item));
}

/// Streams that wait, at most `limit`; there are no further pages: what is first is mended first.
awaitable<http::response> list_waiting(admin_ref from, http::request r) {
    const auto limit = query_limit(r);
    if (!limit) co_return failed(limit.error());
    auto* const which = from->app().consumer(r.parameter("name"));
    if (which == nullptr) co_return failed(no_consumer(r.parameter("name")));
    auto waiting = co_await which->waiting(*limit);
    if (!waiting) co_return failed(waiting.error());
    array_writer items;
    for (const auto& each : *waiting) items.add(to_json(each));
    co_return list(items.end(), "");
}

/// The one stream that is meant: by its name, and by its log where several have one of that name.
awaitable<result<waiting_stream>> find_waiting(bus_consumer* which, std::string stream,
                                               std::string log) {
    const auto id = stream_id::parse(stream);
    if (!id) {
        co_return error{
            errc::invalid_argument,
            "query parameter stream must be a stream, category-id, got \"" + stream + "\""};
    }
    auto found = co_await which->waiting_of(*id);
    if (!found) co_return found.error();
    if (!log.empty()) {
        std::erase_if(*found, [&log](const auto& each) { return log_of(each) != log; });
    }
    if (found->size() == 1) co_return std::move(found->front());
    const auto& name = which->options().name;
    if (found->empty()) {
        co_return error{errc::not_found, "stream " + stream + " does not wait at consumer \"" +
                                             name + "\"; GET /admin/v1/consumers/" + name +
                                             "/waiting lists those that do"};
    }
    co_return error{errc::invalid_argument,
                    "streams of " + std::to_string(found->size()) + " logs are called " + stream +
                        "; say which by the query parameter log, as in " + log_of(found->front())};
}

std::string to_json(const waiting_stream& was, const release_report& told, bool is_dry) {
    const auto& stands = told.stands;
    return object_writer{}
        .boolean("done", !is_dry)
        .text("stream", was.stream.text())
        .number("version_before", was.stands.version)
        .number("version", stands.version)
        .number("applied", told.applied)
        .number("kept", stands.kept)
        .text("state", tidemark_enum_text(stands.state))
        .text_or_null("error_message", stands.reason)
        .end();
}

awaitable<http::response> release(admin_ref from, http::request r, bool is_skip) {
    const auto asked = parse_change(r, is_skip);
    if (const auto* no = std::get_if<http::problem>(&asked)) co_return http::refuse(*no);
    const auto& wanted = std::get<operator_change>(asked);
    auto* const which = from->app().consumer(r.parameter("name"));
    if (which == nullptr) co_return failed(no_consumer(r.parameter("name")));
    auto stream = query_text(r, "stream");
    auto log = query_text(r, "log");
    auto found = co_await find_waiting(which, std::move(stream), std::move(log));
    if (!found) co_return failed(found.error());
    release_order how;
    how.who = wanted.who;
    how.is_dry = wanted.is_dry_run;
    auto ordered = is_skip ? which->skip(found->place, std::move(how))
                           : which->resume(found->place, std::move(how));
    auto told = co_await std::move(ordered);
    if (!told) co_return failed(told.error());
    co_return http::json(200, to_json(*found, *told, wanted.is_dry_run));
}

/// The whole consumer, where it stands still. One that does not is left as it is, and said to be.
awaitable<http::response> resume_whole(admin_ref from, http::request r) {
    const auto asked = parse_change(r, false);
    if (const auto* no = std::get_if<http::problem>(&asked)) co_return http::refuse(*no);
    const auto& wanted = std::get<operator_change>(asked);
    auto* const which = from->app().consumer(r.parameter("name"));
    if (which == nullptr) co_return failed(no_consumer(r.parameter("name")));
    const auto is_parked = which->status().phase == consumer_fsm::phase::parked;
    const auto is_done = is_parked && !wanted.is_dry_run;
    if (is_done) {
        auto done = co_await which->resume_all(wanted.who);
        if (!done) co_return failed(done.error());
    }
    co_return http::json(200, object_writer{}
                                  .boolean("done", is_done)
                                  .boolean("parked", is_parked)
                                  .text_or_null("last_error", which->status().reason)
                                  .end());
}

awaitable<http::response> resume(admin_ref from, http::request r) {
    if (query_text(r, "stream").empty()) return resume_whole(std::move(from), std::move(r));
    return release(std::move(from), std::move(r), false);
}

awaitable<http::response> skip(admin_ref from, http::request r) {
    return release(std::move(from), std::move(r), true);
}

}  // namespace

awaitable<result<std::vector<audit_record>>> consumers_audit(admin_ref from, std::size_t limit) {
    std::vector<audit_record> out;
    for (const auto& each : from->app().consumers()) {
        auto* const which = from->app().consumer(each.name);
        auto orders = co_await which->history(limit);
        if (!orders) co_return orders.error();
        for (auto& entry : *orders) {
            audit_record record;
            record.who = {std::move(entry.actor), std::move(entry.reason)};
            record.action = std::move(entry.action);
            record.source = consumer_records::stream_of(entry.place);
            record.message_name = std::move(entry.consumer);
            record.at = entry.at;
            out.push_back(std::move(record));
        }
    }
    co_return out;
}

void add_consumer_routes(http::router& routes, const admin_ref& from) {
    using http::method;
    add(routes, method::get, "/admin/v1/consumers", from, list_consumers);
    add(routes, method::get, "/admin/v1/consumers/{name}", from, show_consumer);
    add(routes, method::get, "/admin/v1/consumers/{name}/waiting", from, list_waiting);
    add(routes, method::post, "/admin/v1/consumers/{name}/resume", from, resume);
    add(routes, method::post, "/admin/v1/consumers/{name}/skip", from, skip);
}

}  // namespace tidemark::cli
