#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/core/error.hpp"
#include "tidemark/eventstore/recorded_event.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

/// A message on its way to or from the bus.
struct bus_message {
    std::string topic;
    /// Stream id: messages with one key stay in order.
    std::string key;
    std::string payload;
    struct header {
        std::string name;
        std::string value;
        friend bool operator==(const header&, const header&) = default;
    };
    /// event id, stream, version, position, log incarnation, fencing token, stored name,
    /// correlation, causation, traceparent: names in `eventbus/headers.hpp`.
    std::vector<header> headers;
    friend bool operator==(const bus_message&, const bus_message&) = default;
};

/// What became of one published message.
enum class delivery {
    /// On the bus.
    persisted,
    /// Not on the bus; publish again.
    not_persisted,
    /// Nobody knows; publish again, consumers drop the duplicate.
    possibly_persisted,
    /// Will never be accepted (too large, denied): an operator is needed.
    refused,
    /// The producer is broken for good: make another one and publish again from the checkpoint.
    fatal,
};

/// "persisted", "not_persisted", "possibly_persisted", "refused", "fatal".
[[nodiscard]] constexpr std::string_view to_string(delivery outcome) {
    switch (outcome) {
        case delivery::persisted:
            return "persisted";
        case delivery::not_persisted:
            return "not_persisted";
        case delivery::possibly_persisted:
            return "possibly_persisted";
        case delivery::refused:
            return "refused";
        case delivery::fatal:
            return "fatal";
    }
    return "fatal";
}

struct delivery_report {
    delivery outcome = delivery::not_persisted;
    std::string reason;
    /// `refused` because the topic is not there: it was never made, or was deleted.
    bool is_topic_missing = false;
};

/// How facts leave and arrive: at least once, in order per key.
class event_bus {
  public:
    virtual ~event_bus() = default;

    /// Publishes a batch in order; one report each, in order. Bounded by the caller.
    [[nodiscard]] virtual awaitable<std::vector<delivery_report>> publish(
        std::vector<bus_message> batch) = 0;

    /// Publishes under a name as the only one: see `open_writer`.
    class writer {
      public:
        virtual ~writer() = default;
        /// As `event_bus::publish`, but what is `persisted` is a beginning of the batch: nothing
        /// behind a message that is not comes to readers. All `fatal`: it was shut out, or is
        /// broken, and publishes nothing any more.
        [[nodiscard]] virtual awaitable<std::vector<delivery_report>> publish(
            std::vector<bus_message> batch) = 0;
    };
    /// Whether writers can be opened here.
    [[nodiscard]] virtual bool has_writers() const { return false; }
    /// Opens the writer of a name and shuts out the one that was opened before it, in whatever
    /// process: what that one has not ended is undone, and nothing that it still sends comes to
    /// readers. `invalid_argument` on a bus without writers. The bus outlives it.
    [[nodiscard]] virtual awaitable<result<std::unique_ptr<writer>>> open_writer(std::string name);

    /// The process ends: what is being published is decided at once, be it as not or possibly
    /// persisted.
    virtual void hurry() {}

    /// Makes the topic as this bus is configured, or checks the one that is there:
    /// `schema_mismatch` if it has other partitions (a key would change its), `unavailable` if
    /// nobody answers.
    [[nodiscard]] virtual awaitable<result<void>> ensure_topic(std::string name) = 0;

    /// A member of a consumer group. Messages of one key arrive in order on one member.
    class consumer {
      public:
        virtual ~consumer() = default;
        /// Waits for messages; empty after `close`. Answers at most `limit`.
        [[nodiscard]] virtual awaitable<result<std::vector<bus_message>>> poll(
            std::size_t limit) = 0;
        /// What was polled takes longer. Called from time to time it keeps the partitions, and
        /// nothing is fetched until the next poll. They can still be given to others, as in `poll`:
        /// `commit` is `stale` then.
        virtual void pause() {}
        /// Everything polled so far has taken effect, and will be committed later. Asks the bus for
        /// nothing; one that can commits it before it gives partitions away, so that whoever gets
        /// them need not take it again.
        virtual void settled() {}
        /// Everything polled so far has taken effect. What was polled and not committed comes again
        /// after a crash or a rebalance.
        [[nodiscard]] virtual awaitable<result<void>> commit() = 0;
        virtual void close() = 0;
        /// Partitions it reads now; 0 until the group has dealt them out.
        [[nodiscard]] virtual std::size_t assigned() const = 0;
        /// How often partitions were dealt out to it; of a bus that does not count, 0.
        [[nodiscard]] virtual std::uint64_t rebalances() const { return 0; }
        /// Messages on the bus behind what was polled, in the partitions it reads; nothing if the
        /// bus does not know.
        [[nodiscard]] virtual std::optional<std::uint64_t> lag() const { return std::nullopt; }
        /// Where it stands in a partition, in offsets.
        struct place {
            std::uint64_t partition = 0;
            /// Behind what was polled before the last poll that brought something.
            std::uint64_t begun = 0;
            /// Behind what was polled.
            std::uint64_t next = 0;
            /// Behind the last message there is, as far as is known.
            std::uint64_t end = 0;
        };
        /// In the partitions it reads and has polled from; none if the bus does not know.
        [[nodiscard]] virtual std::vector<place> places() const { return {}; }
    };
    [[nodiscard]] virtual std::unique_ptr<consumer> subscribe(std::string topic,
                                                              std::string group) = 0;

    struct bus_status {
        /// "memory", "kafka".
        std::string kind;
        std::string location;
        bool connected = true;
        std::string reason;
    };
    [[nodiscard]] virtual bus_status status() const = 0;
};

}  // namespace tidemark
