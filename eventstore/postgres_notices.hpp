#pragma once

#include "tidemark/eventstore/postgres_options.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace tidemark {

class postgres_connection;

/// Wakes readers of other processes, and is woken by them: one thread, one session that listens.
/// Commits are told together, a millisecond apart at the closest, and never by the transaction
/// that appends: a NOTIFY in it would let only one commit at a time. A message that is lost with
/// the session is found by polling. Owned by the storage; ended by the destructor.
class postgres_notices {
  public:
    /// `woken` is called on the thread when another process has committed something, and after the
    /// session was lost for a while.
    postgres_notices(const postgres_options& options, std::function<void()> woken);
    ~postgres_notices();
    postgres_notices(const postgres_notices&) = delete;
    postgres_notices& operator=(const postgres_notices&) = delete;

    /// Something was committed here. From any thread; does not block.
    void tell();

  private:
    void loop();
    [[nodiscard]] bool connect();
    void listen_once();
    void wake_thread() const;

    const postgres_options options_;
    std::function<void()> woken_;
    /// Of an eventfd: readable when there is something to tell, or it is over.
    int descriptor_;
    std::atomic<bool> has_news_{false};
    std::atomic<bool> is_stopping_{false};
    std::unique_ptr<postgres_connection> session_;
    std::thread thread_;
};

}  // namespace tidemark
