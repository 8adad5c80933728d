#include "tidemark/eventstore/sqlite_event_store.hpp"

#include "tidemark/eventstore/limits.hpp"
#include "tidemark/eventstore/sqlite_parts.hpp"

#include <algorithm>
#include <utility>

namespace tidemark {
namespace {

using outcomes = std::vector<append_outcome>;
constexpr auto models_lane = sqlite_write::lane::models;

outcomes append_each(sqlite_writes& tables, const std::vector<append_request>& batch, instant now) {
    outcomes told;
    told.reserve(batch.size());
    for (const auto& request : batch) told.push_back(tables.log->append(request, now));
    return told;
}

bool has_committed(const outcomes& told) {
    return std::ranges::any_of(
        told, [](const auto& one) { return std::holds_alternative<append_committed>(one); });
}

std::unique_ptr<sqlite_write> append_write(std::unique_ptr<resumption<outcomes>> caller,
                                           const append_batch& batch) {
    auto made = std::make_unique<awaited_write<outcomes>>(
        std::move(caller),
        [batch](sqlite_writes& tables, instant now) { return append_each(tables, *batch, now); },
        [batch](const error& why) { return outcomes(batch->size(), append_outcome{why}); });
    made->is_news = has_committed;
    made->requests = batch->size();
    for (const auto& request : *batch) made->bytes += bytes_of(request);
    return made;
}

}  // namespace

result<std::unique_ptr<sqlite_storage>> sqlite_storage::open(const clock& time,
                                                             sqlite_options options) {
    auto parts = sqlite_parts::open(time, std::move(options));
    if (!parts) return parts.error();
    return std::unique_ptr<sqlite_storage>{new sqlite_storage{std::move(*parts)}};
}

sqlite_storage::sqlite_storage(std::unique_ptr<sqlite_parts> parts) : parts_{std::move(parts)} {}
sqlite_storage::~sqlite_storage() = default;

sqlite_storage::commit_counts sqlite_storage::commits() const {
    if (!parts_->writer) return {};
    const auto counted = parts_->writer->counts();
    return {.commits = counted.commits, .requests = counted.requests};
}

awaitable<outcomes> sqlite_storage::append(append_batch batch) {
    auto start = [this, batch](std::unique_ptr<resumption<outcomes>> caller) {
        if (auto refused = refuse_long_batch(batch->size())) {
            caller->resume(std::move(*refused));
            return;
        }
        parts_->push(append_write(std::move(caller), batch));
    };
    return suspend<outcomes>(std::move(start));
}

event_store::wake_token sqlite_storage::on_commit(std::function<void()> wake) {
    return parts_->wakes.add(std::move(wake));
}

awaitable<result<void>> sqlite_storage::limit_size(std::uint64_t bytes_max) {
    return parts_->write<void>([bytes_max](sqlite_writes& tables, instant) -> result<void> {
        limit_file_size(tables.connection, bytes_max);
        return {};
    });
}

awaitable<result<void>> sqlite_storage::verify() {
    auto check = parts_->query<std::string>(
        [](sqlite_reads& r) { return r.connection.query_text("PRAGMA quick_check(1)"); });
    auto fault = co_await std::move(check);
    if (!fault) co_return fault.error();
    if (*fault == "ok") co_return result<void>{};
    co_return error{errc::corrupt,
                    "'" + parts_->options.path + "': " + *fault + "; restore it from a backup"};
}

awaitable<result<std::vector<recorded_event>>> sqlite_storage::read(stream_id stream, version after,
                                                                    std::size_t limit) {
    using events = std::vector<recorded_event>;
    if (!parts_->streams.may_hold(stream.text())) co_return events{};
    auto reading =
        parts_->query<events>([=](sqlite_reads& r) { return r.events.read(stream, after, limit); });
    co_return co_await std::move(reading);
}

awaitable<result<event_page>> sqlite_storage::read_all(position after, std::size_t limit) {
    return read_category({}, after, limit);
}

awaitable<result<event_page>> sqlite_storage::read_category(std::string category, position after,
                                                            std::size_t limit) {
    return parts_->query<event_page>(
        [=](sqlite_reads& r) { return r.events.read_all(category, after, limit); });
}

awaitable<result<std::optional<snapshot>>> sqlite_storage::latest_snapshot(stream_id stream,
                                                                           std::string name) {
    using found = std::optional<snapshot>;
    if (!parts_->streams.may_hold(stream.text())) co_return found{};
    auto reading = parts_->query<found>(
        [=](sqlite_reads& r) { return r.events.latest_snapshot(stream, name); });
    co_return co_await std::move(reading);
}

awaitable<result<void>> sqlite_storage::save_snapshot(snapshot taken) {
    return parts_->write<void>([=](sqlite_writes& w, instant) -> result<void> {
        if (auto fault = find_fault(taken)) return std::move(*fault);
        w.log->save_snapshot(taken);
        return {};
    });
}

awaitable<result<std::vector<snapshot_summary>>> sqlite_storage::list_snapshots(
    snapshot_place after, std::size_t limit) {
    using list = std::vector<snapshot_summary>;
    return parts_->query<list>(
        [=](sqlite_reads& r) { return r.events.list_snapshots(after, limit); });
}

awaitable<result<std::optional<answer>>> sqlite_storage::find_answer(std::string scope,
                                                                     std::string id) {
    return parts_->query<std::optional<answer>>(
        [=](sqlite_reads& r) { return r.events.find_answer(scope, id); });
}

/// A reader looks for what is old, so that the writer, between batches of appends, only deletes. It
/// judges each again: an effect may have come back meanwhile.
awaitable<result<answer_sweep>> sqlite_storage::prune_answers(answer_place after,
                                                              duration retention,
                                                              std::size_t limit) {
    const auto before = parts_->time.now() - retention;
    auto looking = parts_->query<old_answers>(
        [=](sqlite_reads& r) { return r.events.old_answers_behind(after, before, limit); });
    auto looked = co_await std::move(looking);
    if (!looked) co_return looked.error();
    answer_sweep swept{.pruned = 0, .next = std::move(looked->next)};
    if (looked->places.empty()) co_return swept;
    auto deleting = parts_->write<std::uint64_t>(
        [places = std::move(looked->places)](sqlite_writes& w, instant) -> result<std::uint64_t> {
            return w.log->forget_answers(places);
        },
        models_lane);
    auto deleted = co_await std::move(deleting);
    if (!deleted) co_return deleted.error();
    swept.pruned = *deleted;
    co_return swept;
}

awaitable<result<std::vector<stream_summary>>> sqlite_storage::list_streams(std::string prefix,
                                                                            std::string after,
                                                                            std::size_t limit) {
    return parts_->query<std::vector<stream_summary>>(
        [=](sqlite_reads& r) { return r.events.list_streams(prefix, after, limit); });
}

awaitable<result<store_status>> sqlite_storage::status() {
    return parts_->query<store_status>([place = parts_->options.path](sqlite_reads& r) {
        auto status = r.events.status();
        status.location = place;
        return status;
    });
}

awaitable<result<effect_log::claim_page>> sqlite_storage::claim(claim_request request) {
    return parts_->write<claim_page>([=](sqlite_writes& w, instant now) -> result<claim_page> {
        return w.effects->claim(request, now);
    });
}

awaitable<result<std::optional<claimed_effect>>> sqlite_storage::find(message_id effect) {
    return parts_->query<std::optional<claimed_effect>>(
        [=](sqlite_reads& r) { return r.effects.find(effect); });
}

awaitable<result<std::vector<message_id>>> sqlite_storage::renew(std::string owner,
                                                                 std::vector<effect_claim> held,
                                                                 duration lease) {
    using ids = std::vector<message_id>;
    return parts_->write<ids>([=](sqlite_writes& w, instant now) -> result<ids> {
        return w.effects->renew(owner, held, lease, now);
    });
}

awaitable<result<std::vector<message_id>>> sqlite_storage::complete(std::vector<completion> ended) {
    using ids = std::vector<message_id>;
    return parts_->write<ids>(
        [=](sqlite_writes& w, instant) -> result<ids> { return w.effects->complete(ended); });
}

awaitable<result<void>> sqlite_storage::retry_later(completion held, instant due,
                                                    std::string error_code,
                                                    std::string error_message) {
    return parts_->write<void>([=](sqlite_writes& w, instant) {
        return w.effects->retry_later(held, due, error_code, error_message);
    });
}

awaitable<result<void>> sqlite_storage::release(std::vector<completion> held) {
    return parts_->write<void>([=](sqlite_writes& w, instant) -> result<void> {
        w.effects->release(held);
        return {};
    });
}

awaitable<result<void>> sqlite_storage::park(completion held, std::string error_code,
                                             std::string error_message) {
    return parts_->write<void>([=](sqlite_writes& w, instant now) {
        return w.effects->park(held, error_code, error_message, now);
    });
}

awaitable<result<std::vector<dead_letter>>> sqlite_storage::dead_letters(
    dead_letter_filter filter) {
    return parts_->query<std::vector<dead_letter>>(
        [=](sqlite_reads& r) { return r.effects.dead_letters(filter); });
}

awaitable<result<std::uint64_t>> sqlite_storage::dead_letter_count() {
    return parts_->query<std::uint64_t>(
        [](sqlite_reads& r) { return r.effects.dead_letter_count(); });
}

awaitable<result<std::optional<instant>>> sqlite_storage::oldest_dead_letter() {
    return parts_->query<std::optional<instant>>(
        [](sqlite_reads& r) { return r.effects.oldest_dead_letter(); });
}

awaitable<result<void>> sqlite_storage::replay(message_id effect, audit_entry who) {
    return parts_->write<void>(
        [=](sqlite_writes& w, instant now) { return w.effects->replay(effect, who, now); });
}

awaitable<result<void>> sqlite_storage::drop(message_id effect, audit_entry who) {
    return parts_->write<void>(
        [=](sqlite_writes& w, instant now) { return w.effects->drop(effect, who, now); });
}

awaitable<result<std::vector<audit_record>>> sqlite_storage::audit_trail(std::size_t limit) {
    return parts_->query<std::vector<audit_record>>(
        [=](sqlite_reads& r) { return r.effects.audit_trail(limit); });
}

awaitable<result<std::vector<claimed_effect>>> sqlite_storage::pending(stream_id source) {
    return parts_->query<std::vector<claimed_effect>>(
        [=](sqlite_reads& r) { return r.effects.pending(source); });
}

awaitable<result<effect_log::counts>> sqlite_storage::count() {
    return parts_->query<counts>(
        [now = parts_->time.now()](sqlite_reads& r) { return r.effects.count(now); });
}

awaitable<result<checkpoint>> sqlite_storage::load_checkpoint(std::string name) {
    return parts_->query<checkpoint>(
        [=](sqlite_reads& r) { return r.models.load_checkpoint(name); });
}

awaitable<result<void>> sqlite_storage::update(std::string name, checkpoint from, checkpoint to,
                                               std::function<void(read_model&)> change) {
    return parts_->write<void>(
        [=](sqlite_writes& w, instant) { return w.models->update(name, from, to, change); },
        models_lane);
}

awaitable<result<std::optional<document>>> sqlite_storage::find_document(std::string name,
                                                                         std::string key) {
    return parts_->query<std::optional<document>>(
        [=](sqlite_reads& r) { return r.models.find_document(name, key); });
}

awaitable<result<std::vector<document>>> sqlite_storage::query(std::string name,
                                                               document_query query) {
    return parts_->query<std::vector<document>>(
        [=](sqlite_reads& r) { return r.models.query(name, query); });
}

awaitable<result<void>> sqlite_storage::swap(std::string live, std::string beside) {
    return parts_->write<void>(
        [=](sqlite_writes& w, instant) { return w.models->swap(live, beside); }, models_lane);
}

awaitable<result<void>> sqlite_storage::erase_model(std::string name) {
    return parts_->write<void>(
        [=](sqlite_writes& w, instant) -> result<void> {
            w.models->erase_model(name);
            return {};
        },
        models_lane);
}

awaitable<result<std::vector<read_model_store::model_summary>>> sqlite_storage::list_models() {
    return parts_->query<std::vector<model_summary>>(
        [](sqlite_reads& r) { return r.models.list_models(); });
}

}  // namespace tidemark
