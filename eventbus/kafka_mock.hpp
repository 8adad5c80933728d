#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace tidemark::testing {

/// Brokers inside the process (librdkafka's mock cluster): the protocol is real, the disk is not.
/// Faults are asked for by name. Outlives whoever is connected.
class kafka_mock {
  public:
    explicit kafka_mock(int brokers = 1);
    ~kafka_mock();
    kafka_mock(const kafka_mock&) = delete;
    kafka_mock& operator=(const kafka_mock&) = delete;

    /// "host:port,…"
    [[nodiscard]] std::string brokers() const;
    void create_topic(const std::string& name, std::size_t partitions);
    /// Whoever asks for the topic hears that there is none.
    void forbid_topic(const std::string& name);
    /// Broker `id`, from 1, refuses connections, or takes them again.
    void set_down(int id, bool is_down);
    /// Every answer of the broker comes so much later.
    void set_latency(int id, int milliseconds);
    /// The next `count` produce requests are answered with this error of the protocol.
    void fail_produce(int protocol_error, std::size_t count);
    /// The partition has no leader, or broker `id`.
    void set_leader(const std::string& topic, int partition, int id);

  private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace tidemark::testing
