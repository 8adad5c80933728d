#include "tidemark/eventbus/kafka_event_bus.hpp"

#include "tidemark/async/blocking_pool.hpp"
#include "tidemark/eventbus/kafka_consumer.hpp"
#include "tidemark/eventbus/kafka_producer.hpp"
#include "tidemark/eventbus/kafka_topics.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace tidemark {
namespace {

/// One asks for topics, one closes what is let go.
constexpr blocking_options two_threads{.threads = 2, .queue_max = 1'024};
/// Between two questions for a topic that nobody knows yet.
constexpr duration topic_pause = std::chrono::milliseconds{100};
/// How long brokers have to say who holds what of a group: it is asked again later, and who closes
/// waits for it.
constexpr duration group_patience = std::chrono::seconds{2};
/// News of room may have gone to another publication.
constexpr duration room_pause = std::chrono::milliseconds{50};

/// Messages handed over at a time: a millisecond or two of whoever shares the executor.
constexpr std::size_t turn = 500;

awaitable<void> let_others_run() {
    event back;
    back.notify();
    co_await back.wait();
}

std::size_t size_of(const bus_message& message) {
    auto size = message.key.size() + message.payload.size();
    for (const auto& each : message.headers) size += each.name.size() + each.value.size();
    return size;
}

/// A question that sets a flag until it is answered, unless another one has it.
class question {
  public:
    explicit question(std::atomic<bool>& is_under_way)
        : is_under_way_{is_under_way}, is_first_{!is_under_way.exchange(true)} {}
    question(const question&) = delete;
    question& operator=(const question&) = delete;
    ~question() {
        if (is_first_) is_under_way_ = false;
    }
    [[nodiscard]] bool is_first() const { return is_first_; }

  private:
    std::atomic<bool>& is_under_way_;
    const bool is_first_;
};

}  // namespace

struct kafka_event_bus::state {
    state(execution& in, executor to, kafka_options given)
        : world{in},
          on{std::move(to)},
          options{std::move(given)},
          blocking{two_threads},
          current{kafka::producer::make(options, on)} {}

    execution& world;
    const executor on;
    const kafka_options options;
    blocking_pool blocking;
    mutable std::mutex mutex;
    std::shared_ptr<kafka::producer> current;
    /// A group is asked about, on a thread of the pool.
    std::atomic<bool> is_asking = false;
    /// Counted by producers that are gone.
    kafka_statistics past;
    /// Topics that were seen; bounded by what the process publishes to.
    std::set<std::string, std::less<>> known;
    /// How many partitions each had at first: one that comes back must have as many.
    std::map<std::string, std::size_t, std::less<>> partitions;

    std::shared_ptr<kafka::producer> in_use() const {
        const std::scoped_lock lock{mutex};
        return current;
    }

    /// The producer to publish with; a broken one is replaced.
    std::shared_ptr<kafka::producer> producer() {
        const std::scoped_lock lock{mutex};
        if (!current->is_dead()) return current;
        auto broken = std::exchange(current, kafka::producer::make(options, on));
        const auto counted = broken->statistics();
        past.requests_failed += counted.requests_failed;
        past.requests_repeated += counted.requests_repeated;
        ++past.producers_replaced;
        close_later(broken);
        return current;
    }

    template <class Handle>
    void close_later(std::shared_ptr<Handle> what) {
        const auto refused = blocking.start([what] { what->close(); });
        if (refused) what->close();
    }

    bool is_known(const std::string& topic) const {
        const std::scoped_lock lock{mutex};
        return known.contains(topic);
    }

    /// `schema_mismatch` for a topic that comes back with other partitions.
    result<void> remember(const std::string& topic, std::size_t count) {
        const std::scoped_lock lock{mutex};
        const auto first = partitions.try_emplace(topic, count).first->second;
        if (auto same = kafka::check_partitions(topic, count, first); !same) return same;
        known.insert(topic);
        return {};
    }

    void forget_topics() {
        const std::scoped_lock lock{mutex};
        known.clear();
    }

    /// Whether the topic can be written to; asked once for each. One that was just made takes a
    /// moment until every broker knows it.
    awaitable<result<void>> find(std::string topic) {
        if (is_known(topic)) co_return result<void>{};
        const auto until = world.clock().steady() + options.topic_patience;
        const executor home = co_await boost::asio::this_coro::executor;
        const auto pause = world.make_timer(home);
        for (;;) {
            auto asked = [with = producer(), topic, within = options.ask_timeout] {
                return with->count_partitions(topic, within);
            };
            auto found = co_await blocking.run(std::move(asked));
            if (found) co_return remember(topic, *found);
            if (found.error().code() != errc::not_found) co_return found.error();
            if (world.clock().steady() >= until) {
                co_return error{errc::not_found, "topic \"" + topic + "\" does not exist on " +
                                                     options.brokers + "; create it at start"};
            }
            co_await pause->wait(topic_pause);
        }
    }

