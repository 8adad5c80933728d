#pragma once

#include "tidemark/async/event.hpp"
#include "tidemark/async/executor.hpp"
#include "tidemark/eventbus/event_bus.hpp"
#include "tidemark/eventbus/group_review.hpp"
#include "tidemark/eventbus/kafka_handle.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace tidemark::kafka {

/// A member of a group as librdkafka has it. Partitions come and go within `poll` only, so that
/// whoever polls has ended what it polled before. Shared by its consumer, the polls under way and
/// whoever closes it; `close` before the last owner lets go.
class member final : public listener, public std::enable_shared_from_this<member> {
  public:
    /// Whether the members of a group hold every partition of the topic; `unavailable` while
    /// they change.
    using coverage = std::function<awaitable<result<bool>>(std::string topic, std::string group)>;

    /// Joins the group. Throws `std::invalid_argument` for settings that librdkafka refuses.
    static std::shared_ptr<member> join(const kafka_options& options, std::string topic,
                                        std::string group, coverage is_covered);
    ~member() override;

    [[nodiscard]] awaitable<result<std::vector<bus_message>>> poll(execution& on,
                                                                   std::size_t limit);
    /// What was polled takes longer: keeps the partitions and fetches nothing until the next poll.
    void pause();
    /// What was polled so far has taken effect: committed when partitions are taken away, if it was
    /// not before.
    void settled();
    [[nodiscard]] awaitable<result<void>> commit(execution& on, duration within);
    /// Polls end, later ones are empty.
    void leave();
    /// Leaves the group and gives everything back. Blocks; after `leave`.
    void close();
    /// Broken for good, and a poll has told so: the brokers have fenced it, for instance because
    /// another member has its `member_id`. It reads nothing any more; another one has to join.
    [[nodiscard]] bool is_dead() const;
    /// Partitions it reads now.
    [[nodiscard]] std::size_t assigned() const { return assigned_; }
    /// How often partitions were assigned to it.
    [[nodiscard]] std::uint64_t rebalances() const { return rebalances_; }
    /// Messages behind what was polled, in partitions of which something was polled, as of the last
    /// fetch; nothing before partitions are assigned.
    [[nodiscard]] std::optional<std::uint64_t> lag() const;
    /// As of the last fetch; asks nobody.
    [[nodiscard]] std::vector<event_bus::consumer::place> places() const;

    void failed(rd_kafka_resp_err_t code, std::string_view reason) override;
    void rebalanced(rd_kafka_t& handle, bool is_assigned,
                    rd_kafka_topic_partition_list_t& parts) override;

  private:
    member(std::string topic, std::string group, duration topic_patience, coverage is_covered)
        : topic_{std::move(topic)},
          group_{std::move(group)},
          topic_patience_{topic_patience},
          is_covered_{std::move(is_covered)},
          review_{topic_patience} {}

    [[nodiscard]] bool is_topic_missed(execution& on);
    [[nodiscard]] std::optional<duration> patience_left(execution& on);
    [[nodiscard]] awaitable<void> review();
    void join_again();
    void commit_settled(rd_kafka_t& handle);
    void lose_work();
    void subscribe();
    [[nodiscard]] result<std::vector<bus_message>> take(std::size_t limit);
    [[nodiscard]] message_ptr next_message();
    /// Whether this is no message of the topic; then it was noted.
    [[nodiscard]] bool is_news(const rd_kafka_message_t& told);
    [[nodiscard]] std::optional<error> judge_failure(const rd_kafka_message_t& told);
    void go_on();
    void pause_assigned(rd_kafka_t& handle, rd_kafka_topic_partition_list_t& parts) const;
    [[nodiscard]] result<void> begin_commit();
    [[nodiscard]] std::optional<result<void>> committed();

    const std::string topic_;
    const std::string group_;
    const duration topic_patience_;
    const coverage is_covered_;
    /// Its own, because a notifier may come after the consumer is gone.
    event wake_;
    event answered_;
    /// Held while the handle is used: for moments only, so that shards may wait for it.
    mutable std::mutex mutex_;
    handle_ptr handle_;
    queue_ptr queue_;
    queue_ptr answers_;
    std::function<void()> wake_up_;
    std::function<void()> answer_;
    /// Partition → the offset behind the last message polled.
    std::map<std::int32_t, std::int64_t> polled_;
    /// Before the last poll that brought something; and as much as has taken effect and was not
    /// committed.
    std::map<std::int32_t, std::int64_t> begun_;
    std::map<std::int32_t, std::int64_t> settled_;
    std::size_t commits_under_way_ = 0;
    bool is_paused_ = false;
    /// Came while it was paused, and is polled next: one at most.
    std::vector<message_ptr> early_;
    /// Something was polled that has not taken effect, as far as is known.
    bool has_work_ = false;
    bool was_assigned_ = false;
    /// Partitions were taken away with work that was neither settled nor committed.
    bool has_lost_work_ = false;
    std::optional<error> failure_;
    /// The topic is unknown to a broker: a failure, if it stays so until then.
    bool misses_topic_ = false;
    std::optional<duration> missed_until_;
    /// The topic was deleted after partitions of it had been read.
    bool has_lost_topic_ = false;
    group_review review_;
    /// Nothing comes any more behind the failure.
    bool is_dead_ = false;
    std::atomic<bool> is_over_ = false;
    std::atomic<std::size_t> assigned_ = 0;
    std::atomic<std::uint64_t> rebalances_ = 0;
};

}  // namespace tidemark::kafka
