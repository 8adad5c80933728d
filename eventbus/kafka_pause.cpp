// A member that works on what it polled for longer than the brokers' clients allow.
#include "tidemark/eventbus/kafka_consumer.hpp"
#include "tidemark/eventbus/kafka_reading.hpp"

#include <utility>

namespace tidemark::kafka {
namespace {

/// Looked at in one call; news of the group are few.
constexpr int news_max = 32;

/// Of all partitions that it reads. What was fetched of them and not polled is fetched again.
void switch_fetching(rd_kafka_t& handle, bool is_paused) {
    rd_kafka_topic_partition_list_t* told = nullptr;
    if (rd_kafka_assignment(&handle, &told) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    const parts_ptr parts{told};
    if (parts->cnt == 0) return;
    is_paused ? rd_kafka_pause_partitions(&handle, parts.get())
              : rd_kafka_resume_partitions(&handle, parts.get());
}

}  // namespace

/// librdkafka counts a member as hung that has not polled for `max.poll.interval.ms`, and brokers
/// wait as long for it in a rebalance: so it polls, and nothing but news can come.
void member::pause() {
    const std::scoped_lock held{mutex_};
    if (is_over_ || !handle_) return;
    if (!std::exchange(is_paused_, true)) switch_fetching(*handle_, true);
    for (int i = 0; i < news_max && early_.empty(); ++i) {
        message_ptr next{rd_kafka_consumer_poll(handle_.get(), 0)};
        if (!next) return;
        if (is_news(*next)) continue;
        // librdkafka drops what it had fetched before a pause, and does not say so anywhere.
        early_.push_back(std::move(next));
    }
}

void member::go_on() {
    if (std::exchange(is_paused_, false)) switch_fetching(*handle_, false);
}

void member::pause_assigned(rd_kafka_t& handle, rd_kafka_topic_partition_list_t& parts) const {
    if (is_paused_ && parts.cnt > 0) rd_kafka_pause_partitions(&handle, &parts);
}

}  // namespace tidemark::kafka
