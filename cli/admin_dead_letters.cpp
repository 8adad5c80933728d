#include "tidemark/cli/admin_page.hpp"
#include "tidemark/cli/json_out.hpp"
#include "tidemark/core/time_text.hpp"
#include "tidemark/runtime/projection_controls.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

namespace tidemark::cli {
namespace {

std::string_view to_string(effect_kind kind) {
    switch (kind) {
        case effect_kind::send:
            return "send";
        case effect_kind::request:
            return "request";
        case effect_kind::settle:
            return "settle";
        case effect_kind::timer:
            return "timer";
    }
    return "send";
}

std::string to_json(const dead_letter& letter) {
    const auto& effect = letter.work.effect;
    return object_writer{}
        .text("effect", effect.id.to_string())
        .text("kind", to_string(effect.kind))
        .text("source", letter.work.source.text())
        .text("target", effect.target.text())
        .text("name", effect.message.name)
        .raw("payload", effect.message.payload)
        .text("error_code", letter.error_code)
        .text("error_message", letter.error_message)
        .number("attempt", letter.work.attempt)
        .text("stored_at", to_text(letter.work.stored_at))
        .text("parked_at", to_text(letter.parked_at))
        .number("waiting_behind", letter.waiting_behind)
        .text("sequence_key", effect.sequence_key)
        .text("correlation", effect.trace.correlation.to_string())
        .end();
}

awaitable<http::response> list_letters(admin_ref from, http::request r) {
    const auto limit = query_limit(r);
    if (!limit) co_return failed(limit.error());
    dead_letter_filter filter;
    filter.stream_prefix = query_text(r, "stream");
    filter.error_code = query_text(r, "code");
    filter.limit = *limit;
    auto letters = co_await from->events().dead_letters(std::move(filter));
    if (!letters) co_return failed(letters.error());
    array_writer items;
    for (const auto& letter : *letters) items.add(to_json(letter));
    co_return list(items.end(), "");
}

/// The dead letter named in the path. Looked for among the first 10,000.
awaitable<result<dead_letter>> find_letter(admin_ref from, std::string text) {
    const auto id = message_id::parse(text);
    const error missing{errc::not_found, "there is no dead letter \"" + text +
                                             "\"; GET /admin/v1/dead-letters lists them"};
    if (!id) co_return missing;
    dead_letter_filter filter;
    filter.limit = 10'000;
    auto letters = co_await from->events().dead_letters(std::move(filter));
    if (!letters) co_return letters.error();
    for (auto& letter : *letters) {
        if (letter.work.effect.id == *id) co_return std::move(letter);
    }
    co_return missing;
}

awaitable<http::response> show_letter(admin_ref from, http::request r) {
    auto letter = co_await find_letter(from, r.parameter("effect"));
    if (!letter) co_return failed(letter.error());
    co_return http::json(200, to_json(*letter));
}

/// Counts what an operator did to a dead letter, by how it ended.
result<void> counted(const admin_ref& from, const char* outcome, result<void> done) {
    from->app().metrics().dlq_replayed.with({done ? outcome : "failed"}).add();
    return done;
}

awaitable<http::response> replay_letter(admin_ref from, http::request r) {
    const auto asked = parse_change(r, false);
    if (const auto* no = std::get_if<http::problem>(&asked)) co_return http::refuse(*no);
    const auto& wanted = std::get<operator_change>(asked);
    auto letter = co_await find_letter(from, r.parameter("effect"));
    if (!letter) co_return failed(letter.error());
    if (!wanted.is_dry_run) {
        auto replayed = co_await from->events().replay(letter->work.effect.id, wanted.who);
        const auto done = counted(from, "replayed", std::move(replayed));
        if (!done) co_return failed(done.error());
        from->app().wake_effects();
    }
    array_writer effects;
    effects.add_text(letter->work.effect.id.to_string());
    co_return http::json(200, object_writer{}
                                  .boolean("replayed", !wanted.is_dry_run)
                                  .trusted("would_replay", effects.end())
                                  .number("waiting_behind", letter->waiting_behind)
                                  .end());
}

awaitable<http::response> drop_letter(admin_ref from, http::request r) {
    const auto asked = parse_change(r, true);
    if (const auto* no = std::get_if<http::problem>(&asked)) co_return http::refuse(*no);
    const auto& wanted = std::get<operator_change>(asked);
    auto letter = co_await find_letter(from, r.parameter("effect"));
    if (!letter) co_return failed(letter.error());
    auto dropped = co_await from->events().drop(letter->work.effect.id, wanted.who);
    const auto done = counted(from, "dropped", std::move(dropped));
    if (!done) co_return failed(done.error());
    from->app().wake_effects();
    co_return http::json(200, object_writer{}.boolean("dropped", true).end());
}

std::string to_json(const audit_record& record) {
    return object_writer{}
        .text("at", to_text(record.at))
        .text("action", record.action)
        .text("actor", record.who.actor)
        .text("reason", record.who.reason)
        .text("effect", record.effect.is_none() ? "" : record.effect.to_string())
        .text("source", record.source.text())
        .text("name", record.message_name)
        .end();
}

/// What was done to dead letters, projections and consumers, newest first.
awaitable<http::response> list_audit(admin_ref from, http::request r) {
    const auto limit = query_limit(r);
    if (!limit) co_return failed(limit.error());
    auto trail = co_await from->events().audit_trail(*limit);
    if (!trail) co_return failed(trail.error());
    projection_controls controls{from->events(), from->app().world().clock()};
    auto said = co_await controls.history(*limit);
    if (!said) co_return failed(said.error());
    auto beside = co_await consumers_audit(from, *limit);
    if (!beside) co_return failed(beside.error());
    for (auto& entry : *said) {
        audit_record record;
        record.who = std::move(entry.who);
        record.action = std::move(entry.action);
        record.message_name = std::move(entry.projection);
        record.at = entry.at;
        beside->push_back(std::move(record));
    }
    std::vector<audit_record> all;
    std::ranges::sort(*beside, std::ranges::greater{}, &audit_record::at);
    std::ranges::merge(*trail, *beside, std::back_inserter(all), std::ranges::greater{},
                       &audit_record::at, &audit_record::at);
    if (all.size() > *limit) all.resize(*limit);
    array_writer items;
    for (const auto& record : all) items.add(to_json(record));
    co_return list(items.end(), "");
}

}  // namespace

void add_dead_letter_routes(http::router& routes, const admin_ref& from) {
    using http::method;
    add(routes, method::get, "/admin/v1/dead-letters", from, list_letters);
    add(routes, method::get, "/admin/v1/dead-letters/{effect}", from, show_letter);
    add(routes, method::post, "/admin/v1/dead-letters/{effect}/replay", from, replay_letter);
    add(routes, method::post, "/admin/v1/dead-letters/{effect}/drop", from, drop_letter);
    add(routes, method::get, "/admin/v1/audit", from, list_audit);
}

}  // namespace tidemark::cli
