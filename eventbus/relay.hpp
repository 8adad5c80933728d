#pragma once

#include "tidemark/async/backoff.hpp"
#include "tidemark/async/event.hpp"
#include "tidemark/async/executor.hpp"
#include "tidemark/async/gate.hpp"
#include "tidemark/eventbus/event_bus.hpp"
#include "tidemark/eventbus/relay_fsm.hpp"
#include "tidemark/eventbus/relay_lease.hpp"
#include "tidemark/eventstore/event_store.hpp"
#include "tidemark/eventstore/read_model.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace tidemark {

/// What an event becomes on the bus; nothing: it stays inside. Pure. Topic, key and headers that it
/// leaves empty are filled in (`addressed`).
using relay_mapping = std::function<std::optional<bus_message>(const recorded_event&)>;

/// The default mapping: every event as it is stored, but those of the library itself ("tidemark.…",
/// saga inputs among them).
[[nodiscard]] std::optional<bus_message> publish_as_stored(const recorded_event& event);

struct relay_options {
    /// Where the events go. The checkpoint is stored under "relay:<topic>".
    std::string topic;
    relay_mapping map = publish_as_stored;
    /// Events read, and at most published, at a time: the more, the fewer requests to the brokers.
    /// Fewer of large ones: a page of the log ends at `page_bytes_max`. The relay holds a second
    /// page in memory, read while the one before it is published.
    std::size_t batch_max = 5'000;
    /// Events that may be on the bus before the checkpoint moves, and how long they may be; after a
    /// crash they are published again. 0: it moves with every batch.
    std::size_t unsaved_max = 5'000;
    duration save_interval = std::chrono::milliseconds{200};
    /// Not empty: messages are CloudEvents as well, of this source (see `add_cloud_event`).
    std::string cloud_events_source;
    /// How soon commits of other processes are noticed; commits of this one wake the relay.
    duration poll_interval = std::chrono::seconds{1};
    /// Between failures; there is no last attempt, nothing is dropped.
    backoff_policy retry{.first = std::chrono::milliseconds{100}, .cap = std::chrono::seconds{10}};
    /// What the relay is known as to others of its topic; empty: a fresh id. The one that holds the
    /// lease publishes, the others stand by and take over when it ends; see `relay_lease`.
    std::string owner;
    /// How long the lease holds without being renewed; renewed at a third of it. 0: the store has
    /// one process, which takes the lease from the one before it.
    duration lease = std::chrono::seconds{10};
    /// Hears of every batch how long the bus took to report it: once for each outcome among its
    /// reports. Must not throw or block.
    std::function<void(delivery, duration)> on_reported;
    /// Makes another producer after a fatal error. Empty: the bus does that by itself.
    std::function<void()> renew_producer;
    /// Shard it runs on.
    std::size_t shard = 0;
};

/// How a relay does, for metrics and operators.
struct relay_status {
    std::string topic;
    relay_fsm::phase phase = relay_fsm::phase::loading;
    /// Everything up to here is on the bus; what is stored may follow later (`unsaved_max`). Of one
    /// that stands by: what the other one has stored.
    position checkpoint;
    std::uint64_t published = 0;
    /// Published more than once, because the first outcome was not known or not good.
    std::uint64_t repeated = 0;
    /// In a row; 0 when all is well.
    std::uint32_t failures = 0;
    /// Who publishes the topic, as far as this relay knows; and its fencing token.
    std::string owner;
    std::uint64_t token = 0;
    /// The last failure, or why it is parked; empty when all is well.
    std::string reason;
};

/// Carries committed events from the log to the bus, in order, at least once. Of the relays of one
/// topic the one that holds its lease publishes; should two do so for a moment, they do not lose or
/// reorder checkpoints (they are compared and set), they only publish twice.
/// On a bus that has writers whoever takes over shuts out the one before it, and publishes then.
/// Owned by the runtime; started once, stopped before it is destroyed.
class relay {
  public:
    /// Throws `std::invalid_argument` without a topic, mapping or batch.
    relay(execution& on, event_store& log, read_model_store& checkpoints, event_bus& bus,
          relay_options options);
    relay(const relay&) = delete;
    relay& operator=(const relay&) = delete;

    void start();
    /// Decides what is in flight, moves the checkpoint and ends. Does not publish the rest. A bus
    /// that does not answer is waited for two seconds.
    [[nodiscard]] awaitable<void> stop();
    /// Ends `parked`: reads again from the checkpoint. Any thread.
    void resume();
    [[nodiscard]] relay_status status() const;

  private:
    [[nodiscard]] awaitable<void> run();
    [[nodiscard]] awaitable<relay_action::any> perform_safely(relay_action::any action);
    [[nodiscard]] awaitable<relay_action::any> perform(relay_action::any action);
    [[nodiscard]] awaitable<relay_action::any> load();
    [[nodiscard]] awaitable<relay_action::any> read(position after);
    struct page_ahead;
    [[nodiscard]] awaitable<result<event_page>> next_page(position after);
    void read_ahead();
    [[nodiscard]] static awaitable<void> fill(relay* self, std::shared_ptr<page_ahead> into);
    [[nodiscard]] awaitable<relay_action::any> publish(std::vector<position> events);
    [[nodiscard]] awaitable<std::vector<delivery_report>> find_topic_again(
        std::vector<delivery_report> reports, std::vector<position> events);
    [[nodiscard]] awaitable<relay_action::any> advance(relay_action::advance step);
    [[nodiscard]] awaitable<relay_action::any> wait_for_events();
    [[nodiscard]] awaitable<relay_action::any> stand_by();
    [[nodiscard]] duration glance() const;
    [[nodiscard]] awaitable<void> sit_out(duration span);
    [[nodiscard]] awaitable<std::optional<relay_action::any>> hold_or_yield(checkpoint from,
                                                                            checkpoint to);
    [[nodiscard]] awaitable<result<bool>> hold(checkpoint from, checkpoint to);
    [[nodiscard]] awaitable<std::optional<relay_action::any>> shut_others_out();
    [[nodiscard]] awaitable<relay_action::any> renew();
    [[nodiscard]] awaitable<void> let_go();
    [[nodiscard]] awaitable<relay_action::any> back_off(std::uint32_t failures);
    [[nodiscard]] awaitable<relay_action::any> stay_parked();
    void tell_reported(const std::vector<delivery_report>& reports, duration took) const;
    [[nodiscard]] relay_action::any failed(const error& why);
    void pass_on_orders();
    void show_progress(const relay_action::any& next);

    execution& on_;
    event_store& log_;
    read_model_store& checkpoints_;
    event_bus& bus_;
    const relay_options options_;
    const std::string name_;
    const std::string owner_;

    // Touched on the relay's shard only.
    relay_fsm fsm_;
    message_id incarnation_;
    relay_lease lease_;
    observed_lease observed_;
    /// How far the relay that has the lease was when this one looked last; none if it is this one.
    std::optional<position> elsewhere_;
    /// Opened under the lease's token, on a bus that has writers; null: not yet, or shut out.
    std::unique_ptr<event_bus::writer> writer_;
    std::uint64_t writer_token_ = 0;
    std::map<position, bus_message> page_;
    /// Behind the page, if there is probably more.
    std::optional<position> more_after_;
    std::shared_ptr<page_ahead> ahead_;
    /// When the checkpoint moves, if it is not behind all that was published.
    duration save_at_ = duration::max();

    std::atomic<bool> is_stopping_{false};
    std::atomic<bool> may_resume_{false};
    event wake_;
    event_store::wake_token commits_;
    gate inside_;

    mutable std::mutex mutex_;
    relay_status status_;
};

}  // namespace tidemark
