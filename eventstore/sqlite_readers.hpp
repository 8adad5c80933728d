#pragma once

#include "tidemark/eventstore/sqlite_options.hpp"
#include "tidemark/eventstore/sqlite_reads.hpp"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace tidemark {

/// One query for a reader's thread; told its end exactly once.
class sqlite_query {
  public:
    virtual ~sqlite_query() = default;
    /// Asks and answers. Throws `sqlite_failure`; then `fail` follows.
    virtual void run(sqlite_reads& tables) = 0;
    virtual void fail(const error& why) = 0;
};

/// The threads that read, each with a connection of its own. Owned by `sqlite_storage`; the
/// destructor carries out what is queued.
class sqlite_readers {
  public:
    /// Throws `sqlite_failure` if a connection cannot be opened.
    explicit sqlite_readers(const sqlite_options& options);
    ~sqlite_readers();
    sqlite_readers(const sqlite_readers&) = delete;
    sqlite_readers& operator=(const sqlite_readers&) = delete;

    /// From any thread. A full queue fails the query at once with `overloaded`.
    void push(std::unique_ptr<sqlite_query> query);

  private:
    void loop(sqlite_reads& tables);
    [[nodiscard]] std::unique_ptr<sqlite_query> take();

    const sqlite_options options_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::unique_ptr<sqlite_query>> queue_;
    bool is_stopping_ = false;
    std::vector<std::unique_ptr<sqlite_reads>> tables_;
    std::vector<std::thread> threads_;
};

}  // namespace tidemark
