#include "tidemark/bench/bare_kafka.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace bench {
namespace {

using clock_type = std::chrono::steady_clock;

constexpr auto give_up_after = std::chrono::minutes{2};
constexpr int flush_milliseconds = 10'000;
constexpr std::size_t messages_at_once = 1'000;

struct conf_closer {
    void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
using settings = std::unique_ptr<rd_kafka_conf_t, conf_closer>;

void set(const settings& of, const char* name, const std::string& value) {
    std::array<char, 512> why{};
    if (rd_kafka_conf_set(of.get(), name, value.c_str(), why.data(), why.size()) !=
        RD_KAFKA_CONF_OK) {
        throw std::runtime_error{why.data()};
    }
}

std::string milliseconds(tidemark::duration span) {
    return std::to_string(std::chrono::duration<double, std::milli>(span).count());
}

settings settings_of(const tidemark::kafka_options& options) {
    settings made{rd_kafka_conf_new()};
    set(made, "bootstrap.servers", options.brokers);
    return made;
}

kafka_handle make(rd_kafka_type_t kind, settings from) {
    std::array<char, 512> why{};
    kafka_handle made{rd_kafka_new(kind, from.get(), why.data(), why.size())};
    if (!made) throw std::runtime_error{why.data()};
    (void)from.release();  // the handle has it now
    return made;
}

struct message_closer {
    void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
struct failure_closer {
    void operator()(rd_kafka_error_t* failure) const { rd_kafka_error_destroy(failure); }
};
using failure_ptr = std::unique_ptr<rd_kafka_error_t, failure_closer>;

}  // namespace

tidemark::kafka_options reached_brokers() {
    const auto* brokers = std::getenv("TIDEMARK_TEST_KAFKA");
    if (brokers == nullptr) {
        throw std::runtime_error{
            "TIDEMARK_TEST_KAFKA is not set: run this by tools/kafka_cluster.py COMMAND"};
    }
    tidemark::kafka_options out;
    out.brokers = brokers;
    out.partitions = 10;
    return out;
}

bare_producer::bare_producer(const tidemark::kafka_options& options) {
    auto wanted = settings_of(options);
    set(wanted, "enable.idempotence", "true");
    set(wanted, "acks", "all");
    set(wanted, "partitioner", "murmur2_random");
    set(wanted, "compression.type", options.compression);
    set(wanted, "linger.ms", milliseconds(options.linger));
    set(wanted, "queue.buffering.max.messages", std::to_string(options.messages_queued_max));
    set(wanted, "queue.buffering.max.kbytes", std::to_string(options.bytes_queued_max / 1024));
    rd_kafka_conf_set_opaque(wanted.get(), reports_.get());
    rd_kafka_conf_set_dr_msg_cb(wanted.get(), reported);
    handle_ = make(RD_KAFKA_PRODUCER, std::move(wanted));
}

bare_producer::~bare_producer() {
    rd_kafka_flush(handle_.get(), flush_milliseconds);
    rd_kafka_purge(handle_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
}

void bare_producer::reported(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    auto& told = *static_cast<reports*>(opaque);
    ++told.taken;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) told.failure = rd_kafka_err2str(message->err);
}

void bare_producer::publish(const std::vector<tidemark::bus_message>& messages) {
    *reports_ = {};
    for (const auto& message : messages) send(message);
    while (reports_->taken < messages.size()) rd_kafka_poll(handle_.get(), 100);
    if (!reports_->failure.empty()) throw std::runtime_error{reports_->failure};
}

void bare_producer::send(const tidemark::bus_message& message) {
    auto* const headers = rd_kafka_headers_new(message.headers.size());
    for (const auto& [name, value] : message.headers) {
        rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                            static_cast<ssize_t>(value.size()));
    }
    std::array<rd_kafka_vu_t, 5> given{};
    given[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    given[0].u.cstr = message.topic.c_str();
    given[1].vtype = RD_KAFKA_VTYPE_KEY;
    given[1].u.mem = {const_cast<char*>(message.key.data()), message.key.size()};
    given[2].vtype = RD_KAFKA_VTYPE_VALUE;
    given[2].u.mem = {const_cast<char*>(message.payload.data()), message.payload.size()};
    given[3].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    given[3].u.i = RD_KAFKA_MSG_F_COPY;
    given[4].vtype = RD_KAFKA_VTYPE_HEADERS;
    given[4].u.headers = headers;
    for (;;) {
        const failure_ptr failure{rd_kafka_produceva(handle_.get(), given.data(), given.size())};
        const auto code = rd_kafka_error_code(failure.get());
        rd_kafka_poll(handle_.get(), code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 10 : 0);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) continue;
        rd_kafka_headers_destroy(headers);
        throw std::runtime_error{rd_kafka_err2str(code)};
    }
}

bare_consumer::bare_consumer(const tidemark::kafka_options& options, const std::string& topic,
                             const std::string& group) {
    auto wanted = settings_of(options);
    set(wanted, "group.id", group);
    set(wanted, "enable.auto.commit", "false");
    set(wanted, "auto.offset.reset", "earliest");
    set(wanted, "check.crcs", "true");
    set(wanted, "partition.assignment.strategy", options.assignment);
    set(wanted, "queued.max.messages.kbytes", std::to_string(options.bytes_fetched_max / 1024));
    handle_ = make(RD_KAFKA_CONSUMER, std::move(wanted));
    rd_kafka_poll_set_consumer(handle_.get());
    queue_.reset(rd_kafka_queue_get_consumer(handle_.get()));
    const std::unique_ptr<rd_kafka_topic_partition_list_t,
                          void (*)(rd_kafka_topic_partition_list_t*)>
        wished{rd_kafka_topic_partition_list_new(1), rd_kafka_topic_partition_list_destroy};
    rd_kafka_topic_partition_list_add(wished.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(handle_.get(), wished.get());
}

bare_consumer::~bare_consumer() {
    queue_.reset();
    rd_kafka_consumer_close(handle_.get());
}

void bare_consumer::poll(const std::function<void(std::string_view payload)>& taken) {
    std::array<rd_kafka_message_t*, messages_at_once> batch{};
    const auto size = rd_kafka_consume_batch_queue(queue_.get(), 100, batch.data(), batch.size());
    for (ssize_t i = 0; i < size; ++i) {
        const std::unique_ptr<rd_kafka_message_t, message_closer> one{
            batch.at(static_cast<std::size_t>(i))};
        if (one->err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
        taken({static_cast<const char*>(one->payload), one->len});
    }
}

std::chrono::nanoseconds read_bare(const tidemark::kafka_options& options, const std::string& topic,
                                   const std::string& group, std::size_t count) {
    bare_consumer consumer{options, topic, group};
    std::size_t seen = 0;
    clock_type::time_point first;
    const auto until = clock_type::now() + give_up_after;
    while (seen < count) {
        consumer.poll([&](std::string_view) {
            if (seen == 0) first = clock_type::now();
            ++seen;
        });
        if (clock_type::now() > until) throw std::runtime_error{"topic " + topic + " was not read"};
    }
    return clock_type::now() - first;
}

}  // namespace bench
