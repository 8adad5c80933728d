#pragma once

#include "tidemark/async/backoff.hpp"
#include "tidemark/async/executor.hpp"
#include "tidemark/eventstore/append.hpp"
#include "tidemark/eventstore/postgres_options.hpp"
#include "tidemark/eventstore/postgres_write_queue.hpp"
#include "tidemark/eventstore/resumption.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace tidemark {

class postgres_failure;

/// How well group commit groups: statements that were committed, and the requests in them.
struct postgres_commit_counts {
    std::uint64_t commits = 0;
    std::uint64_t requests = 0;
    /// Statements sent again: after a deadlock, a duplicate id or a lost connection.
    std::uint64_t repeats = 0;
};

/// The threads that append, each with a session of its own, with group commit: what gathers while
/// one statement is under way goes into the next (see `postgres_write_queue`). A stream stays with
/// one thread while any append of it is under way, so that its appends are decided in order.
/// Owned by the storage; the destructor carries out what is queued, as far as the server answers
/// at once.
///
/// What fails: a deadlock or a duplicate id repeats the statement (the ids are then looked up);
/// a lost connection is made anew and the same ids are sent again, for `acquire_timeout`; a
/// statement that the database refuses for good is halved until the culprit stands alone.
class postgres_writer {
  public:
    using outcomes = std::vector<append_outcome>;

    /// Opens the sessions and prepares the statement. Throws `postgres_failure`. `time`: null, by
    /// the database's clock; otherwise it outlives the writer. `committed` is called on the
    /// threads after every commit that stored something.
    postgres_writer(const postgres_options& options, const clock* time,
                    std::function<void()> committed);
    ~postgres_writer();
    postgres_writer(const postgres_writer&) = delete;
    postgres_writer& operator=(const postgres_writer&) = delete;

    /// From any thread. Too many waiting requests: each is answered `overloaded` at once.
    void push(append_batch batch, std::unique_ptr<resumption<outcomes>> caller);
    [[nodiscard]] postgres_commit_counts counts() const;

  private:
    struct lane;
    struct attempts;

    void loop(lane& own);
    void commit(lane& own, std::size_t begin, std::size_t end);
    [[nodiscard]] bool may_go_on(lane& own, attempts& made, const postgres_failure& failed,
                                 std::size_t requests);
    [[nodiscard]] bool wait_to_reconnect(attempts& made);
    void fail(lane& own, std::size_t begin, std::size_t end, const attempts& made,
              const postgres_failure& failed);
    void finish(lane& own);

    const postgres_options options_;
    const clock* time_;
    std::function<void()> committed_;

    postgres_write_queue queue_;

    std::atomic<std::uint64_t> commits_{0};
    std::atomic<std::uint64_t> requests_{0};
    std::atomic<std::uint64_t> repeats_{0};
    std::vector<std::unique_ptr<lane>> lanes_;
    std::vector<std::thread> threads_;
};

}  // namespace tidemark
