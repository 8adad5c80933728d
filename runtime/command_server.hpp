#pragma once

#include "tidemark/async/backoff.hpp"
#include "tidemark/async/event.hpp"
#include "tidemark/async/executor.hpp"
#include "tidemark/async/gate.hpp"
#include "tidemark/eventbus/consumed_event.hpp"
#include "tidemark/eventbus/event_bus.hpp"
#include "tidemark/eventstore/event_store.hpp"
#include "tidemark/observability/catalog.hpp"
#include "tidemark/runtime/bus_command.hpp"
#include "tidemark/runtime/command_router.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace tidemark {

struct command_server_options {
    std::string topic;
    /// Its members share the topic's partitions; empty: `topic`.
    std::string group;
    /// Stored names of the commands that may be asked for; empty: all of the aggregates that are
    /// registered. Sagas are not served.
    std::vector<std::string> commands;
    /// Replies go to this topic, or to those whose names begin with it and a dot. Empty:
    /// "<topic>.replies".
    std::string reply_prefix;
    /// Where messages go that cannot be replied to, and replies that nobody takes. Empty:
    /// "<topic>.dlq".
    std::string dead_letter_topic;
    /// Scope of the command ids: who knows one may be told its answer by anybody of this scope.
    std::string scope = "bus";
    /// Commands polled and not yet replied to; at either bound nothing is polled. One poll's
    /// messages may come on top of the bytes.
    std::size_t commands_max = 256;
    std::size_t bytes_max = std::size_t{16} << 20U;
    /// Messages between two commits to the bus: what comes again after a crash, and is answered
    /// from the store. At the bound nothing is polled until all have been replied to.
    std::size_t uncommitted_max = 1'000;
    /// How long after its arrival a command is started at the latest, whatever its message says.
    duration deadline_max = std::chrono::seconds{30};
    /// Of a message: more is a dead letter, or an error to whoever asked.
    message_limits limits{.bytes_max = std::size_t{1} << 20U, .headers_max = 64};
    /// Between attempts of a command, and of the bus, which have no last attempt.
    backoff_policy retry{.first = std::chrono::milliseconds{20}, .cap = std::chrono::seconds{5}};
    /// Shard it runs on.
    std::size_t shard = 0;
};

/// How a server does, for metrics and operators. Counts are since its start.
struct command_server_status {
    std::string topic;
    std::string group;
    bool is_open = false;
    /// Partitions it reads now.
    std::size_t partitions = 0;
    std::size_t in_flight = 0;
    std::uint64_t committed = 0;
    std::uint64_t refused = 0;
    /// Copies, which were told the first answer.
    std::uint64_t repeated = 0;
    std::uint64_t failed = 0;
    std::uint64_t expired = 0;
    std::uint64_t dead_letters = 0;
    std::uint64_t retries = 0;
    std::uint64_t rebalances = 0;
    /// Failures of the bus in a row; 0 when all is well.
    std::uint32_t failures_in_row = 0;
    /// The last failure of the bus; empty when there was none.
    std::string reason;
};

/// Carries out commands that arrive on a topic, and publishes what became of them. Each is executed
/// under its id: the store answers a copy as the first time, so the server remembers nothing. The
/// bus's offset is committed when every message before it has a confirmed reply or dead letter.
///
/// Commands of one stream run one after the other, in the order of the topic; what may pass is
/// tried again until the command's deadline. Streams run side by side. Nobody waits for a message
/// that is wrong: it gets an error reply, or goes to the dead-letter topic.
///
/// Owned by the runtime, lives on one shard; started once, stopped before it is destroyed.
class command_server {
  public:
    /// Throws `std::invalid_argument` for options that cannot be.
    command_server(execution& on, command_router& streams, event_store& answers, event_bus& bus,
                   command_server_options options, const runtime_metrics& metrics = {});
    command_server(const command_server&) = delete;
    command_server& operator=(const command_server&) = delete;

