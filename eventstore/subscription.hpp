#pragma once

#include "tidemark/async/event.hpp"
#include "tidemark/eventstore/event_store.hpp"

#include <atomic>
#include <cstddef>
#include <string>

namespace tidemark {

struct subscription_options {
    /// Events after this position.
    position from;
    /// Only events of this category; empty: all.
    std::string category;
    /// Most events in one page; at least 1.
    std::size_t batch_max = 500;
    /// While events are written but not yet decided (the horizon is behind the last position), it
    /// looks again after `poll_min`, doubled each time up to `poll_max`.
    duration poll_min = std::chrono::milliseconds{1};
    duration poll_max = std::chrono::milliseconds{50};
    /// Otherwise a commit of this process wakes it, and commits of others are found after this
    /// long.
    duration idle_poll = std::chrono::seconds{1};
};

/// The log from a position on, without gaps: what is stored already, then what is committed from
/// now on. Pulls: a slow reader calls `next` later, and nothing is kept for it meanwhile. Owned by
/// its one reader, who awaits `next` on any executor of `time`; store and `time` outlive it.
class subscription {
  public:
    subscription(event_store& store, execution& time, subscription_options options = {});
    subscription(const subscription&) = delete;
    subscription& operator=(const subscription&) = delete;

    /// The next page, as soon as there is one. Its events can be fewer than the positions it
    /// passes, even none: `seen` is what a filtered reader checkpoints. Errors of the store come
    /// back as they are, and the next call tries again; `shutting_down` after `close`.
    [[nodiscard]] awaitable<result<event_page>> next();
    /// Ends a `next` under way and all later ones. From any thread.
    void close();
    /// Where the next page begins.
    [[nodiscard]] position seen() const { return options_.from; }

  private:
    [[nodiscard]] awaitable<result<event_page>> read();
    /// How long to wait after a page that brought nothing.
    [[nodiscard]] awaitable<duration> choose_pause(position horizon);

    event_store& store_;
    execution& time_;
    subscription_options options_;
    duration backoff_{};
    event woken_;
    std::atomic<bool> is_closed_{false};
    event_store::wake_token token_;
};

}  // namespace tidemark
