#pragma once

#include "tidemark/async/executor.hpp"

#include <functional>
#include <memory>

namespace tidemark {

/// Wakes one coroutine. Sticky: a `notify` that finds nobody waiting is kept (several count as one)
/// and ends the next wait at once. One waiter at a time, on any executor; `notify` from any thread.
/// Destroying the event while somebody waits unwinds the waiter's coroutine without resuming it.
/// A wait that is cancelled (`with_timeout`) throws `boost::system::system_error` with
/// `operation_aborted`.
class event {
  public:
    event();
    event(const event&) = delete;
    event& operator=(const event&) = delete;
    ~event();

    void notify();
    /// Returns once notified, on the caller's executor.
    [[nodiscard]] awaitable<void> wait();
    /// True if notified, false after `span`.
    [[nodiscard]] awaitable<bool> wait_for(execution& on, duration span);
    /// `notify` as a function that may outlive the event, for callbacks from elsewhere.
    [[nodiscard]] std::function<void()> notifier() const;

  private:
    struct core;
    std::shared_ptr<core> core_;
};

}  // namespace tidemark
