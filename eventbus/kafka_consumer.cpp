#include "tidemark/eventbus/kafka_consumer.hpp"

#include "tidemark/core/assert.hpp"
#include "tidemark/eventbus/kafka_reading.hpp"
#include "tidemark/observability/log.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace tidemark::kafka {
namespace {

const log::source kafka_log{"kafka"};

void called(rd_kafka_t*, void* opaque) { (*static_cast<std::function<void()>*>(opaque))(); }

parts_ptr as_parts(const std::string& topic, const std::map<std::int32_t, std::int64_t>& offsets) {
    parts_ptr out{rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size()))};
    for (const auto& [partition, offset] : offsets) {
        rd_kafka_topic_partition_list_add(out.get(), topic.c_str(), partition)->offset = offset;
    }
    return out;
}

/// librdkafka 2.0.2 does not end a consumer whose topic was deleted while it read: its brokers'
/// threads wait for ever for the partitions that are gone. It has left the group; what is left of
/// it stays until the process ends, and so does whoever hears from it.
void abandon(std::shared_ptr<member> whose, handle_ptr handle) {
    static std::mutex guard;
    static auto* const all = new std::vector<std::pair<std::shared_ptr<member>, rd_kafka_t*>>;
    rd_kafka_set_log_level(handle.get(), 0);
    const std::scoped_lock lock{guard};
    all->emplace_back(std::move(whose), handle.release());
}

}  // namespace