    void start();
    /// Takes nothing more; what was begun goes on. From any executor.
    void stop_taking();
    /// Returns when what was begun has been replied to. What cannot be, because the store or the
    /// bus is away, is left: it comes again.
    [[nodiscard]] awaitable<void> stop();
    [[nodiscard]] std::size_t in_flight() const { return in_flight_.load(); }
    [[nodiscard]] command_server_status status() const;
    [[nodiscard]] const command_server_options& options() const { return options_; }

  private:
    /// A message on its way to its reply.
    struct job {
        std::optional<reply_address> from;
        std::optional<bus_command> command;
        /// Why there is no command, or no address.
        error wrong;
        /// The message, for the dead-letter topic; without its payload once it is a command.
        bus_message message;
        std::size_t bytes = 0;
        duration arrived{};
    };
    enum class publication : std::uint8_t { confirmed, refused, given_up };

    [[nodiscard]] awaitable<void> run();
    [[nodiscard]] awaitable<void> open();
    [[nodiscard]] awaitable<void> poll();
    [[nodiscard]] awaitable<void> commit();
    [[nodiscard]] awaitable<void> end_begun();
    [[nodiscard]] bool is_full() const;
    void take(bus_message message);
    [[nodiscard]] job read(bus_message message) const;
    [[nodiscard]] result<void> judge(const bus_command& command) const;

    [[nodiscard]] awaitable<void> serve_lane(std::string key);
    [[nodiscard]] awaitable<void> serve(job& next);
    [[nodiscard]] awaitable<std::optional<bus_reply>> answer(const bus_command& asked);
    [[nodiscard]] awaitable<std::optional<bus_reply>> carry_out(const bus_command& asked,
                                                                instant deadline);
    [[nodiscard]] awaitable<command_result> attempt(const bus_command& asked, duration span);
    [[nodiscard]] awaitable<bus_reply> too_late(const bus_command& asked, bool was_started,
                                                std::optional<error> last);
    [[nodiscard]] awaitable<void> set_aside(job& what, error why);
    [[nodiscard]] awaitable<publication> publish(bus_message message, std::string& reason);
    [[nodiscard]] awaitable<void> pause(std::uint32_t failures, duration at_most);
    [[nodiscard]] std::string shunned(const std::string& topic) const;
    void shun(const std::string& topic, const std::string& reason);
    void count(const job& done, const bus_reply& reply);
    void failed(std::string_view what, const std::string& reason);
    void show();

    execution& on_;
    command_router& streams_;
    event_store& answers_;
    event_bus& bus_;
    const command_server_options options_;

    // Touched on the server's shard only.
    std::unique_ptr<event_bus::consumer> member_;
    std::map<std::string, std::deque<job>, std::less<>> lanes_;
    std::size_t bytes_ = 0;
    struct shunned_topic {
        duration until{};
        std::string reason;
    };
    std::map<std::string, shunned_topic, std::less<>> shunned_;
    bool has_letter_topic_ = false;
    /// Something was polled and will not be replied to by this process: its offset must stay.
    bool has_left_some_ = false;
    std::atomic<std::uint32_t> failures_ = 0;

    std::atomic<std::size_t> in_flight_{0};
    std::atomic<std::size_t> uncommitted_{0};
    std::atomic<bool> is_stopping_{false};
    std::atomic<bool> is_polling_{false};
    /// A command was replied to, or it stops.
    event changed_;
    gate inside_;

    struct series {
        metrics::counter committed;
        metrics::counter refused;
        metrics::counter repeated;
        metrics::counter failed;
        metrics::counter expired;
        metrics::counter dead_letters;
        metrics::histogram duration;
        metrics::gauge in_flight;
        metrics::counter retries;
        metrics::gauge replies_waiting;
        metrics::counter rebalances;
    };
    const series series_;

    mutable std::mutex mutex_;
    command_server_status status_;
};

}  // namespace tidemark
