#pragma once

#include "tidemark/eventbus/event_bus.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace tidemark {

struct memory_bus_options {
    /// Partitions of a topic created without a number.
    std::size_t partitions = 4;
    /// Messages kept per topic. At the bound the oldest goes if every group has committed it (a
    /// topic without groups: always); otherwise `publish` reports `not_persisted` until the slowest
    /// group has moved on, whether it has members now or not.
    std::size_t messages_max = 1'000'000;
    /// Key, payload and headers together; a larger message is `refused`.
    std::size_t message_bytes_max = 960UL * 1024;
    /// Whether relays publish through writers (`event_bus::open_writer`).
    bool has_writers = false;
};

/// A bus inside the process, gone with it. Thread-safe; works on any execution, real or simulated.
/// Topics are created, not guessed: publishing to another one is `refused`, polling it is
/// `not_found`. Messages go to the partition of their key (as in Kafka), those without a key in
/// turn. A fresh group starts at the oldest message kept. Whenever a member joins or leaves,
/// partitions are dealt out again in ranges and everything not committed comes again; a commit that
/// comes too late is `stale`. Destroying a consumer without `close` is a crash: the same as
/// leaving.
class memory_event_bus final : public event_bus {
  public:
    explicit memory_event_bus(memory_bus_options options = {});
    ~memory_event_bus() override;

    /// Creates a topic; nothing happens if it exists. 0 partitions: the default number.
    void create_topic(const std::string& name, std::size_t partitions = 0);

    [[nodiscard]] awaitable<std::vector<delivery_report>> publish(
        std::vector<bus_message> batch) override;
    [[nodiscard]] bool has_writers() const override;
    [[nodiscard]] awaitable<result<std::unique_ptr<writer>>> open_writer(std::string name) override;
    [[nodiscard]] std::unique_ptr<consumer> subscribe(std::string topic,
                                                      std::string group) override;
    [[nodiscard]] bus_status status() const override;
    [[nodiscard]] awaitable<result<void>> ensure_topic(std::string name) override;

    /// Messages published and not yet committed by a group; all that are kept for an unknown one.
    [[nodiscard]] std::uint64_t lag(const std::string& topic, const std::string& group) const;

  private:
    struct state;
    class member;
    class only_writer;
    std::shared_ptr<state> state_;
};

}  // namespace tidemark
