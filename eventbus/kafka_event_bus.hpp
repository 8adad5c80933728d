#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/eventbus/event_bus.hpp"
#include "tidemark/eventbus/kafka_options.hpp"
#include "tidemark/eventbus/kafka_statistics.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tidemark {

/// The bus on brokers that speak Kafka's protocol, by librdkafka. Messages are written
/// idempotently with `acks=all` and go to the partition of their key (murmur2, as the Java client
/// computes it). No thread of ours waits for the brokers. A producer that librdkafka declares
/// broken is replaced with the next `publish`. Topics are made or checked, never guessed:
/// publishing to another one is `refused`, polling it is `not_found`.
///
/// Groups: partitions are assigned and revoked within `poll`, so what was polled before is decided
/// by then; what was not committed comes again, and a commit that comes too late is `stale`. A
/// fresh group starts at the oldest message kept. Destroying a consumer without `close` leaves the
/// group all the same, without committing.
///
/// Owned by `main`; outlives its consumers, its writers and the calls under way.
class kafka_event_bus final : public event_bus {
  public:
    /// `on`: where librdkafka's news are heard, an executor of `world`. Throws
    /// `std::invalid_argument` for a setting that librdkafka refuses, naming it. Nobody is
    /// connected to yet.
    kafka_event_bus(execution& world, executor on, kafka_options options);
    /// Blocks until librdkafka has let go. What was not reported yet is not awaited.
    ~kafka_event_bus() override;

    [[nodiscard]] awaitable<std::vector<delivery_report>> publish(
        std::vector<bus_message> batch) override;
    [[nodiscard]] std::unique_ptr<consumer> subscribe(std::string topic,
                                                      std::string group) override;
    /// With `kafka_options::transactional_id`: a writer publishes each batch as a transaction.
    [[nodiscard]] bool has_writers() const override;
    [[nodiscard]] awaitable<result<std::unique_ptr<writer>>> open_writer(std::string name) override;
    [[nodiscard]] bus_status status() const override;
    [[nodiscard]] awaitable<result<void>> ensure_topic(std::string name) override;

    void hurry() override;
    /// Producers made anew so far.
    [[nodiscard]] std::uint64_t producers_replaced() const {
        return statistics().producers_replaced;
    }
    /// A few seconds old. Any thread.
    [[nodiscard]] kafka_statistics statistics() const;

  private:
    struct state;
    class reader;
    class only_writer;
    std::shared_ptr<state> state_;
};

}  // namespace tidemark
