#include "tidemark/eventstore/postgres_event_store.hpp"

#include "tidemark/eventstore/limits.hpp"
#include "tidemark/eventstore/postgres_event_reads.hpp"
#include "tidemark/eventstore/postgres_migrations.hpp"
#include "tidemark/eventstore/postgres_parts.hpp"

#include <utility>

namespace tidemark {
namespace {

using outcomes = std::vector<append_outcome>;

}  // namespace

result<std::unique_ptr<postgres_storage>> postgres_storage::open(postgres_options options,
                                                                 const clock* time) {
    auto parts = postgres_parts::open(std::move(options), time);
    if (!parts) return parts.error();
    return std::unique_ptr<postgres_storage>{new postgres_storage{std::move(*parts)}};
}

postgres_storage::postgres_storage(std::unique_ptr<postgres_parts> parts)
    : parts_{std::move(parts)} {}
postgres_storage::~postgres_storage() = default;

postgres_commit_counts postgres_storage::commits() const {
    return parts_->writer ? parts_->writer->counts() : postgres_commit_counts{};
}

postgres_pool::counts postgres_storage::connections() const { return parts_->calls->count(); }

std::size_t postgres_storage::connections_max() const {
    return parts_->calls->pool().connections_max();
}

awaitable<outcomes> postgres_storage::append(append_batch batch) {
    auto start = [this, batch](std::unique_ptr<resumption<outcomes>> caller) {
        if (auto refused = refuse_long_batch(batch->size())) {
            caller->resume(std::move(*refused));
        } else if (!parts_->writer) {
            caller->resume(outcomes(batch->size(), append_outcome{refuse_write(parts_->options)}));
        } else {
            parts_->writer->push(batch, std::move(caller));
        }
    };
    return suspend<outcomes>(std::move(start));
}

event_store::wake_token postgres_storage::on_commit(std::function<void()> wake) {
    return parts_->wakes.add(std::move(wake));
}

awaitable<result<std::vector<recorded_event>>> postgres_storage::read(stream_id stream,
                                                                      version after,
                                                                      std::size_t limit) {
    using events = std::vector<recorded_event>;
    return parts_->calls->read<events>([=](postgres_connection& session) -> result<events> {
        return read_stream(session, stream, after, limit);
    });
}

awaitable<result<event_page>> postgres_storage::read_all(position after, std::size_t limit) {
    return read_category({}, after, limit);
}

awaitable<result<event_page>> postgres_storage::read_category(std::string category, position after,
                                                              std::size_t limit) {
    return parts_->calls->read<event_page>([=](postgres_connection& session) -> result<event_page> {
        return read_log(session, category, after, limit);
    });
}

awaitable<result<std::optional<snapshot>>> postgres_storage::latest_snapshot(stream_id stream,
                                                                             std::string name) {
    using found = std::optional<snapshot>;
    return parts_->calls->read<found>([=](postgres_connection& session) -> result<found> {
        return tidemark::latest_snapshot(session, stream, name);
    });
}

awaitable<result<void>> postgres_storage::save_snapshot(snapshot taken) {
    return parts_->calls->write<void>(
        [taken, options = &parts_->options](postgres_connection& session) -> result<void> {
            if (auto fault = find_fault(taken)) return std::move(*fault);
            if (options->is_read_only) return refuse_write(*options);
            tidemark::save_snapshot(session, taken);
            return {};
        });
}

awaitable<result<std::vector<snapshot_summary>>> postgres_storage::list_snapshots(
    snapshot_place after, std::size_t limit) {
    using list = std::vector<snapshot_summary>;
    return parts_->calls->read<list>([=](postgres_connection& session) -> result<list> {
        return tidemark::list_snapshots(session, after, limit);
    });
}

awaitable<result<std::optional<answer>>> postgres_storage::find_answer(std::string scope,
                                                                       std::string id) {
    using found = std::optional<answer>;
    return parts_->calls->read<found>([=](postgres_connection& session) -> result<found> {
        return tidemark::find_answer(session, scope, id);
    });
}

awaitable<result<answer_sweep>> postgres_storage::prune_answers(answer_place after,
                                                                duration retention,
                                                                std::size_t limit) {
    return parts_->calls->write<answer_sweep>(
        [=, now = parts_->now(),
         options = &parts_->options](postgres_connection& session) -> result<answer_sweep> {
            if (options->is_read_only) return refuse_write(*options);
            return tidemark::prune_answers(session, now, after, retention, limit);
        });
}

awaitable<result<std::vector<stream_summary>>> postgres_storage::list_streams(std::string prefix,
                                                                              std::string after,
                                                                              std::size_t limit) {
    using list = std::vector<stream_summary>;
    return parts_->calls->read<list>([=](postgres_connection& session) -> result<list> {
        return tidemark::list_streams(session, prefix, after, limit);
    });
}

awaitable<result<store_status>> postgres_storage::status() {
    return parts_->calls->read<store_status>(
        [parts = parts_.get()](postgres_connection& session) -> result<store_status> {
            auto status = read_status(session);
            status.streams = parts->streams.count(session);
            status.location = session.place();
            status.schema_version =
                static_cast<std::uint32_t>(postgres_migrations().back().version);
            return status;
        });
}

awaitable<result<std::vector<horizon_holder>>> postgres_storage::find_horizon_holders() {
    using list = std::vector<horizon_holder>;
    return parts_->calls->read<list>(
        [](postgres_connection& session) -> result<list> { return horizon_holders(session); });
}

}  // namespace tidemark
