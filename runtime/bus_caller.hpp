#pragma once

#include "tidemark/async/backoff.hpp"
#include "tidemark/async/event.hpp"
#include "tidemark/async/executor.hpp"
#include "tidemark/async/gate.hpp"
#include "tidemark/codec/json_codec.hpp"
#include "tidemark/core/ids.hpp"
#include "tidemark/core/message.hpp"
#include "tidemark/core/types.hpp"
#include "tidemark/eventbus/event_bus.hpp"
#include "tidemark/observability/catalog.hpp"
#include "tidemark/runtime/bus_command.hpp"
#include "tidemark/runtime/call.hpp"
#include "tidemark/runtime/outcome.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tidemark {

struct bus_caller_options {
    /// Topic that the other service takes commands from.
    std::string topic;
    /// Topic that this process alone hears replies on: "<topic>.replies.<its name>". Of two
    /// processes on one topic each would miss replies of its own.
    std::string reply_topic;
    /// Commands that wait for their reply; one more is `overloaded` at once.
    std::size_t outstanding_max = 1'000;
    /// Deadline of an asking that names none.
    duration deadline = std::chrono::seconds{10};
    /// Of a command's payload; more is `too_large`.
    std::size_t payload_bytes_max = std::size_t{512} << 10U;
    /// Between attempts to publish or to poll.
    backoff_policy retry{.first = std::chrono::milliseconds{20}, .cap = std::chrono::seconds{5}};
    /// Shard that hears the replies.
    std::size_t shard = 0;
};

/// How a caller does, for metrics and operators. Counts are since its start.
struct bus_caller_status {
    std::string topic;
    std::string reply_topic;
    bool is_open = false;
    std::size_t waiting = 0;
    std::uint64_t asked = 0;
    std::uint64_t answered = 0;
    /// Replies nobody waited for, and messages that are no replies.
    std::uint64_t dropped = 0;
    /// Failures of the bus in a row; 0 when all is well.
    std::uint32_t failures_in_row = 0;
    /// The last failure of the bus; empty when there was none.
    std::string reason;
};

/// Asks another service to carry out commands, over the bus, and hears what became of them.
///
/// An outcome is as `execute` tells it. Committed and refused are true for good. `unknown_outcome`:
/// no reply came in time, and the command may yet be carried out; ask again with the same id
/// (`call::known_as`, or the same key) for the first answer. `timed_out`, `overloaded`,
/// `unavailable`: it was not sent, or not carried out by its deadline.
///
/// Owned by the runtime; usable from any executor between its start and its stop. Who waits when it
/// stops hears `unknown_outcome`.
class bus_caller {
  public:
    /// Throws `std::invalid_argument` for options that cannot be.
    bus_caller(execution& on, event_bus& bus, bus_caller_options options,
               const runtime_metrics& metrics = {});
    bus_caller(const bus_caller&) = delete;
    bus_caller& operator=(const bus_caller&) = delete;

    void start();
    [[nodiscard]] awaitable<void> stop();

    /// Builds `Command` from one argument per field and asks for it.
    template <class Command, class A, class... Fields>
    [[nodiscard]] awaitable<outcome> ask(const id<A>& to, Fields&&... fields) {
        return ask<Command>(call{}, to, std::forward<Fields>(fields)...);
    }
    template <class Command, class A, class... Fields>
    [[nodiscard]] awaitable<outcome> ask(call how, const id<A>& to, Fields&&... fields) {
        return ask(to, inbox_of<A>{make_message<Command>(std::forward<Fields>(fields)...)},
                   std::move(how));
    }
    template <class A>
    [[nodiscard]] awaitable<outcome> ask(const id<A>& to, const inbox_of<A>& given, call how) {
        return ask_encoded(to.stream(), try_encode(given), std::move(how));
    }
    /// Asks by stored name and payload; an error of encoding is the outcome.
    [[nodiscard]] awaitable<outcome> ask_encoded(stream_id to, result<encoded_message> command,
                                                 call how);

    [[nodiscard]] bus_caller_status status() const;
    [[nodiscard]] const bus_caller_options& options() const { return options_; }

  private:
    /// Somebody who waits. `told` and `is_over` are guarded by the caller's mutex.
    struct seat {
        std::optional<bus_reply> told;
        bool is_over = false;
        /// It is, or may be, on the bus. Touched by whoever asks alone.
        bool is_sent = false;
        event news;
    };
    class place;

    [[nodiscard]] awaitable<void> run();
    [[nodiscard]] awaitable<void> open();
    [[nodiscard]] awaitable<void> poll(std::size_t& uncommitted);
    void hear(const bus_message& message);
    [[nodiscard]] awaitable<outcome> ask_safely(bus_command asked, duration span);
    [[nodiscard]] awaitable<result<bus_reply>> exchange(bus_message message,
                                                        std::shared_ptr<seat> waits);
    [[nodiscard]] awaitable<std::optional<error>> send(const bus_message& message, seat& waits);
    [[nodiscard]] awaitable<void> pause(std::uint32_t failures);
    [[nodiscard]] bool is_over(const seat& waits) const;
    [[nodiscard]] outcome judged(const message_id& command, const result<bus_reply>& told,
                                 const seat& waits) const;
    void count(const outcome& told, duration took);
    void failed(std::string_view what, const std::string& reason);

    execution& on_;
    event_bus& bus_;
    const bus_caller_options options_;
    const runtime_metrics metrics_;
    const metrics::histogram duration_;
    const metrics::gauge waiting_;
    const metrics::counter dropped_;

    std::unique_ptr<event_bus::consumer> member_;
    std::atomic<bool> is_stopping_{false};
    std::atomic<bool> is_polling_{false};
    std::atomic<bool> is_open_{false};
    std::atomic<std::uint32_t> failures_ = 0;
    gate inside_;

    mutable std::mutex mutex_;
    std::map<message_id, std::shared_ptr<seat>> seats_;
    bus_caller_status status_;
};

}  // namespace tidemark
