#include "tidemark/eventstore/memory_event_store.hpp"

#include "tidemark/eventstore/limits.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

namespace tidemark {
namespace {

message_id fresh_incarnation(const clock& time) {
    static std::atomic<std::uint64_t> made{0};
    return message_id::derive({"memory log", std::to_string(made.fetch_add(1)),
                               std::to_string(time.now().time_since_epoch().count()),
                               std::to_string(time.steady().count())});
}

memory_options with_incarnation(memory_options options, const clock& time) {
    if (options.incarnation.is_none()) options.incarnation = fresh_incarnation(time);
    return options;
}

}  // namespace

memory_storage::memory_storage(const clock& time, memory_options options)
    : clock_{time},
      options_{with_incarnation(options, time)},
      log_{options_.incarnation},
      models_{options_.incarnation} {}

awaitable<std::vector<append_outcome>> memory_storage::append(append_batch batch) {
    co_return append_now(batch);
}

std::vector<append_outcome> memory_storage::append_now(const append_batch& batch) {
    if (auto refused = refuse_long_batch(batch->size())) return std::move(*refused);
    std::vector<append_outcome> outcomes;
    outcomes.reserve(batch->size());
    {
        const std::scoped_lock lock{mutex_};
        const auto now = clock_.now();
        for (const auto& request : *batch) outcomes.push_back(log_.append(request, now));
    }
    const auto is_committed = [](const append_outcome& outcome) {
        return std::holds_alternative<append_committed>(outcome);
    };
    if (std::ranges::any_of(outcomes, is_committed)) wakes_.notify();
    return outcomes;
}

awaitable<result<std::vector<recorded_event>>> memory_storage::read(stream_id stream, version after,
                                                                    std::size_t limit) {
    const std::scoped_lock lock{mutex_};
    co_return log_.read(stream, after, limit);
}

awaitable<result<event_page>> memory_storage::read_all(position after, std::size_t limit) {
    const std::scoped_lock lock{mutex_};
    co_return log_.read_all(after, log_.last_position(), limit);
}

awaitable<result<event_page>> memory_storage::read_category(std::string category, position after,
                                                            std::size_t limit) {
    const std::scoped_lock lock{mutex_};
    co_return log_.read_all(after, log_.last_position(), limit, category);
}

awaitable<result<std::optional<snapshot>>> memory_storage::latest_snapshot(stream_id stream,
                                                                           std::string name) {
    const std::scoped_lock lock{mutex_};
    co_return log_.latest_snapshot(stream, name);
}

awaitable<result<void>> memory_storage::save_snapshot(snapshot taken) {
    if (auto fault = find_fault(taken)) co_return std::move(*fault);
    const std::scoped_lock lock{mutex_};
    log_.save_snapshot(std::move(taken));
    co_return result<void>{};
}

awaitable<result<std::vector<snapshot_summary>>> memory_storage::list_snapshots(
    snapshot_place after, std::size_t limit) {
    const std::scoped_lock lock{mutex_};
    co_return log_.list_snapshots(after, limit);
}

awaitable<result<std::optional<answer>>> memory_storage::find_answer(std::string scope,
                                                                     std::string id) {
    const std::scoped_lock lock{mutex_};
    co_return log_.find_answer(scope, id);
}

awaitable<result<answer_sweep>> memory_storage::prune_answers(answer_place after,
                                                              duration retention,
                                                              std::size_t limit) {
    const std::scoped_lock lock{mutex_};
    co_return log_.prune_answers(after, clock_.now() - retention, limit);
}

awaitable<result<std::vector<stream_summary>>> memory_storage::list_streams(std::string prefix,
                                                                            std::string after,
                                                                            std::size_t limit) {
    const std::scoped_lock lock{mutex_};
    co_return log_.list_streams(prefix, after, limit);
}

awaitable<result<store_status>> memory_storage::status() {
    const std::scoped_lock lock{mutex_};
    co_return store_status{.kind = "memory",
                           .location = "this process",
                           .incarnation = log_.incarnation(),
                           .schema_version = 1,
                           .last_position = log_.last_position(),
                           .streams = log_.stream_count()};
}

event_store::wake_token memory_storage::on_commit(std::function<void()> wake) {
    return wakes_.add(std::move(wake));
}

awaitable<result<effect_log::claim_page>> memory_storage::claim(claim_request request) {
    const std::scoped_lock lock{mutex_};
    co_return log_.effects().claim(request, clock_.now());
}

awaitable<result<std::optional<claimed_effect>>> memory_storage::find(message_id effect) {
    const std::scoped_lock lock{mutex_};
    co_return log_.effects().find(effect);
}

awaitable<result<std::vector<message_id>>> memory_storage::renew(std::string owner,
                                                                 std::vector<effect_claim> held,
                                                                 duration lease) {
    const std::scoped_lock lock{mutex_};
    co_return log_.effects().renew(owner, held, lease, clock_.now());
}

awaitable<result<std::vector<message_id>>> memory_storage::complete(std::vector<completion> ended) {
    const std::scoped_lock lock{mutex_};
    co_return log_.effects().complete(ended);
}

awaitable<result<void>> memory_storage::retry_later(completion held, instant due,
                                                    std::string error_code,
                                                    std::string error_message) {
    const std::scoped_lock lock{mutex_};
    co_return log_.effects().retry_later(held, due, std::move(error_code),
                                         std::move(error_message));
}

awaitable<result<void>> memory_storage::release(std::vector<completion> held) {
    const std::scoped_lock lock{mutex_};
    log_.effects().release(held);
    co_return result<void>{};
}

awaitable<result<void>> memory_storage::park(completion held, std::string error_code,
                                             std::string error_message) {
    const std::scoped_lock lock{mutex_};
    co_return log_.effects().park(held, std::move(error_code), std::move(error_message),
                                  clock_.now());
}

awaitable<result<std::vector<dead_letter>>> memory_storage::dead_letters(
    dead_letter_filter filter) {
    const std::scoped_lock lock{mutex_};
    co_return log_.effects().dead_letters(filter);
}

awaitable<result<std::uint64_t>> memory_storage::dead_letter_count() {
    const std::scoped_lock lock{mutex_};
    co_return log_.effects().dead_letter_count();
}

awaitable<result<std::optional<instant>>> memory_storage::oldest_dead_letter() {
    const std::scoped_lock lock{mutex_};
    co_return log_.effects().oldest_dead_letter();
}

awaitable<result<void>> memory_storage::replay(message_id effect, audit_entry who) {
    const std::scoped_lock lock{mutex_};
    co_return log_.effects().replay(effect, who, clock_.now());
}

awaitable<result<void>> memory_storage::drop(message_id effect, audit_entry who) {
    const std::scoped_lock lock{mutex_};
    co_return log_.effects().drop(effect, who, clock_.now());
}

awaitable<result<std::vector<audit_record>>> memory_storage::audit_trail(std::size_t limit) {
    const std::scoped_lock lock{mutex_};
    co_return log_.effects().audit_trail(limit);
}

awaitable<result<std::vector<claimed_effect>>> memory_storage::pending(stream_id source) {
    const std::scoped_lock lock{mutex_};
    co_return log_.effects().pending(source);
}

awaitable<result<effect_log::counts>> memory_storage::count() {
    const std::scoped_lock lock{mutex_};
    co_return log_.effects().count(clock_.now());
}

awaitable<result<checkpoint>> memory_storage::load_checkpoint(std::string name) {
    const std::scoped_lock lock{mutex_};
    co_return models_.load_checkpoint(name);
}

awaitable<result<void>> memory_storage::update(std::string name, checkpoint from, checkpoint to,
                                               std::function<void(read_model&)> change) {
    const std::scoped_lock lock{mutex_};
    co_return models_.update(name, from, to, change);
}

awaitable<result<std::optional<document>>> memory_storage::find_document(std::string name,
                                                                         std::string key) {
    const std::scoped_lock lock{mutex_};
    co_return models_.find_document(name, key);
}

awaitable<result<std::vector<document>>> memory_storage::query(std::string name,
                                                               document_query query) {
    const std::scoped_lock lock{mutex_};
    co_return models_.query(name, query);
}

awaitable<result<void>> memory_storage::swap(std::string live, std::string beside) {
    const std::scoped_lock lock{mutex_};
    co_return models_.swap(live, beside);
}

awaitable<result<void>> memory_storage::erase_model(std::string name) {
    const std::scoped_lock lock{mutex_};
    models_.erase_model(name);
    co_return result<void>{};
}

awaitable<result<std::vector<read_model_store::model_summary>>> memory_storage::list_models() {
    const std::scoped_lock lock{mutex_};
    co_return models_.list();
}

}  // namespace tidemark
