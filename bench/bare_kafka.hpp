#pragma once

#include "tidemark/eventbus/event_bus.hpp"
#include "tidemark/eventbus/kafka_options.hpp"

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// The brokers of TIDEMARK_TEST_KAFKA, with the settings of a service and topics of ten partitions.
/// Throws `std::runtime_error` where there are none.
[[nodiscard]] tidemark::kafka_options reached_brokers();

struct kafka_closer {
    void operator()(rd_kafka_t* handle) const { rd_kafka_destroy(handle); }
};
using kafka_handle = std::unique_ptr<rd_kafka_t, kafka_closer>;

/// librdkafka's own producer, without anything of ours, at the settings that our producer has: what
/// a relay is measured beside. Throws `std::runtime_error` with librdkafka's words.
class bare_producer {
  public:
    explicit bare_producer(const tidemark::kafka_options& options);
    ~bare_producer();
    bare_producer(const bare_producer&) = delete;
    bare_producer& operator=(const bare_producer&) = delete;

    /// Returns when the brokers have all of them.
    void publish(const std::vector<tidemark::bus_message>& messages);
    /// Returns when it is on its way, and hears of those before.
    void send(const tidemark::bus_message& message);

  private:
    struct reports {
        std::size_t taken = 0;
        std::string failure;
    };
    static void reported(rd_kafka_t* handle, const rd_kafka_message_t* message, void* opaque);

    /// Before the handle, which calls back until it is gone.
    std::unique_ptr<reports> reports_ = std::make_unique<reports>();
    kafka_handle handle_;
};

/// librdkafka's own consumer in a group of its own, at the settings that our consumer has. Reads
/// from the beginning.
class bare_consumer {
  public:
    bare_consumer(const tidemark::kafka_options& options, const std::string& topic,
                  const std::string& group);
    ~bare_consumer();
    bare_consumer(const bare_consumer&) = delete;
    bare_consumer& operator=(const bare_consumer&) = delete;

    /// Hands over what has come within 100 ms.
    void poll(const std::function<void(std::string_view payload)>& taken);

  private:
    struct queue_closer {
        void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
    };

    kafka_handle handle_;
    std::unique_ptr<rd_kafka_queue_t, queue_closer> queue_;
};

/// Reads `count` messages, touches nothing of them, and tells how long it took from the first to
/// the last.
[[nodiscard]] std::chrono::nanoseconds read_bare(const tidemark::kafka_options& options,
                                                 const std::string& topic, const std::string& group,
                                                 std::size_t count);

}  // namespace bench
