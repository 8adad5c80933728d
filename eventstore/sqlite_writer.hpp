#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/eventstore/sqlite_effects.hpp"
#include "tidemark/eventstore/sqlite_log.hpp"
#include "tidemark/eventstore/sqlite_models.hpp"
#include "tidemark/eventstore/sqlite_options.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace tidemark {

/// The connection that writes and everything written over it.
struct sqlite_writes {
    sqlite_writes(const std::string& path, const std::string& vfs)
        : connection{path, sqlite_connection::access::read_write, vfs} {}
    /// Once the schema stands.
    void prepare(message_id incarnation, sqlite_stream_filter& streams);

    sqlite_connection connection;
    std::optional<sqlite_counters> counters;
    std::optional<sqlite_effects> effects;
    std::optional<sqlite_log> log;
    std::optional<sqlite_models> models;
};

/// One piece of work for the writer's thread. Made by the caller, owned by the queue, then by the
/// thread; told its end exactly once.
class sqlite_write {
  public:
    /// Appends and effects share a transaction; projections share others between those.
    enum class lane : std::uint8_t { log, models };

    virtual ~sqlite_write() = default;
    /// Inside the transaction. Throws `sqlite_failure`. On the log lane it may run again after its
    /// transaction was undone; it must then answer from the tables alone.
    virtual void run(sqlite_writes& tables, instant now) = 0;
    /// After the commit.
    virtual void succeed() = 0;
    /// Nothing of it was stored, or (`unknown_outcome`) it is not known.
    virtual void fail(const error& why) = 0;
    /// Whether its commit is news for readers of the log.
    [[nodiscard]] virtual bool has_stored() const { return false; }

    lane queue = lane::log;
    std::size_t requests = 1;
    std::size_t bytes = 0;
};

/// How well group commit groups: transactions of the log lane that were committed, and the
/// requests in them.
struct sqlite_commit_counts {
    std::uint64_t commits = 0;
    std::uint64_t requests = 0;
};

/// The one thread that writes, with group commit: whatever gathered while the last transaction was
/// committed goes into the next, with no artificial wait. Owned by `sqlite_storage`; started by the
/// constructor, ended by the destructor, which carries out what is queued.
class sqlite_writer {
  public:
    sqlite_writer(std::unique_ptr<sqlite_writes> tables, const clock& time,
                  const sqlite_options& options, std::function<void()> committed);
    ~sqlite_writer();
    sqlite_writer(const sqlite_writer&) = delete;
    sqlite_writer& operator=(const sqlite_writer&) = delete;

    /// From any thread. A full queue fails the work at once with `overloaded`.
    void push(std::unique_ptr<sqlite_write> work);
    [[nodiscard]] sqlite_commit_counts counts() const;

  private:
    using batch = std::vector<std::unique_ptr<sqlite_write>>;

    void loop();
    void look_out();
    [[nodiscard]] batch take_log_batch();
    [[nodiscard]] batch take_model_batch();
    void commit_log(batch& work);
    void commit_each(batch& work);
    void commit_models(batch& work);
    struct attempt {
        /// Nothing: committed. Otherwise undone, and why.
        std::optional<sqlite_failure> failed;
        /// COMMIT was begun.
        bool was_sent = false;
        std::size_t ran = 0;
    };
    /// Runs as much of the work as the time allows in one transaction.
    [[nodiscard]] attempt try_commit(batch& work, duration time_max);
    void reload_counters(attempt& made);
    [[nodiscard]] error error_of(const attempt& made) const;
    void clear_forgotten_models();
    void finish(batch& work);
    void fail(batch& work, const error& why);

    std::unique_ptr<sqlite_writes> tables_;
    const clock& clock_;
    const sqlite_options options_;
    std::function<void()> committed_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::unique_ptr<sqlite_write>> log_queue_;
    std::deque<std::unique_ptr<sqlite_write>> model_queue_;
    std::size_t queued_requests_ = 0;
    bool is_stopping_ = false;
    /// Models without a name may hold documents; only the thread touches it.
    bool has_forgotten_models_ = true;

    /// A hint: the queues under their lock are the truth.
    std::atomic<bool> has_work_{false};
    std::atomic<std::uint64_t> commits_{0};
    std::atomic<std::uint64_t> requests_{0};
    std::thread thread_;
};

}  // namespace tidemark
