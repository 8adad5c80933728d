#include "tidemark/eventstore/sqlite_writer.hpp"

#include <algorithm>
#include <utility>

namespace tidemark {
namespace {

/// Transactions repeated after an I/O error before the outcome is called unknown.
constexpr int commit_attempts_max = 3;
/// Projections are cut off after this long, so that appends do not wait for them.
constexpr auto model_batch_time_max = std::chrono::milliseconds{5};
/// How often the thread looks for work before it sleeps, about 100 µs on an idle machine. A caller
/// that waited for the last commit comes back within this; waking a thread costs as much as a third
/// of a commit on some machines. It yields meanwhile, so that it takes nothing from a thread that
/// has work.
constexpr int lookout_turns = 256;

}  // namespace

void sqlite_writes::prepare(message_id incarnation, sqlite_stream_filter& streams) {
    counters.emplace(connection);
    counters->load();
    effects.emplace(connection, *counters);
    log.emplace(connection, *counters, *effects, streams);
    models.emplace(connection, incarnation);
}

sqlite_writer::sqlite_writer(std::unique_ptr<sqlite_writes> tables, const clock& time,
                             const sqlite_options& options, std::function<void()> committed)
    : tables_{std::move(tables)},
      clock_{time},
      options_{options},
      committed_{std::move(committed)},
      thread_{[this] { loop(); }} {}

sqlite_writer::~sqlite_writer() {
    {
        const std::scoped_lock lock{mutex_};
        is_stopping_ = true;
        has_work_.store(true, std::memory_order_relaxed);
    }
    wake_.notify_one();
    thread_.join();
}

void sqlite_writer::push(std::unique_ptr<sqlite_write> work) {
    {
        const std::scoped_lock lock{mutex_};
        const auto is_taken = queued_requests_ == 0 ||
                              queued_requests_ + work->requests <= options_.writes_queued_max;
        if (is_taken) {
            queued_requests_ += work->requests;
            auto& queue = work->queue == sqlite_write::lane::log ? log_queue_ : model_queue_;
            queue.push_back(std::move(work));
            has_work_.store(true, std::memory_order_relaxed);
        }
    }
    if (!work) {
        wake_.notify_one();
        return;
    }
    work->fail({errc::overloaded, "SQLite file '" + options_.path +
                                      "': " + std::to_string(options_.writes_queued_max) +
                                      " requests wait for the writer already; send less or "
                                      "try again later"});
}

sqlite_commit_counts sqlite_writer::counts() const {
    return {.commits = commits_.load(), .requests = requests_.load()};
}

void sqlite_writer::loop() {
    for (;;) {
        if (!has_forgotten_models_) look_out();
        {
            std::unique_lock lock{mutex_};
            wake_.wait(lock, [this] {
                return is_stopping_ || !log_queue_.empty() || !model_queue_.empty() ||
                       has_forgotten_models_;
            });
            if (is_stopping_ && log_queue_.empty() && model_queue_.empty()) return;
        }
        if (auto work = take_log_batch(); !work.empty()) commit_log(work);
        if (auto work = take_model_batch(); !work.empty()) commit_models(work);
        if (has_forgotten_models_) clear_forgotten_models();
    }
}

void sqlite_writer::look_out() {
    for (auto turn = 0; turn < lookout_turns && !has_work_.load(std::memory_order_relaxed);
         ++turn) {
        std::this_thread::yield();
    }
    has_work_.store(false, std::memory_order_relaxed);
}

sqlite_writer::batch sqlite_writer::take_log_batch() {
    batch taken;
    std::size_t requests = 0;
    std::size_t bytes = 0;
    const std::scoped_lock lock{mutex_};
    while (!log_queue_.empty()) {
        const auto& next = *log_queue_.front();
        requests += next.requests;
        bytes += next.bytes;
        const auto is_beyond =
            requests > options_.batch_requests_max || bytes > options_.batch_bytes_max;
        if (is_beyond && !taken.empty()) break;
        queued_requests_ -= next.requests;
        taken.push_back(std::move(log_queue_.front()));
        log_queue_.pop_front();
    }
    return taken;
}

sqlite_writer::batch sqlite_writer::take_model_batch() {
    batch taken;
    const std::scoped_lock lock{mutex_};
    while (!model_queue_.empty()) {
        queued_requests_ -= model_queue_.front()->requests;
        taken.push_back(std::move(model_queue_.front()));
        model_queue_.pop_front();
    }
    return taken;
}

sqlite_writer::attempt sqlite_writer::try_commit(batch& work, duration time_max) {
    auto& tables = *tables_;
    attempt made;
    try {
        tables.connection.execute("BEGIN IMMEDIATE");
        const auto now = clock_.now();
        const auto begin = clock_.steady();
        for (auto& one : work) {
            one->run(tables, now);
            ++made.ran;
            if (clock_.steady() - begin > time_max) break;
        }
        tables.counters->store();
        made.was_sent = true;
        tables.connection.execute("COMMIT");
    } catch (const sqlite_failure& failed) {
        made.failed = failed;
        tables.connection.rollback();
        tables.log->forget();
        reload_counters(made);
    }
    return made;
}

void sqlite_writer::reload_counters(attempt& made) {
    try {
        tables_->counters->load();
    } catch (const sqlite_failure& unreadable) {
        made.failed = unreadable;
    }
}

void sqlite_writer::commit_log(batch& work) {
    for (auto count = 1;; ++count) {
        const auto made = try_commit(work, duration::max());
        if (!made.failed) {
            finish(work);
            return;
        }
        // Nobody else writes this file: running the same requests again decides them.
        const auto is_undecided = made.was_sent && made.failed->is_io();
        if (is_undecided && count < commit_attempts_max) continue;
        if (!is_undecided && !made.failed->is_full() && work.size() > 1) {
            commit_each(work);
            return;
        }
        fail(work, error_of(made));
        return;
    }
}

error sqlite_writer::error_of(const attempt& made) const {
    auto said = made.failed->as_error(options_.path);
    if (!made.was_sent || !made.failed->is_io()) return said;
    return {errc::unknown_outcome, said.message() + "; then send the same request again"};
}

void sqlite_writer::commit_each(batch& work) {
    for (auto& one : work) {
        batch alone;
        alone.push_back(std::move(one));
        commit_log(alone);
    }
}

void sqlite_writer::commit_models(batch& work) {
    const auto made = try_commit(work, model_batch_time_max);
    if (made.failed) {
        fail(work, error_of(made));
        return;
    }
    has_forgotten_models_ = true;
    for (std::size_t i = 0; i < made.ran; ++i) work[i]->succeed();
    // What the time did not suffice for goes first after the appends that gathered meanwhile.
    const std::scoped_lock lock{mutex_};
    while (work.size() > made.ran) {
        queued_requests_ += work.back()->requests;
        model_queue_.push_front(std::move(work.back()));
        work.pop_back();
    }
}

void sqlite_writer::clear_forgotten_models() {
    auto& tables = *tables_;
    try {
        tables.connection.execute("BEGIN IMMEDIATE");
        has_forgotten_models_ = tables.models->clear_step();
        tables.connection.execute("COMMIT");
    } catch (const sqlite_failure&) {
        // Clearing is begun again after the next change of a model; nobody waits for it.
        tables.connection.rollback();
        has_forgotten_models_ = false;
    }
}

void sqlite_writer::finish(batch& work) {
    ++commits_;
    auto has_stored = false;
    for (auto& one : work) {
        requests_ += one->requests;
        has_stored = has_stored || one->has_stored();
    }
    if (has_stored) committed_();
    for (auto& one : work) one->succeed();
}

void sqlite_writer::fail(batch& work, const error& why) {
    for (auto& one : work) one->fail(why);
}

}  // namespace tidemark
