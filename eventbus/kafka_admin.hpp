#pragma once

#include "tidemark/core/error.hpp"
#include "tidemark/core/version.hpp"
#include "tidemark/eventbus/event_bus.hpp"
#include "tidemark/eventbus/kafka_options.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tidemark {

/// A topic as the brokers tell of it.
struct kafka_topic {
    struct partition {
        std::int32_t number = 0;
        /// The broker that takes its messages; nothing: none does at the moment.
        std::optional<std::int32_t> leader;
        /// Brokers that are to have a copy, and those whose copy is complete.
        std::vector<std::int32_t> replicas;
        std::vector<std::int32_t> in_sync;
    };
    std::string name;
    std::vector<partition> partitions;
};

/// A consumer group as its coordinator tells of it.
struct kafka_group {
    struct member {
        std::string id;
        std::string client_id;
        std::string host;
        struct held {
            std::string topic;
            std::int32_t partition = 0;
        };
        std::vector<held> holds;
    };
    std::string name;
    /// "Stable", "PreparingRebalance", "CompletingRebalance", "Empty"; "Dead": there is
    /// none.
    std::string state;
    /// How its members deal partitions out ("range"); empty without members.
    std::string assignment;
    std::vector<member> members;
};

struct kafka_groups {
    /// By name.
    std::vector<kafka_group> all;
    /// Why some may be missing: brokers that did not answer. Empty: these are all there are.
    std::string incomplete;
};

/// How far a group has read a partition.
struct kafka_lag {
    std::string topic;
    std::int32_t partition = 0;
    /// The offset that is read next; nothing: never committed, so it is the oldest.
    std::optional<std::int64_t> committed;
    /// The oldest offset kept, and the one the next message will get.
    std::int64_t begin = 0;
    std::int64_t end = 0;
    /// Messages kept that the group has not committed.
    [[nodiscard]] std::int64_t messages() const {
        const auto next = committed && *committed > begin ? *committed : begin;
        return end > next ? end - next : 0;
    }
};

/// A place in every partition of a topic.
struct kafka_place {
    enum class kind : std::uint8_t {
        start,
        end,
        /// The first message stored at `time` or later; the end if there is none.
        time,
        /// `offset`, moved into what is kept.
        offset,
    };
    kind what = kind::start;
    instant time{};
    std::int64_t offset = 0;
};

/// Where a group's next read of a partition is moved.
struct kafka_move {
    std::int32_t partition = 0;
    std::optional<std::int64_t> from;
    std::int64_t to = 0;
};

/// What is read of a topic without joining a group.
struct kafka_peek {
    std::string topic;
    /// Where to begin; `end` asks for the last messages there are.
    kafka_place from;
    /// Nothing: all of them.
    std::optional<std::int32_t> partition;
    /// Messages in all, at most 10,000.
    std::size_t limit = 10;
    /// Longer payloads are cut.
    std::size_t payload_max = 200;
};

struct kafka_peeked {
    std::int32_t partition = 0;
    std::int64_t offset = 0;
    std::optional<instant> stored_at;
    bus_message message;
    /// Of the whole payload.
    std::size_t payload_size = 0;
};

/// What operators ask brokers and do to them. Every call blocks, up to `kafka_options::ask_timeout`
/// for each question; for a command line or a blocking pool. Nothing here joins a group or makes a
/// topic. Brokers that cannot be reached, or that refuse who asks, are `unavailable` or
/// `invalid_argument`, with the setting to correct in the message; a topic that is not there is
/// `not_found`. Not thread-safe.
class kafka_admin {
  public:
    /// Throws `std::invalid_argument` for a setting that librdkafka refuses, naming it. Nobody is
    /// connected to yet.
    explicit kafka_admin(kafka_options options);
    ~kafka_admin();
    kafka_admin(const kafka_admin&) = delete;
    kafka_admin& operator=(const kafka_admin&) = delete;

    /// By name; those of the brokers themselves ("__consumer_offsets") among them.
    [[nodiscard]] result<std::vector<kafka_topic>> topics();
    [[nodiscard]] result<kafka_topic> topic(const std::string& name);

    /// What the brokers that answer know; an error only if none does.
    [[nodiscard]] result<kafka_groups> groups();
    /// One that is not there has the state "Dead" and no members.
    [[nodiscard]] result<kafka_group> group(const std::string& name);

    /// Of one topic, or of every topic that the group has committed in.
    [[nodiscard]] result<std::vector<kafka_lag>> lag(const std::string& group,
                                                     const std::string& topic = {});

    /// Where `seek` would move a group. Changes nothing.
    [[nodiscard]] result<std::vector<kafka_move>> plan_seek(
        const std::string& group, const std::string& topic, const kafka_place& to,
        std::optional<std::int32_t> partition = std::nullopt);
    /// Moves the group; `conflict` while it has members, because they would go on where they are
    /// and overwrite it.
    [[nodiscard]] result<void> seek(const std::string& group, const std::string& topic,
                                    const std::vector<kafka_move>& moves);

    /// The first messages from a place on, or the last ones, by the time they were stored. Fewer
    /// where the topic ends, or where offsets are not used.
    [[nodiscard]] result<std::vector<kafka_peeked>> peek(const kafka_peek& what);

  private:
    class state;
    std::unique_ptr<state> state_;
};

}  // namespace tidemark
