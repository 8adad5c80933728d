#include "tidemark/eventbus/kafka_producer.hpp"

#include "tidemark/core/assert.hpp"
#include "tidemark/eventbus/kafka_group.hpp"
#include "tidemark/eventbus/kafka_topics.hpp"
#include "tidemark/observability/log.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace tidemark::kafka {
namespace {

const log::source kafka_log{"kafka"};

/// How often librdkafka tells how its brokers do.
constexpr duration measured_every = std::chrono::seconds{5};
constexpr int close_milliseconds = 2'000;
/// How long brokers keep a transaction that nobody ends, and with it whoever reads behind it, if
/// nobody takes its id either; a message may take as long at least.
constexpr duration open_for_max = std::chrono::minutes{1};
/// What the protocol adds to a message at most, headers' framing included.
constexpr std::size_t framing_bytes = 65'536;

/// Travels through librdkafka with a message.
struct slot {
    std::shared_ptr<publication> of;
    std::size_t index;
};

/// The message in librdkafka's form; what it points to lives as long as the message.
std::vector<rd_kafka_vu_t> arguments(const bus_message& message, rd_kafka_headers_t* headers,
                                     slot* on_the_way) {
    std::vector<rd_kafka_vu_t> out(6);
    out[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    out[0].u.cstr = message.topic.c_str();
    out[1].vtype = RD_KAFKA_VTYPE_KEY;
    // Without a key any partition will do.
    out[1].u.mem = {message.key.empty() ? nullptr : const_cast<char*>(message.key.data()),
                    message.key.size()};
    out[2].vtype = RD_KAFKA_VTYPE_VALUE;
    out[2].u.mem = {const_cast<char*>(message.payload.data()), message.payload.size()};
    out[3].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    out[3].u.i = RD_KAFKA_MSG_F_COPY;
    out[4].vtype = RD_KAFKA_VTYPE_OPAQUE;
    out[4].u.ptr = on_the_way;
    out[5].vtype = RD_KAFKA_VTYPE_HEADERS;
    out[5].u.headers = headers;
    return out;
}

rd_kafka_headers_t* headers_of(const bus_message& message) {
    auto* const out = rd_kafka_headers_new(message.headers.size());
    for (const auto& [name, value] : message.headers) {
        rd_kafka_header_add(out, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                            static_cast<ssize_t>(value.size()));
    }
    return out;
}

/// Everything without a report gets one.
void purge(rd_kafka_t& handle, int flags) {
    rd_kafka_purge(&handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | flags);
}

}  // namespace

/// Hears that there is something to poll, on a thread of librdkafka's.
struct producer::ear {
    std::weak_ptr<producer> of;
    executor on;

    static void called(rd_kafka_t*, void* opaque) {
        const auto& self = *static_cast<ear*>(opaque);
        const auto there = self.of.lock();
        if (!there || there->is_attending_.exchange(true)) return;
        boost::asio::post(self.on, [there] { there->attend(); });
    }
};

void publication::report(std::size_t index, delivery_report told) {
    reports[index] = std::move(told);
    left.fetch_sub(1);
    news.notify();
}

std::shared_ptr<producer> producer::make(const kafka_options& options, executor on,
                                         const std::string& transactional_id) {
    settings wanted{options};
    if (!transactional_id.empty()) {
        wanted.set("transactional.id", transactional_id);
        wanted.set("transaction.timeout.ms", std::max(options.delivery_timeout, open_for_max));
    }
    wanted.set("enable.idempotence", "true");
    wanted.set("acks", "all");
    wanted.set("partitioner", "murmur2_random");
    wanted.set("compression.type", options.compression);
    const auto linger = std::chrono::duration<double, std::milli>(options.linger).count();
    wanted.set("linger.ms", std::to_string(linger));
    wanted.set("max.in.flight.requests.per.connection", options.requests_in_flight_max);
    wanted.set("message.timeout.ms", options.delivery_timeout);
    wanted.set("request.timeout.ms",
               std::min<duration>(options.delivery_timeout / 3, std::chrono::seconds{10}));
    wanted.set("message.max.bytes", options.message_bytes_max + framing_bytes);
    wanted.set("queue.buffering.max.messages", options.messages_queued_max);
    // What does not fit into an empty queue would be waited for for ever.
    const auto least = 2 * (options.message_bytes_max + framing_bytes);
    wanted.set("queue.buffering.max.kbytes",
               std::max<std::size_t>(options.bytes_queued_max, least) / 1024);
    wanted.set("batch.size", options.batch_bytes_max);
    wanted.set("statistics.interval.ms", measured_every);
    std::shared_ptr<producer> made{new producer{options, std::move(on)}};
    made->handle_ = wanted.make(RD_KAFKA_PRODUCER, *made);
    made->queue_.reset(rd_kafka_queue_get_main(made->handle_.get()));
    made->ear_ = std::make_unique<ear>(ear{made, made->on_});
    rd_kafka_queue_cb_event_enable(made->queue_.get(), ear::called, made->ear_.get());
    // Only the first news after silence call; some may have come before anybody listened.
    ear::called(nullptr, made->ear_.get());
    return made;
}

producer::producer(const kafka_options& options, executor on)
    : on_{std::move(on)}, trouble_{options} {}

producer::~producer() { TIDEMARK_ASSERT(!handle_, "a Kafka producer is closed before it goes"); }

producer::taken producer::send(const bus_message& message, const std::shared_ptr<publication>& of,
                               std::size_t index) {
    const std::shared_lock held{use_};
    if (!handle_) {
        of->report(index, {delivery::not_persisted, "the producer is closed"});
        return taken::refused;
    }
    auto on_the_way = std::make_unique<slot>(slot{of, index});
    auto* const headers = headers_of(message);
    const auto given = arguments(message, headers, on_the_way.get());
    const failure_ptr failure{rd_kafka_produceva(handle_.get(), given.data(), given.size())};
    if (!failure) {
        (void)on_the_way.release();  // comes back with its report
        return taken::yes;
    }
    rd_kafka_headers_destroy(headers);
    const auto code = rd_kafka_error_code(failure.get());
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) return taken::full;
    if (code == RD_KAFKA_RESP_ERR__FATAL || code == RD_KAFKA_RESP_ERR__FENCED) is_dead_ = true;
    if (is_unknown_topic(code)) of->has_lost_topic = true;
    of->report(index, judge(code, RD_KAFKA_MSG_STATUS_NOT_PERSISTED, message.topic, is_dead_));
    return taken::refused;
}

