#pragma once

#include "tidemark/async/event.hpp"
#include "tidemark/async/executor.hpp"
#include "tidemark/async/gate.hpp"
#include "tidemark/eventbus/consumer_fsm.hpp"
#include "tidemark/eventbus/consumer_lag.hpp"
#include "tidemark/eventbus/consumer_ledger.hpp"
#include "tidemark/eventbus/event_bus.hpp"
#include "tidemark/eventstore/effect_log.hpp"
#include "tidemark/eventstore/event_store.hpp"
#include "tidemark/eventstore/read_model.hpp"
#include "tidemark/observability/catalog.hpp"

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tidemark {

struct consumer_options {
    /// Written down, like a projection's ("shipping.v1"): the collection that `apply` writes, and
    /// the name under which the places of the streams are kept. Another name begins anew.
    std::string name;
    std::string topic;
    /// Its members share the topic's partitions; empty: `name`.
    std::string group;
    consumer_effect apply;
    /// Key of the document that `apply` reads first, so that a database fetches those of a batch
    /// together; may be empty.
    std::function<std::string(const recorded_event&)> reads;
    version_check check = version_check::complete;
    /// The log that the events come from, if this process can reach it: versions that do not arrive
    /// are read from there. Null: their stream waits. Outlives the consumer.
    event_store* log = nullptr;
    /// Messages polled, and taken in by one transaction: all that is held in memory, beside as many
    /// events fetched from the log.
    std::size_t batch_max = 500;
    /// Between two commits to the bus while messages keep coming: as many as that many full batches
    /// have, and that long at most. What was not committed comes again after a crash or a
    /// rebalance, and is dropped.
    std::uint32_t commit_batches_max = 10;
    duration commit_interval = std::chrono::milliseconds{200};
    /// Attempts at an event before its stream is parked.
    std::uint32_t attempts_max = 5;
    /// Between the attempts, and between failures of the storage and the bus, which have no last
    /// attempt.
    backoff_policy retry{.first = std::chrono::milliseconds{100}, .cap = std::chrono::seconds{30}};
    message_limits limits;
    /// Messages set aside in all. At the bound it stands still until an operator has resumed or
    /// skipped a stream.
    std::size_t kept_max = 10'000;
    /// Where copies of what is set aside go, for people and tools; "-": nowhere. Empty:
    /// "<topic>.dlq".
    std::string dead_letter_topic;
    /// How soon what is due is looked at when no messages come, and how often the group is told
    /// that a member which is waiting for its storage, or is parked, is still there.
    duration poll_interval = std::chrono::seconds{1};
    /// Shard it runs on.
    std::size_t shard = 0;
};

/// How a consumer does, for metrics and operators.
struct consumer_status {
    std::string name;
    std::string topic;
    std::string group;
    consumer_fsm::phase phase = consumer_fsm::phase::opening;
    /// Partitions it reads now.
    std::size_t partitions = 0;
    // Since it was started.
    std::uint64_t applied = 0;
    /// Messages that had taken effect before, and were dropped.
    std::uint64_t duplicates = 0;
    /// Events read from the log because they had not arrived.
    std::uint64_t fetched = 0;
    /// Applications of an event that failed.
    std::uint64_t failures = 0;
    /// Messages that are no events.
    std::uint64_t refused = 0;
    std::uint64_t dead_letters = 0;
    /// How often partitions were dealt out to it.
    std::uint64_t rebalances = 0;
    /// Streams that wait, by any process that shares the storage; at most `waiting_streams_max`.
    std::uint64_t waiting_streams = 0;
    static constexpr std::size_t waiting_streams_max = 1'000;
    /// Messages kept of the parked ones among them: they wait for an operator.
    std::uint64_t parked_messages = 0;
    /// Messages on the bus behind those polled, if the bus knows.
    std::optional<std::uint64_t> lag_messages;
    /// For how long the oldest message that has not taken effect has been known to be on the bus,
    /// of all partitions read here; 0 when all have, and if the bus does not know.
    double lag_seconds = 0;
    /// In a row; 0 when all is well.
    std::uint32_t failures_in_row = 0;
    /// The last failure, of the machinery or of an event; empty when there was none.
    std::string reason;
};

/// A stream that does not go on.
struct waiting_stream {
    /// Log and stream: names it in `resume` and `skip`.
    std::string place;
    stream_id stream;
    stream_place stands;
};

/// How an operator orders something.
struct release_order {
    /// Who, and why: kept in the transaction of what is done.
    audit_entry who;
    /// Only say what would happen: at most a batch is tried, and nothing changed.
    bool is_dry = false;
};

/// What an operator's order did, or would do.
struct release_report {
    std::uint64_t applied = 0;
    /// How the stream stands afterwards.
    stream_place stands;
};

/// Takes the events of a topic into a storage, each once, in the order of its stream: effects and
/// the place of the stream change in one transaction, and a message is judged by what that
/// transaction reads. So neither a rebalance, nor a crash, nor a second process with old messages
/// can repeat or lose an effect; the offset kept by the bus is a hint.
///
/// An event that fails is tried again, then parked with everything behind it in its stream; other
/// streams go on. What is set aside is kept in the storage, in the same transaction, and copied to
/// the dead-letter topic at least once. Members of a group that share a storage take turns with
/// their transactions.
///
/// Owned by the runtime; started once, stopped before it is destroyed.
class bus_consumer {
  public:
    /// Throws `std::invalid_argument` for options that cannot be.
    bus_consumer(execution& on, read_model_store& effects, event_bus& bus, consumer_options options,
                 const runtime_metrics& metrics = {});
    bus_consumer(const bus_consumer&) = delete;
    bus_consumer& operator=(const bus_consumer&) = delete;

    void start();
    /// Stores what was polled, commits and leaves the group. Does not wait for a storage that is
    /// down: that comes again.
    [[nodiscard]] awaitable<void> stop();
    [[nodiscard]] consumer_status status() const;
    [[nodiscard]] const consumer_options& options() const { return options_; }

    // For operators; from any executor, and in any process that shares the storage.
    /// Streams that wait, in the order of their places.
    [[nodiscard]] awaitable<result<std::vector<waiting_stream>>> waiting(std::size_t limit);
    /// Where this stream waits: in each log that has one of its name.
    [[nodiscard]] awaitable<result<std::vector<waiting_stream>>> waiting_of(stream_id stream);
    /// Tries again what is kept of a stream, in order, beginning with what failed; `not_found` if
    /// it does not wait.
    [[nodiscard]] awaitable<result<release_report>> resume(std::string place, release_order how);
    /// Gives up the event that failed, or the versions that are missing, and goes on behind.
    [[nodiscard]] awaitable<result<release_report>> skip(std::string place, release_order how);
    /// Ends `parked` of the whole consumer, in this process.
    [[nodiscard]] awaitable<result<void>> resume_all(audit_entry who);
    /// What operators have ordered, newest first.
    [[nodiscard]] awaitable<result<std::vector<consumer_audit>>> history(std::size_t limit);

  private:
    using ledger_work = std::function<void(consumer_ledger&)>;

    [[nodiscard]] awaitable<void> run();
    [[nodiscard]] awaitable<consumer_action::any> perform_safely(consumer_action::any action);
    [[nodiscard]] awaitable<consumer_action::any> perform(consumer_action::any action);
    [[nodiscard]] awaitable<consumer_action::any> open();
    [[nodiscard]] awaitable<consumer_action::any> poll();
    void screen(std::vector<bus_message> batch);
    [[nodiscard]] awaitable<consumer_action::any> store();
    [[nodiscard]] awaitable<consumer_action::any> fetch();
    /// True when everything up to `gap.until` has been taken in.
    [[nodiscard]] awaitable<result<bool>> fetch_one(missing_events gap);
    [[nodiscard]] awaitable<consumer_action::any> commit();
    [[nodiscard]] awaitable<consumer_action::any> back_off(std::uint32_t failures);
    [[nodiscard]] awaitable<bool> rest(duration at_most);
    [[nodiscard]] awaitable<consumer_action::any> stay_parked();
    [[nodiscard]] awaitable<consumer_action::any> tend();
    [[nodiscard]] awaitable<result<void>> release_due();
    [[nodiscard]] awaitable<result<void>> hand_over_streams();
    [[nodiscard]] awaitable<result<void>> hand_over_refused();
    [[nodiscard]] awaitable<result<std::vector<delivery_report>>> publish_letters(
        const std::vector<document>& kept);
    [[nodiscard]] awaitable<result<void>> hand_over(std::string place, version lettered);
    [[nodiscard]] awaitable<result<void>> count_waiting();
    /// One transaction of the consumer's own.
    [[nodiscard]] awaitable<result<intake>> change(ledger_work work);
    /// One transaction from anywhere. `is_dry`: undone after `work`.
    [[nodiscard]] awaitable<result<intake>> change_at(checkpoint at, ledger_work work, bool is_dry);
    [[nodiscard]] awaitable<result<release_report>> order(consumer_audit entry, bool is_dry);
    [[nodiscard]] awaitable<result<std::vector<document>>> streams_in(std::string index,
                                                                      std::string value,
                                                                      std::size_t limit);
    [[nodiscard]] consumer_action::any failed(const error& why);
    void pass_on_orders();
    void show_progress(const consumer_action::any& next);
    void count(const intake& done);
    void tend_within(duration span);
    void commit_within(duration span);

    execution& on_;
    read_model_store& effects_;
    event_bus& bus_;
    const consumer_options options_;
    const consumer_rules rules_;
    const std::string letters_to_;

    // Touched on the consumer's shard only.
    consumer_fsm fsm_;
    std::unique_ptr<event_bus::consumer> member_;
    /// Of the collection, as `open` has found it; it does not move.
    checkpoint at_;
    std::optional<message_id> log_;
    std::vector<consumed_event> batch_;
    struct refused_message {
        bus_message message;
        error why;
    };
    std::vector<refused_message> refused_;
    std::vector<missing_events> missing_;
    /// Streams that the log was asked for in vain, while this batch is held.
    std::set<std::string, std::less<>> lost_;
    duration tend_at_{};
    /// When it heard of the bus last.
    duration polled_at_{};
    /// When the bus is told what has taken effect, if it was not told all.
    duration commit_at_ = duration::max();
    bool has_letter_topic_ = false;
    /// The topic was missing, and no partition of it has come since.
    bool is_topic_missing_ = false;

    std::atomic<bool> is_stopping_{false};
    std::atomic<bool> may_resume_{false};
    std::atomic<bool> must_tend_{false};
    std::atomic<bool> is_polling_{false};
    /// Something has taken effect that the bus was not told of.
    std::atomic<bool> is_uncommitted_{false};
    event wake_;
    gate inside_;

    struct series {
        metrics::counter applied;
        metrics::counter duplicates;
        metrics::counter failed;
        metrics::counter refused;
        metrics::counter dead_letters;
        metrics::counter rebalances;
        metrics::gauge waiting;
        metrics::gauge parked;
        metrics::gauge parked_age;
    };
    const series series_;
    consumer_lag lag_;

    mutable std::mutex mutex_;
    consumer_status status_;
};

}  // namespace tidemark