std::shared_ptr<member> member::join(const kafka_options& options, std::string topic,
                                     std::string group, coverage is_covered) {
    settings wanted{options};
    wanted.set("group.id", group);
    if (!options.member_id.empty()) wanted.set("group.instance.id", options.member_id);
    wanted.set("enable.auto.commit", "false");
    wanted.set("enable.auto.offset.store", "false");
    // A lost offset repeats what is kept, which consumers notice by the versions; it never skips.
    wanted.set("auto.offset.reset", "earliest");
    wanted.set("check.crcs", "true");
    // So that it knows where it stands behind a transaction's end, which takes an offset.
    wanted.set("enable.partition.eof", "true");
    wanted.set("partition.assignment.strategy", options.assignment);
    wanted.set("session.timeout.ms", options.session_timeout);
    wanted.set("heartbeat.interval.ms", options.session_timeout / 5);
    wanted.set("max.poll.interval.ms",
               std::max(options.poll_interval_max, options.session_timeout));
    wanted.set("queued.max.messages.kbytes",
               std::max<std::size_t>(options.bytes_fetched_max / 1024, 64));
    wanted.set("queued.min.messages", std::size_t{1'000});
    wanted.set("fetch.wait.max.ms", std::size_t{100});
    // How soon a topic that was unknown at first is noticed.
    wanted.set("topic.metadata.refresh.interval.ms", options.topic_patience / 2);
    std::shared_ptr<member> made{new member{std::move(topic), std::move(group),
                                            options.topic_patience, std::move(is_covered)}};
    made->handle_ = wanted.make(RD_KAFKA_CONSUMER, *made);
    auto* const handle = made->handle_.get();
    rd_kafka_poll_set_consumer(handle);
    made->wake_up_ = made->wake_.notifier();
    made->answer_ = made->answered_.notifier();
    made->queue_.reset(rd_kafka_queue_get_consumer(handle));
    made->answers_.reset(rd_kafka_queue_new(handle));
    rd_kafka_queue_cb_event_enable(made->queue_.get(), called, &made->wake_up_);
    rd_kafka_queue_cb_event_enable(made->answers_.get(), called, &made->answer_);
    made->subscribe();
    return made;
}

void member::subscribe() {
    const parts_ptr wished{rd_kafka_topic_partition_list_new(1)};
    rd_kafka_topic_partition_list_add(wished.get(), topic_.c_str(), RD_KAFKA_PARTITION_UA);
    if (const auto code = rd_kafka_subscribe(handle_.get(), wished.get());
        code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        failure_ = as_error(code, "subscribing to \"" + topic_ + "\"");
    }
}

member::~member() { TIDEMARK_ASSERT(!handle_, "a Kafka consumer is closed before it goes"); }

awaitable<result<std::vector<bus_message>>> member::poll(execution& on, std::size_t limit) {
    const auto kept = shared_from_this();
    for (;;) {
        auto batch = take(limit);
        if (!batch || !batch->empty() || limit == 0 || is_over_) co_return batch;
        const auto patience = patience_left(on);
        if (!patience) {
            co_await wake_.wait();
            continue;
        }
        const auto has_news = co_await wake_.wait_for(on, *patience);
        if (has_news) continue;
        if (is_topic_missed(on)) {
            co_return error{errc::not_found, "topic \"" + topic_ +
                                                 "\" does not exist on the brokers; create it at "
                                                 "start, or name another"};
        }
        co_await review();
    }
}

/// How long to wait for news before something is looked into; nothing: for as long as it takes.
std::optional<duration> member::patience_left(execution& on) {
    const auto now = on.clock().steady();
    const std::scoped_lock held{mutex_};
    if (!misses_topic_ || assigned_ > 0) return review_.wait(now);
    if (!missed_until_) missed_until_ = now + topic_patience_;
    return std::max(*missed_until_ - now, duration{0});
}

/// A leader of a group that asked a broker which did not know the topic yet gives nobody anything,
/// and librdkafka 2.0 leaves it at that, because what it subscribed to has not changed.
awaitable<void> member::review() {
    using enum group_review::finding;
    auto asking = is_covered_(topic_, group_);
    const auto covered = co_await std::move(asking);
    const std::scoped_lock held{mutex_};
    if (is_over_ || !handle_) co_return;
    auto found = missing;
    if (!covered) {
        kafka_log.debug("a group cannot be looked at", {"topic", topic_}, {"group", group_},
                        {"reason", covered.error().message()});
        found = covered.error().is_retryable() ? unknown : unknowable;
    } else if (*covered) {
        found = whole;
    }
    if (!review_.looked(found)) co_return;
    kafka_log.warn("partitions that nobody was given: joining the group again", {"topic", topic_},
                   {"group", group_});
    join_again();
}

void member::join_again() {
    // A cooperative member that names the same topics again would change nothing.
    const std::string_view protocol = rd_kafka_rebalance_protocol(handle_.get());
    if (protocol == "COOPERATIVE") rd_kafka_unsubscribe(handle_.get());
    subscribe();
}

/// Told once in a while, so that whoever polls can wait in between.
bool member::is_topic_missed(execution& on) {
    const std::scoped_lock held{mutex_};
    if (!missed_until_ || on.clock().steady() < *missed_until_) return false;
    missed_until_.reset();
    return true;
}

message_ptr member::next_message() {
    if (early_.empty()) return message_ptr{rd_kafka_consumer_poll(handle_.get(), 0)};
    auto next = std::move(early_.back());
    early_.pop_back();
    return next;
}

result<std::vector<bus_message>> member::take(std::size_t limit) {
    std::vector<bus_message> batch;
    const std::scoped_lock held{mutex_};
    if (is_over_ || !handle_ || limit == 0) return batch;
    go_on();
    while (batch.size() < limit && !failure_) {
        const auto next = next_message();
        if (!next) break;
        if (is_news(*next)) continue;
        if (batch.empty()) begun_ = polled_;
        begun_.try_emplace(next->partition, next->offset);
        batch.push_back(as_message(*next, topic_));
        polled_[next->partition] = next->offset + 1;
        has_work_ = true;
    }
    // Told once, after what came before it.
    if (batch.empty() && failure_) return *std::exchange(failure_, std::nullopt);
    return batch;
}

std::optional<std::uint64_t> member::lag() const {
    if (assigned_ == 0) return std::nullopt;
    std::uint64_t sum = 0;
    for (const auto& each : places()) sum += each.end - each.next;
    return sum;
}

std::vector<event_bus::consumer::place> member::places() const {
    std::vector<event_bus::consumer::place> out;
    const std::scoped_lock held{mutex_};
    if (!handle_) return out;
    for (const auto& [partition, next] : polled_) {
        std::int64_t oldest = 0;
        std::int64_t end = 0;
        const auto code =
            rd_kafka_get_watermark_offsets(handle_.get(), topic_.c_str(), partition, &oldest, &end);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR || end < next) end = next;
        out.push_back({static_cast<std::uint64_t>(partition),
                       static_cast<std::uint64_t>(begun_.at(partition)),
                       static_cast<std::uint64_t>(next), static_cast<std::uint64_t>(end)});
    }
    return out;
}

bool member::is_dead() const {
    const std::scoped_lock held{mutex_};
    return is_dead_ && !failure_;
}

void member::lose_work() {
    has_lost_work_ = has_lost_work_ || has_work_;
    has_work_ = false;
    polled_.clear();
    begun_.clear();
    settled_.clear();
    early_.clear();
}

bool member::is_news(const rd_kafka_message_t& told) {
    if (told.err == RD_KAFKA_RESP_ERR_NO_ERROR) return false;
    if (told.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        const auto known = polled_.find(told.partition);
        if (known != polled_.end()) known->second = std::max(known->second, told.offset);
    } else if (auto failure = judge_failure(told)) {
        failure_ = std::move(failure);
    }
    return true;
}

/// Nothing for what librdkafka mends by itself.
std::optional<error> member::judge_failure(const rd_kafka_message_t& told) {
    const auto code = told.err;
    const auto doing = "reading \"" + topic_ + "\" as group \"" + group_ + "\"";
    switch (code) {
        case RD_KAFKA_RESP_ERR__TRANSPORT:
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        case RD_KAFKA_RESP_ERR__TIMED_OUT:
            return std::nullopt;
        case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
            // Its partitions have gone to others; the next poll joins again.
            lose_work();
            kafka_log.warn("a consumer was too slow and lost its partitions", {"topic", topic_},
                           {"group", group_});
            return std::nullopt;
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
            misses_topic_ = true;
            has_lost_topic_ = has_lost_topic_ || was_assigned_;
            return std::nullopt;
        default:
            is_dead_ = is_dead_ || code == RD_KAFKA_RESP_ERR__FATAL;
            return as_error(code, doing, rd_kafka_message_errstr(&told));
    }
}

void member::failed(rd_kafka_resp_err_t code, std::string_view reason) {
    kafka_log.debug("brokers", {"topic", topic_}, {"code", rd_kafka_err2name(code)},
                    {"reason", reason});
    if (code == RD_KAFKA_RESP_ERR__FATAL) is_dead_ = true;
    if (code == RD_KAFKA_RESP_ERR__FATAL || code == RD_KAFKA_RESP_ERR__AUTHENTICATION) {
        failure_ = as_error(code, "reading \"" + topic_ + "\"", reason);
    }
}

void member::rebalanced(rd_kafka_t& handle, bool is_assigned,
                        rd_kafka_topic_partition_list_t& parts) {
    const auto is_cooperative =
        std::string_view{rd_kafka_rebalance_protocol(&handle)} == "COOPERATIVE";
    if (!is_assigned) {
        commit_settled(handle);
        lose_work();
    } else if (parts.cnt > 0) {
        misses_topic_ = false;
        was_assigned_ = true;
        missed_until_.reset();
    }
    if (is_cooperative) {
        rd_kafka_error_t* const failure = is_assigned
                                              ? rd_kafka_incremental_assign(&handle, &parts)
                                              : rd_kafka_incremental_unassign(&handle, &parts);
        if (failure != nullptr) rd_kafka_error_destroy(failure);
    } else {
        rd_kafka_assign(&handle, is_assigned ? &parts : nullptr);
    }
    if (is_assigned) pause_assigned(handle, parts);
    if (is_assigned) ++rebalances_;
    review_.rebalanced(is_assigned);
    const auto count = static_cast<std::size_t>(parts.cnt);
    const auto before = assigned_.load();
    assigned_ = is_assigned ? before + count : before - std::min(before, count);
    kafka_log.info(is_assigned ? "partitions assigned" : "partitions revoked", {"topic", topic_},
                   {"group", group_}, {"count", count});
}

void member::settled() {
    const std::scoped_lock held{mutex_};
    has_work_ = false;
    settled_ = polled_;
}

/// Goes out before the group is told that the partitions are free. Nobody waits for the answer:
/// what is not committed comes again to another member.
void member::commit_settled(rd_kafka_t& handle) {
    if (settled_.empty() || rd_kafka_assignment_lost(&handle) != 0) return;
    const auto parts = as_parts(topic_, settled_);
    const auto code = rd_kafka_commit(&handle, parts.get(), 1);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    kafka_log.debug("not committed before a rebalance", {"topic", topic_},
                    {"code", rd_kafka_err2name(code)});
}

awaitable<result<void>> member::commit(execution& on, duration within) {
    const auto kept = shared_from_this();
    auto begun = begin_commit();
    if (!begun) co_return begun;
    const auto until = on.clock().steady() + within;
    for (;;) {
        auto told = committed();
        if (told) co_return *told;
        const auto left = until - on.clock().steady();
        if (left <= duration{0}) break;
        co_await answered_.wait_for(on, left);
    }
    co_return error{errc::unavailable, "committing offsets of group \"" + group_ + "\" on \"" +
                                           topic_ + "\": no answer; commit again"};
}

/// A success that begins nothing has nothing to wait for: see `committed`.
result<void> member::begin_commit() {
    const std::scoped_lock held{mutex_};
    if (is_over_ || !handle_) {
        return error{errc::shutting_down, "this consumer of \"" + topic_ + "\" is closed"};
    }
    if (std::exchange(has_lost_work_, false)) {
        return error{errc::stale, "group \"" + group_ + "\" of \"" + topic_ +
                                      "\" was rebalanced; what was polled before comes again"};
    }
    has_work_ = false;
    settled_.clear();
    if (polled_.empty()) return {};
    const auto parts = as_parts(topic_, polled_);
    const auto code =
        rd_kafka_commit_queue(handle_.get(), parts.get(), answers_.get(), nullptr, nullptr);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        ++commits_under_way_;
        return {};
    }
    return as_error(code, "committing offsets of group \"" + group_ + "\"");
}

