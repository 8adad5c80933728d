// What operators order of a consumer.
#include "tidemark/eventbus/bus_consumer.hpp"
#include "tidemark/observability/log.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

namespace tidemark {
namespace {

const log::source consumer_log{"consumer"};

constexpr std::string_view skip_action = "skip";

waiting_stream waiting_from(const document& found) {
    return {found.key, consumer_records::stream_of(found.key), consumer_records::read_place(found)};
}

consumer_audit audit_by(audit_entry who, std::string_view action, std::string place) {
    consumer_audit out;
    out.action = action;
    out.place = std::move(place);
    out.actor = std::move(who.actor);
    out.reason = std::move(who.reason);
    return out;
}

}  // namespace

awaitable<result<std::vector<waiting_stream>>> bus_consumer::waiting(std::size_t limit) {
    std::vector<waiting_stream> out;
    for (const auto* state : {"gap", "retrying", "parked"}) {
        auto found = co_await streams_in("state", state, limit);
        if (!found) co_return found.error();
        for (const auto& each : *found) out.push_back(waiting_from(each));
    }
    std::ranges::sort(out, {}, &waiting_stream::place);
    if (out.size() > limit) out.resize(limit);
    co_return out;
}

awaitable<result<std::vector<waiting_stream>>> bus_consumer::waiting_of(stream_id stream) {
    auto found = co_await streams_in("stream", stream.text(), consumer_status::waiting_streams_max);
    if (!found) co_return found.error();
    std::vector<waiting_stream> out;
    for (const auto& each : *found) out.push_back(waiting_from(each));
    co_return out;
}

awaitable<result<release_report>> bus_consumer::resume(std::string place, release_order how) {
    auto entry = audit_by(std::move(how.who), "resume", std::move(place));
    return order(std::move(entry), how.is_dry);
}

awaitable<result<release_report>> bus_consumer::skip(std::string place, release_order how) {
    auto entry = audit_by(std::move(how.who), skip_action, std::move(place));
    return order(std::move(entry), how.is_dry);
}

awaitable<result<release_report>> bus_consumer::order(consumer_audit entry, bool is_dry) {
    release_report out;
    auto is_waiting = false;
    entry.consumer = options_.name;
    entry.at = on_.clock().now();
    const auto is_skip = entry.action == skip_action;
    const auto id = on_.fresh_id();
    ledger_work work = [&, this](consumer_ledger& ledger) {
        const auto before = ledger.at(entry.place);
        is_waiting = before.state != stream_state::flowing;
        if (!is_waiting) return;
        if (is_skip) {
            ledger.skip(entry.place);
        } else {
            ledger.release(entry.place, options_.batch_max, true);
        }
        out.stands = ledger.at(entry.place);
        entry.version = before.version;
        entry.applied = ledger.applied();
        ledger.note(consumer_records::as_document(entry, id));
    };
    auto at = co_await effects_.load_checkpoint(options_.name);
    if (!at) co_return at.error();
    auto done = co_await change_at(*at, std::move(work), is_dry);
    if (!done) co_return done.error();
    if (!is_waiting) {
        co_return error{errc::not_found, "consumer \"" + options_.name +
                                             "\" has no stream that waits at \"" + entry.place +
                                             "\""};
    }
    out.applied = done->applied;
    if (is_dry) co_return out;
    series_.applied.add(done->applied);
    {
        const std::scoped_lock lock{mutex_};
        status_.applied += done->applied;
    }
    consumer_log.info(is_skip ? "stream skipped by an operator" : "stream resumed by an operator",
                      {"consumer", options_.name}, {"place", entry.place}, {"actor", entry.actor},
                      {"reason", entry.reason}, {"applied", out.applied},
                      {"state", tidemark_enum_text(out.stands.state)});
    must_tend_.store(true);
    wake_.notify();
    co_return out;
}

awaitable<result<void>> bus_consumer::resume_all(audit_entry who) {
    auto entry = audit_by(std::move(who), "resume", {});
    entry.consumer = options_.name;
    entry.at = on_.clock().now();
    ledger_work work = [&entry, id = on_.fresh_id()](consumer_ledger& ledger) {
        ledger.offer_again();
        ledger.note(consumer_records::as_document(entry, id));
    };
    auto at = co_await effects_.load_checkpoint(options_.name);
    if (!at) co_return at.error();
    auto noted = co_await change_at(*at, std::move(work), false);
    if (!noted) co_return noted.error();
    consumer_log.info("consumer resumed by an operator", {"consumer", options_.name},
                      {"actor", entry.actor}, {"reason", entry.reason});
    may_resume_.store(true);
    wake_.notify();
    co_return result<void>{};
}

awaitable<result<std::vector<consumer_audit>>> bus_consumer::history(std::size_t limit) {
    document_query newest;
    newest.limit = limit;
    newest.descending = true;
    auto from = consumer_records::audit_of(options_.name);
    auto found = co_await effects_.query(std::move(from), newest);
    if (!found) co_return found.error();
    std::vector<consumer_audit> out;
    try {
        for (const auto& each : *found) out.push_back(consumer_records::read_audit(each));
    } catch (const std::system_error& damaged) {
        co_return error{errc::corrupt, damaged.what()};
    }
    co_return out;
}

}  // namespace tidemark