    /// Whether the members of a group hold every partition of the topic.
    static awaitable<result<bool>> is_covered(std::shared_ptr<state> kept, std::string topic,
                                              std::string group) {
        auto job = [with = kept->producer(), topic = std::move(topic), group = std::move(group),
                    within = std::min(kept->options.ask_timeout, group_patience),
                    kept]() -> result<bool> {
            // A poll that is cut short asks again while its question is still under way.
            const question asked{kept->is_asking};
            if (!asked.is_first()) return error{errc::unavailable, "another group is asked about"};
            const auto there = with->count_partitions(topic, within);
            if (!there) return there.error();
            const auto held = with->count_held(group, topic, within);
            if (!held) return held.error();
            return *held >= *there;
        };
        auto found = co_await kept->blocking.run(std::move(job));
        co_return found;
    }
};

class kafka_event_bus::reader final : public consumer {
  public:
    reader(std::shared_ptr<state> bus, std::shared_ptr<kafka::member> member)
        : bus_{std::move(bus)}, member_{std::move(member)} {}
    reader(const reader&) = delete;
    reader& operator=(const reader&) = delete;
    ~reader() override { close(); }

    awaitable<result<std::vector<bus_message>>> poll(std::size_t limit) override {
        return member_->poll(bus_->world, limit);
    }
    void settled() override { member_->settled(); }
    awaitable<result<void>> commit() override {
        return member_->commit(bus_->world, bus_->options.ask_timeout);
    }
    void close() override {
        if (std::exchange(is_closed_, true)) return;
        member_->leave();
        bus_->close_later(member_);
    }
    std::size_t assigned() const override { return member_->assigned(); }
    std::optional<std::uint64_t> lag() const override { return member_->lag(); }
    std::vector<place> places() const override { return member_->places(); }

  private:
    std::shared_ptr<state> bus_;
    std::shared_ptr<kafka::member> member_;
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
    std::map<std::string, delivery_report> unusable;
    for (const auto& message : batch) {
        if (kept->is_known(message.topic) || unusable.contains(message.topic)) continue;
        auto found = co_await kept->find(message.topic);
        if (found) continue;
        const auto fate =
            found.error().is_retryable() ? delivery::not_persisted : delivery::refused;
        unusable.emplace(message.topic, delivery_report{fate, found.error().message(),
                                                        found.error().code() == errc::not_found});
    }
    const auto with = kept->producer();
    for (std::size_t i = 0; i < batch.size(); ++i) {
        if (i % turn == turn - 1) co_await let_others_run();
        const auto& message = batch[i];
        if (const auto bad = unusable.find(message.topic); bad != unusable.end()) {
            work->report(i, bad->second);
            continue;
        }
        if (const auto size = size_of(message); size > kept->options.message_bytes_max) {
            work->report(i, {delivery::refused,
                             "message of " + std::to_string(size) + " bytes for topic \"" +
                                 message.topic + "\" exceeds message_bytes_max (" +
                                 std::to_string(kept->options.message_bytes_max) + ")"});
            continue;
        }
        // librdkafka bounds how long a message can wait, so there will be room or a refusal.
        while (with->send(message, work, i) == kafka::producer::taken::full) {
            co_await work->news.wait_for(kept->world, room_pause);
        }
    }
    while (work->left.load() != 0) co_await work->news.wait();
    if (work->has_lost_topic) kept->forget_topics();
    co_return std::move(work->reports);
}

std::unique_ptr<event_bus::consumer> kafka_event_bus::subscribe(std::string topic,
                                                                std::string group) {
    auto is_covered = [kept = state_](std::string of, std::string by) {
        return state::is_covered(kept, std::move(of), std::move(by));
    };
    auto joined = kafka::member::join(state_->options, std::move(topic), std::move(group),
                                      std::move(is_covered));
    return std::make_unique<reader>(state_, std::move(joined));
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

void kafka_event_bus::hurry() { state_->in_use()->give_up(); }

kafka_statistics kafka_event_bus::statistics() const {
    const std::scoped_lock lock{state_->mutex};
    auto out = state_->current->statistics();
    out.requests_failed += state_->past.requests_failed;
    out.requests_repeated += state_->past.requests_repeated;
    out.producers_replaced = state_->past.producers_replaced;
    return out;
}

}  // namespace tidemark
