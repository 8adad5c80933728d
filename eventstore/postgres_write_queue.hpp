#pragma once

#include "tidemark/eventstore/append.hpp"
#include "tidemark/eventstore/postgres_options.hpp"
#include "tidemark/eventstore/resumption.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace tidemark {

class postgres_batch;

/// One caller's batch on its way. Told from several threads, each its own places.
class postgres_ticket {
  public:
    using outcomes = std::vector<append_outcome>;

    postgres_ticket(append_batch asked, std::unique_ptr<resumption<outcomes>> caller);
    /// The last place that is told resumes the caller.
    void tell(std::size_t place, append_outcome outcome);

    const append_batch batch;

  private:
    std::unique_ptr<resumption<outcomes>> caller_;
    outcomes told_;
    std::atomic<std::size_t> missing_;
};

/// One request that waits for a writer or is on its way.
struct postgres_queued {
    std::shared_ptr<postgres_ticket> caller;
    std::size_t place = 0;

    [[nodiscard]] const append_request& request() const { return (*caller->batch)[place]; }
};

/// What waits for the writers, and which writer a stream belongs to: to the one that has taken a
/// request of it, until none of these is under way, so that the requests of a stream are decided
/// in order. Everything else goes to whichever writer is free first.
///
/// A writer that has just answered looks for work for some 50 µs before it sleeps, which saves a
/// lone client the time to wake it; and those that it answered together it lets come together
/// again, as long as one follows the other within 20 µs. Both yield the core meanwhile.
///
/// Every function may be called from any thread; a writer is named by its number.
class postgres_write_queue {
  public:
    postgres_write_queue(const postgres_options& options, std::size_t writers);

    /// False if `writes_queued_max` would be passed; nothing is kept then.
    [[nodiscard]] bool push(const std::shared_ptr<postgres_ticket>& caller,
                            const std::vector<std::size_t>& places);
    /// Waits for work and moves it into `batch` and `taken`, within the bounds of one statement.
    /// False: stopping, and nothing is left.
    [[nodiscard]] bool take(std::size_t writer, postgres_batch& batch,
                            std::vector<postgres_queued>& taken);
    /// What was taken is decided.
    void release(const std::vector<postgres_queued>& taken);

    /// Lets writers go once the queue is empty, and ends every `pause`.
    void stop();
    /// False if it ended early because of `stop`.
    [[nodiscard]] bool pause(duration at_most);

  private:
    struct lane {
        std::condition_variable wake;
        /// Requests of streams that belong to this writer.
        std::deque<postgres_queued> queue;
        bool is_asleep = false;
        bool is_busy = false;
        /// How many were taken last; 0 after a sleep.
        std::size_t company = 0;
    };
    /// By the hash of a stream's name: two of one hash share a writer, which harms nobody.
    struct binding {
        lane* owner = nullptr;
        /// Requests taken by the owner or in its queue, and those bound to nobody yet.
        std::size_t bound = 0;
        std::size_t unbound = 0;
    };

    void add(postgres_queued added);
    void wake_one();
    [[nodiscard]] bool has_work(const lane& own) const;
    void look_out(lane& own, std::unique_lock<std::mutex>& lock);
    void wait_for_company(lane& own, std::unique_lock<std::mutex>& lock);
    void fill(lane& own, postgres_batch& batch, std::vector<postgres_queued>& taken);
    [[nodiscard]] std::size_t share_of(const lane& own) const;

    const postgres_options& options_;
    std::mutex mutex_;
    std::condition_variable stopping_;
    std::vector<std::unique_ptr<lane>> lanes_;
    std::deque<postgres_queued> unbound_;
    std::unordered_map<std::size_t, binding> streams_;
    /// Requests in all queues; read without the lock while looking out.
    std::atomic<std::size_t> waiting_{0};
    std::atomic<bool> is_stopping_{false};
};

}  // namespace tidemark
