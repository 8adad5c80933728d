#pragma once

#include "tidemark/async/blocking_pool.hpp"
#include "tidemark/eventbus/kafka_event_bus.hpp"
#include "tidemark/eventbus/kafka_producer.hpp"

#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tidemark {

/// What a bus on Kafka shares with its consumers, its writers and the calls under way. Only for
/// `kafka_*.cpp`.
struct kafka_event_bus::state : std::enable_shared_from_this<state> {
    state(execution& in, executor to, kafka_options given);

    execution& world;
    const executor on;
    const kafka_options options;
    blocking_pool blocking;
    mutable std::mutex mutex;
    std::shared_ptr<kafka::producer> current;
    /// The producers of writers.
    std::vector<std::weak_ptr<kafka::producer>> of_writers;
    /// A group is asked about, on a thread of the pool.
    std::atomic<bool> is_asking = false;
    /// Counted by producers that are gone.
    kafka_statistics past;
    /// Topics that were seen; bounded by what the process publishes to.
    std::set<std::string, std::less<>> known;
    /// How many partitions each had at first: one that comes back must have as many.
    std::map<std::string, std::size_t, std::less<>> partitions;

    [[nodiscard]] std::shared_ptr<kafka::producer> in_use() const;
    /// Every producer there is.
    [[nodiscard]] std::vector<std::shared_ptr<kafka::producer>> producers() const;
    /// The producer to publish with; a broken one is replaced.
    [[nodiscard]] std::shared_ptr<kafka::producer> producer();
    /// One that nobody will use any more: its counts are kept, and it is closed in a while.
    void let_go(const std::shared_ptr<kafka::producer>& used);

    template <class Handle>
    void close_later(std::shared_ptr<Handle> what) {
        const auto refused = blocking.start([what] { what->close(); });
        if (refused) what->close();
    }

    [[nodiscard]] bool is_known(const std::string& topic) const;
    /// `schema_mismatch` for a topic that comes back with other partitions.
    [[nodiscard]] result<void> remember(const std::string& topic, std::size_t count);
    void forget_topics();

    /// What becomes of messages to a topic that cannot be written to; nothing if it can. Asked once
    /// for each.
    [[nodiscard]] awaitable<std::optional<delivery_report>> topic_trouble(std::string topic);
    [[nodiscard]] std::optional<delivery_report> size_trouble(const bus_message& message) const;
    /// Hands messages over, as many of the batch as there are places in `work`, and waits for their
    /// reports. `skipped`: places that are reported already.
    [[nodiscard]] awaitable<void> send(std::shared_ptr<kafka::producer> with,
                                       const std::vector<bus_message>* batch,
                                       std::shared_ptr<kafka::publication> work,
                                       const std::set<std::size_t>* skipped = nullptr);
    /// Whether the members of a group hold every partition of the topic.
    [[nodiscard]] awaitable<result<bool>> is_covered(std::string topic, std::string group);

  private:
    void count(const kafka::producer& gone);
    [[nodiscard]] awaitable<result<void>> find(std::string topic);
};

}  // namespace tidemark
