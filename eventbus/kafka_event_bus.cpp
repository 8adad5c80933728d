#include "tidemark/eventbus/kafka_event_bus.hpp"

#include "tidemark/eventbus/kafka_bus_state.hpp"
#include "tidemark/eventbus/kafka_consumer.hpp"
#include "tidemark/eventbus/kafka_topics.hpp"

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

namespace tidemark {
/// A member of a group; one that broke for good is followed by another.
class kafka_event_bus::reader final : public consumer {
  public:
    reader(std::shared_ptr<state> bus, std::string topic, std::string group)
        : bus_{std::move(bus)},
          topic_{std::move(topic)},
          group_{std::move(group)},
          member_{join(bus_, topic_, group_)} {}
    reader(const reader&) = delete;
    reader& operator=(const reader&) = delete;
    ~reader() override { close(); }

    awaitable<result<std::vector<bus_message>>> poll(std::size_t limit) override {
        return living()->poll(bus_->world, limit);
    }
    void pause() override { member()->pause(); }
    void settled() override { member()->settled(); }
    awaitable<result<void>> commit() override {
        return member()->commit(bus_->world, bus_->options.ask_timeout);
    }
    void close() override {
        const std::scoped_lock lock{mutex_};
        if (std::exchange(is_closed_, true)) return;
        member_->leave();
        bus_->close_later(member_);
    }
    std::size_t assigned() const override { return member()->assigned(); }
    std::uint64_t rebalances() const override {
        const std::scoped_lock lock{mutex_};
        return rebalances_before_ + member_->rebalances();
    }
    std::optional<std::uint64_t> lag() const override { return member()->lag(); }
    std::vector<place> places() const override { return member()->places(); }

  private:
    static std::shared_ptr<kafka::member> join(const std::shared_ptr<state>& bus, std::string topic,
                                               std::string group) {
        auto is_covered = [bus](std::string of, std::string by) {
            return bus->is_covered(std::move(of), std::move(by));
        };
        return kafka::member::join(bus->options, std::move(topic), std::move(group),
                                   std::move(is_covered));
    }
    std::shared_ptr<kafka::member> member() const {
        const std::scoped_lock lock{mutex_};
        return member_;
    }
    /// One whose end has been told is let go.
    std::shared_ptr<kafka::member> living() {
        const std::scoped_lock lock{mutex_};
        if (is_closed_ || !member_->is_dead()) return member_;
        auto broken = std::exchange(member_, join(bus_, topic_, group_));
        rebalances_before_ += broken->rebalances();
        broken->leave();
        bus_->close_later(std::move(broken));
        return member_;
    }

    const std::shared_ptr<state> bus_;
    const std::string topic_;
    const std::string group_;
    mutable std::mutex mutex_;
    std::shared_ptr<kafka::member> member_;
    std::uint64_t rebalances_before_ = 0;
    bool is_closed_ = false;
};

kafka_event_bus::kafka_event_bus(execution& world, executor on, kafka_options options)
    : state_{std::make_shared<state>(world, std::move(on), std::move(options))} {}

kafka_event_bus::~kafka_event_bus() {
    state_->in_use()->close();
    state_->blocking.stop();
}

awaitable<std::vector<delivery_report>> kafka_event_bus::publish(std::vector<bus_message> batch) {
    const auto kept = state_;
    auto work = std::make_shared<kafka::publication>(batch.size());
    std::map<std::string, std::optional<delivery_report>> unusable;
    for (const auto& message : batch) {
        if (kept->is_known(message.topic) || unusable.contains(message.topic)) continue;
        auto trouble = co_await kept->topic_trouble(message.topic);
        if (trouble) unusable.emplace(message.topic, std::move(trouble));
    }
    std::set<std::size_t> skipped;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        const auto bad = unusable.find(batch[i].topic);
        auto why = bad != unusable.end() ? bad->second : kept->size_trouble(batch[i]);
        if (!why) continue;
        work->report(i, std::move(*why));
        skipped.insert(i);
    }
    co_await kept->send(kept->producer(), &batch, work, &skipped);
    co_return std::move(work->reports);
}

std::unique_ptr<event_bus::consumer> kafka_event_bus::subscribe(std::string topic,
                                                                std::string group) {
    return std::make_unique<reader>(state_, std::move(topic), std::move(group));
}

event_bus::bus_status kafka_event_bus::status() const {
    auto reason = state_->in_use()->trouble();
    return {.kind = "kafka",
            .location = state_->options.brokers,
            .connected = reason.empty(),
            .reason = std::move(reason)};
}

awaitable<result<void>> kafka_event_bus::ensure_topic(std::string name) {
    const auto kept = state_;
    if (kept->is_known(name)) co_return result<void>{};
    auto job = [kept, with = kept->producer(), name]() -> result<void> {
        const auto& wanted = kept->options;
        const auto found = with->count_partitions(name, wanted.ask_timeout);
        if (found) return kafka::check_partitions(name, *found, wanted.partitions);
        if (found.error().code() != errc::not_found) return found.error();
        if (!wanted.creates_topics) {
            return error{errc::unavailable, "topic \"" + name + "\" does not exist on " +
                                                wanted.brokers + "; create it with " +
                                                std::to_string(wanted.partitions) +
                                                " partitions, or set kafka.create_topics"};
        }
        return with->create_topic(name, wanted.partitions, wanted.replication, wanted.ask_timeout);
    };
    auto made = co_await kept->blocking.run(std::move(job));
    if (!made) co_return made.error();
    co_return kept->remember(name, kept->options.partitions);
}

void kafka_event_bus::hurry() {
    for (const auto& each : state_->producers()) each->give_up();
}

kafka_statistics kafka_event_bus::statistics() const {
    auto out = state_->in_use()->statistics();
    for (const auto& each : state_->producers()) {
        if (each == state_->in_use()) continue;
        const auto counted = each->statistics();
        out.messages_waiting += counted.messages_waiting;
        out.bytes_waiting += counted.bytes_waiting;
        out.requests_failed += counted.requests_failed;
        out.requests_repeated += counted.requests_repeated;
    }
    const std::scoped_lock lock{state_->mutex};
    out.requests_failed += state_->past.requests_failed;
    out.requests_repeated += state_->past.requests_repeated;
    out.producers_replaced = state_->past.producers_replaced;
    return out;
}

}  // namespace tidemark
