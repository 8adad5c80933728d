#pragma once

#include "tidemark/async/event.hpp"
#include "tidemark/async/executor.hpp"
#include "tidemark/http/sse.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <string>

namespace tidemark::http {

/// How much a reader may lag behind, and how often it hears from us.
struct event_stream_limits {
    /// Events waiting to be written, beside the up to 64 KiB being written.
    std::size_t events_max = 1000;
    /// Bytes waiting to be written. A single larger event is still taken when nothing waits.
    std::size_t bytes_max = 1024 * 1024;
    /// A comment is sent when nothing else was for so long, so that both ends and every proxy
    /// between them know that the other is there.
    duration heartbeat = std::chrono::seconds{15};
};

/// The bounded queue between a producer of events and one reader's connection. Made and owned by
/// the connection; a producer may use it until its coroutine has ended. Lives on the server's
/// executor: every call is made there.
///
/// At the bound, `push` waits and `try_push` closes the stream: a reader that lags that far behind
/// connects again with `Last-Event-ID` and catches up from the log instead of from memory.
class event_stream {
  public:
    event_stream(execution& world, const executor& on, const event_stream_limits& limits,
                 std::string last_event_id);

    /// What the reader has already seen: its `Last-Event-ID` header; empty if it sent none.
    [[nodiscard]] const std::string& last_event_id() const { return last_event_id_; }
    /// False once the reader left, lagged too far behind, or the server drains.
    [[nodiscard]] bool is_open() const { return state_ == state::open; }

    /// Queues the event. False if the stream is closed or was closed by this call, being full.
    /// Throws `std::invalid_argument` as `to_text` does.
    bool try_push(const sse_event& e);
    /// Waits for room, then queues the event. False if the stream is closed. One caller at a time.
    [[nodiscard]] awaitable<bool> push(sse_event e);
    /// Ends the stream once what is queued has been written.
    void finish();

    /// Ends the stream and drops what is queued. For the connection.
    void close();
    /// The next bytes to write, a heartbeat if there are none in time; empty when the stream is
    /// over. For the connection, one caller at a time.
    [[nodiscard]] awaitable<std::string> take();
    /// The stream ended because `finish` was called and everything was taken.
    [[nodiscard]] bool is_complete() const { return state_ == state::finishing && queue_.empty(); }
    /// The stream was closed because its reader lagged behind.
    [[nodiscard]] bool has_overflowed() const { return has_overflowed_; }

  private:
    enum class state {
        /// Takes events.
        open,
        /// Takes none; what is queued is still written.
        finishing,
        /// Takes and gives nothing.
        closed,
    };

    [[nodiscard]] bool has_room_for(std::size_t size) const;
    void enqueue(std::string text);
    std::string take_queued();

    event_stream_limits limits_;
    std::string last_event_id_;
    state state_ = state::open;
    bool has_overflowed_ = false;
    std::deque<std::string> queue_;
    std::size_t queued_bytes_ = 0;
    /// Wakes the connection; its wait is the heartbeat.
    std::unique_ptr<timer> wake_;
    /// Wakes the producer that waits in `push`.
    event room_;
};

}  // namespace tidemark::http
