#include "tidemark/eventbus/kafka_bus_state.hpp"

#include "tidemark/eventbus/consumed_event.hpp"
#include "tidemark/eventbus/kafka_topics.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <stdexcept>
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

/// Before this version librdkafka's cooperative assignment can leave partitions to nobody.
constexpr int cooperative_since = 0x020a0000;

kafka_options checked(kafka_options options) {
    if (options.assignment == "cooperative-sticky" && rd_kafka_version() < cooperative_since) {
        throw std::invalid_argument{
            "Kafka: kafka.assignment = \"cooperative-sticky\" needs "
            "librdkafka 2.10 or newer, and this is " +
            std::string{rd_kafka_version_str()} + "; use \"range\""};
    }
    return options;
}

awaitable<void> let_others_run() {
    event back;
    back.notify();
    co_await back.wait();
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

kafka_event_bus::state::state(execution& in, executor to, kafka_options given)
    : world{in},
      on{std::move(to)},
      options{checked(std::move(given))},
      blocking{two_threads},
      current{kafka::producer::make(options, on)} {}

std::shared_ptr<kafka::producer> kafka_event_bus::state::in_use() const {
    const std::scoped_lock lock{mutex};
    return current;
}

std::vector<std::shared_ptr<kafka::producer>> kafka_event_bus::state::producers() const {
    const std::scoped_lock lock{mutex};
    std::vector<std::shared_ptr<kafka::producer>> out{current};
    for (const auto& each : of_writers) {
        if (auto there = each.lock()) out.push_back(std::move(there));
    }
    return out;
}

std::shared_ptr<kafka::producer> kafka_event_bus::state::producer() {
    const std::scoped_lock lock{mutex};
    if (!current->is_dead()) return current;
    auto broken = std::exchange(current, kafka::producer::make(options, on));
    count(*broken);
    close_later(std::move(broken));
    return current;
}

/// Under the mutex.
void kafka_event_bus::state::count(const kafka::producer& gone) {
    const auto counted = gone.statistics();
    past.requests_failed += counted.requests_failed;
    past.requests_repeated += counted.requests_repeated;
    if (gone.is_dead()) ++past.producers_replaced;
}

void kafka_event_bus::state::let_go(const std::shared_ptr<kafka::producer>& used) {
    {
        const std::scoped_lock lock{mutex};
        std::erase_if(of_writers, [&used](const auto& each) {
            const auto there = each.lock();
            return !there || there == used;
        });
        count(*used);
    }
    close_later(used);
}

bool kafka_event_bus::state::is_known(const std::string& topic) const {
    const std::scoped_lock lock{mutex};
    return known.contains(topic);
}

result<void> kafka_event_bus::state::remember(const std::string& topic, std::size_t count) {
    const std::scoped_lock lock{mutex};
    const auto first = partitions.try_emplace(topic, count).first->second;
    if (auto same = kafka::check_partitions(topic, count, first); !same) return same;
    known.insert(topic);
    return {};
}

void kafka_event_bus::state::forget_topics() {
    const std::scoped_lock lock{mutex};
    known.clear();
}

/// One that was just made takes a moment until every broker knows it.
awaitable<result<void>> kafka_event_bus::state::find(std::string topic) {
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

awaitable<std::optional<delivery_report>> kafka_event_bus::state::topic_trouble(std::string topic) {
    const auto kept = shared_from_this();
    if (is_known(topic)) co_return std::nullopt;
    const auto found = co_await find(std::move(topic));
    if (found) co_return std::nullopt;
    const auto fate = found.error().is_retryable() ? delivery::not_persisted : delivery::refused;
    co_return delivery_report{fate, found.error().message(),
                              found.error().code() == errc::not_found};
}

std::optional<delivery_report> kafka_event_bus::state::size_trouble(
    const bus_message& message) const {
    const auto size = size_of(message);
    if (size <= options.message_bytes_max) return std::nullopt;
    return delivery_report{delivery::refused, "message of " + std::to_string(size) +
                                                  " bytes for topic \"" + message.topic +
                                                  "\" exceeds message_bytes_max (" +
                                                  std::to_string(options.message_bytes_max) + ")"};
}

awaitable<void> kafka_event_bus::state::send(std::shared_ptr<kafka::producer> with,
                                             const std::vector<bus_message>* batch,
                                             std::shared_ptr<kafka::publication> work,
                                             const std::set<std::size_t>* skipped) {
    const auto kept = shared_from_this();
    for (std::size_t i = 0; i < work->reports.size(); ++i) {
        if (i % turn == turn - 1) co_await let_others_run();
        if (skipped != nullptr && skipped->contains(i)) continue;
        // librdkafka bounds how long a message can wait, so there will be room or a refusal.
        while (with->send((*batch)[i], work, i) == kafka::producer::taken::full) {
            co_await work->news.wait_for(world, room_pause);
        }
    }
    while (work->left.load() != 0) co_await work->news.wait();
    if (work->has_lost_topic) forget_topics();
}

awaitable<result<bool>> kafka_event_bus::state::is_covered(std::string topic, std::string group) {
    auto job = [with = producer(), topic = std::move(topic), group = std::move(group),
                within = std::min(options.ask_timeout, group_patience),
                kept = shared_from_this()]() -> result<bool> {
        // A poll that is cut short asks again while its question is still under way.
        const question asked{kept->is_asking};
        if (!asked.is_first()) return error{errc::unavailable, "another group is asked about"};
        const auto there = with->count_partitions(topic, within);
        if (!there) return there.error();
        const auto held = with->count_held(group, topic, within);
        if (!held) return held.error();
        return *held >= *there;
    };
    const auto kept = shared_from_this();
    auto found = co_await blocking.run(std::move(job));
    co_return found;
}

}  // namespace tidemark