std::optional<result<void>> member::committed() {
    const std::scoped_lock held{mutex_};
    if (commits_under_way_ == 0) return result<void>{};
    if (!answers_) return error{errc::shutting_down, "this consumer is closed"};
    std::optional<result<void>> told;
    while (commits_under_way_ > 0) {
        const event_ptr next{rd_kafka_queue_poll(answers_.get(), 0)};
        if (!next) break;
        // An answer to an earlier commit that nobody waited for says nothing about this one.
        if (--commits_under_way_ > 0) continue;
        const auto code = rd_kafka_event_error(next.get());
        told = result<void>{};
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR__NO_OFFSET) {
            told = as_error(code, "committing offsets of group \"" + group_ + "\"");
        }
    }
    return told;
}

void member::leave() {
    is_over_ = true;
    wake_.notify();
    answered_.notify();
}

void member::close() {
    handle_ptr leaving;
    {
        const std::scoped_lock held{mutex_};
        if (!handle_) return;
        rd_kafka_queue_cb_event_enable(queue_.get(), nullptr, nullptr);
        rd_kafka_queue_cb_event_enable(answers_.get(), nullptr, nullptr);
        queue_.reset();
        answers_.reset();
        early_.clear();
        leaving = std::move(handle_);
    }
    // Takes as long as the brokers do; nobody else uses the handle any more.
    rd_kafka_consumer_close(leaving.get());
    if (has_lost_topic_) abandon(shared_from_this(), std::move(leaving));
}

}  // namespace tidemark::kafka
