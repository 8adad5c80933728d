#pragma once

#include "tidemark/core/error.hpp"
#include "tidemark/eventbus/event_bus.hpp"
#include "tidemark/eventbus/kafka_options.hpp"

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>
#include <string_view>

/// What producer, consumer and topic questions share of librdkafka. Only for `kafka_*.cpp`.
namespace tidemark::kafka {

/// What the handle's own threads and its polls call back. Lives as long as the handle.
class listener {
  public:
    virtual ~listener() = default;
    /// A message's fate; `slot` is what `produce` was given. From within a poll.
    virtual void delivered(const rd_kafka_message_t& /*message*/, void* /*slot*/) {}
    /// A failure that is not about one message. From within a poll.
    virtual void failed(rd_kafka_resp_err_t /*code*/, std::string_view /*reason*/) {}
    /// A broker's certificate did not pass; the number is OpenSSL's. From a thread of librdkafka's.
    virtual void distrusted(std::string_view /*broker*/, int /*x509_error*/) {}
    /// librdkafka's statistics, as JSON, at the interval that the settings name. From within a
    /// poll.
    virtual void measured(std::string_view /*json*/) {}
    /// Partitions come (`is_assigned`) or go. From within a poll; has to pass it on.
    virtual void rebalanced(rd_kafka_t& /*handle*/, bool /*is_assigned*/,
                            rd_kafka_topic_partition_list_t& /*parts*/) {}
};

struct handle_closer {
    void operator()(rd_kafka_t* handle) const { rd_kafka_destroy(handle); }
};
struct conf_closer {
    void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
struct parts_closer {
    void operator()(rd_kafka_topic_partition_list_t* parts) const {
        rd_kafka_topic_partition_list_destroy(parts);
    }
};
struct queue_closer {
    void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
};
struct event_closer {
    void operator()(rd_kafka_event_t* told) const { rd_kafka_event_destroy(told); }
};
struct message_closer {
    void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
using message_ptr = std::unique_ptr<rd_kafka_message_t, message_closer>;
using event_ptr = std::unique_ptr<rd_kafka_event_t, event_closer>;
struct failure_closer {
    void operator()(rd_kafka_error_t* failure) const { rd_kafka_error_destroy(failure); }
};
using failure_ptr = std::unique_ptr<rd_kafka_error_t, failure_closer>;
struct topic_closer {
    void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
};
using topic_ptr = std::unique_ptr<rd_kafka_topic_t, topic_closer>;
using handle_ptr = std::unique_ptr<rd_kafka_t, handle_closer>;
using parts_ptr = std::unique_ptr<rd_kafka_topic_partition_list_t, parts_closer>;
using queue_ptr = std::unique_ptr<rd_kafka_queue_t, queue_closer>;

/// The settings of a handle. Owned until `make` takes it.
class settings {
  public:
    /// What every handle to these brokers has. Throws `std::invalid_argument` for a value that
    /// librdkafka refuses, naming it.
    explicit settings(const kafka_options& options);

    void set(const char* name, const std::string& value);
    void set(const char* name, std::size_t value) { set(name, std::to_string(value)); }
    void set(const char* name, duration value);

    /// A handle whose callbacks go to `heard`.
    [[nodiscard]] handle_ptr make(rd_kafka_type_t kind, listener& heard);

  private:
    std::unique_ptr<rd_kafka_conf_t, conf_closer> conf_;
};

/// A span as librdkafka's calls take it.
[[nodiscard]] int milliseconds(duration span);

/// Some broker does not know the topic, or not all of it: gone, or not told everywhere yet.
[[nodiscard]] bool is_unknown_topic(rd_kafka_resp_err_t code);

/// What a delivery report, or a refusal to take the message, says about it. `is_dead`: its producer
/// is broken for good.
[[nodiscard]] delivery_report judge(rd_kafka_resp_err_t code, rd_kafka_msg_status_t status,
                                    std::string_view topic, bool is_dead);

/// An error of a call as one of ours; `doing` begins the sentence ("committing offsets of g").
[[nodiscard]] error as_error(rd_kafka_resp_err_t code, std::string_view doing,
                             std::string_view detail = {});

}  // namespace tidemark::kafka