void producer::attend() {
    is_attending_ = false;
    const std::shared_lock held{use_};
    if (!handle_) return;
    while (rd_kafka_poll(handle_.get(), 0) > 0) {
    }
    if (is_dead_) fall_silent();
}

void producer::give_up() {
    const std::shared_lock held{use_};
    if (handle_) purge(*handle_, RD_KAFKA_PURGE_F_NON_BLOCKING);
}

/// What a dead producer holds comes back at once instead of after its time.
void producer::fall_silent() {
    if (std::exchange(has_given_up_, true)) return;
    purge(*handle_, RD_KAFKA_PURGE_F_NON_BLOCKING);
}

void producer::delivered(const rd_kafka_message_t& message, void* returned) {
    const std::unique_ptr<slot> back{static_cast<slot*>(returned)};
    const auto* const name = message.rkt != nullptr ? rd_kafka_topic_name(message.rkt) : "";
    const auto status = rd_kafka_message_status(&message);
    if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) trouble_.is_over();
    if (is_unknown_topic(message.err)) back->of->has_lost_topic = true;
    back->of->report(back->index, judge(message.err, status, name, is_dead_));
}

void producer::failed(rd_kafka_resp_err_t code, std::string_view reason) {
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        is_dead_ = true;
        kafka_log.warn("a producer is broken or shut out", {"reason", reason});
        return;
    }
    kafka_log.debug("brokers", {"code", rd_kafka_err2name(code)}, {"reason", reason});
    trouble_.heard(code, reason);
}

void producer::distrusted(std::string_view broker, int x509_error) {
    trouble_.distrusted(broker, x509_error);
}

/// https://github.com/confluentinc/librdkafka/blob/v2.0.2/STATISTICS.md: brokers.*.state
void producer::measured(std::string_view json) {
    if (json.find("\"state\":\"UP\"") != std::string_view::npos) trouble_.is_over();
    const auto told = parse_statistics(json);
    if (!told) return;
    const std::scoped_lock lock{statistics_mutex_};
    statistics_ = *told;
}

kafka_statistics producer::statistics() const {
    const std::scoped_lock lock{statistics_mutex_};
    return statistics_;
}

result<std::size_t> producer::count_partitions(const std::string& topic, duration within) {
    const std::shared_lock held{use_};
    if (!handle_) return error{errc::shutting_down, "the producer is closed"};
    const auto found = find_topics(*handle_, topic, within, trouble_);
    if (!found) return found.error();
    return found->front().partitions.size();
}

result<std::size_t> producer::count_held(const std::string& group, const std::string& topic,
                                         duration within) {
    const std::shared_lock held{use_};
    if (!handle_) return error{errc::shutting_down, "the producer is closed"};
    return kafka::count_held(*handle_, group, topic, within);
}

result<void> producer::create_topic(const std::string& topic, std::size_t partitions,
                                    std::size_t replication, duration within) {
    const std::shared_lock held{use_};
    if (!handle_) return error{errc::shutting_down, "the producer is closed"};
    return make_topic(*handle_, {topic, partitions, replication}, within, trouble_);
}

void producer::close() {
    handle_ptr leaving;
    {
        const std::unique_lock held{use_};
        if (!handle_) return;
        rd_kafka_queue_cb_event_enable(queue_.get(), nullptr, nullptr);
        queue_.reset();
        leaving = std::move(handle_);
    }
    // Takes as long as librdkafka does; nobody else uses the handle any more.
    purge(*leaving, 0);
    rd_kafka_flush(leaving.get(), close_milliseconds);
}

}  // namespace tidemark::kafka
