#pragma once

#include "tidemark/eventbus/event_bus.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tidemark::testing {

/// A bus under contract test. What it needs on the machine lives as long as this object.
class contract_bus {
  public:
    virtual ~contract_bus() = default;
    [[nodiscard]] virtual event_bus& bus() = 0;
    [[nodiscard]] virtual execution& on() = 0;
    virtual void create_topic(const std::string& name, std::size_t partitions) = 0;
    /// Makes sure that a topic of this name is not there, where asking for one would create it.
    virtual void forbid_topic(const std::string& /*name*/) {}
    /// Blocks until `work` has ended; throws what it throws.
    virtual void drive(awaitable<void> work) = 0;
    /// Whether partitions are given away only when what has taken effect in them is committed.
    [[nodiscard]] virtual bool keeps_settled() const { return false; }
    /// Whether writers are shut out, and what they have not ended is undone.
    [[nodiscard]] virtual bool shuts_out() const { return true; }
    /// One byte more than a message may have, key and headers included.
    [[nodiscard]] virtual std::size_t too_large() const = 0;

    /// Polls these members of one group until each has partitions; they must find no messages.
    void settle(const std::vector<event_bus::consumer*>& members);

    // Calls that block until the bus has answered.
    std::vector<delivery_report> publish(std::vector<bus_message> batch);
    std::unique_ptr<event_bus::writer> open_writer(const std::string& name);
    std::vector<delivery_report> publish(event_bus::writer& by, std::vector<bus_message> batch);
    /// Publishes and demands that all of it is on the bus.
    void publish_all(std::vector<bus_message> batch);
    /// Polls until `count` messages have come; fewer after 20 s of the execution's time.
    std::vector<bus_message> collect(event_bus::consumer& from, std::size_t count,
                                     std::size_t limit = 100);
    /// What comes within a short time, when nothing more is expected.
    std::vector<bus_message> leftovers(event_bus::consumer& from);
    result<std::vector<bus_message>> poll(event_bus::consumer& from, std::size_t limit);
    result<void> commit(event_bus::consumer& of);
    /// Polls, closes the consumer while the poll waits, and answers what the poll said.
    result<std::vector<bus_message>> close_while_polling(event_bus::consumer& from);
};

struct contract_bus_backend {
    std::string name;
    std::function<std::unique_ptr<contract_bus>()> make;
};

/// Every bus that must keep the contract. A backend joins by standing in this list.
[[nodiscard]] const std::vector<contract_bus_backend>& contract_buses();

/// The bus on librdkafka's own brokers, which run inside the process.
[[nodiscard]] std::unique_ptr<contract_bus> make_mock_kafka_bus();
/// The bus on the brokers that TIDEMARK_TEST_KAFKA names, with topics of its own.
[[nodiscard]] std::unique_ptr<contract_bus> make_real_kafka_bus(const std::string& brokers);

/// Runs `test` on a fresh bus of each backend and names the backend in failures.
void for_each_bus(const std::function<void(contract_bus&)>& test);

[[nodiscard]] bus_message message_of(std::string topic, std::string key, std::string payload);
/// `count` messages, the payload of each its number, the keys in turn out of `keys`.
[[nodiscard]] std::vector<bus_message> numbered(const std::string& topic, std::size_t count,
                                                std::size_t keys);
[[nodiscard]] std::vector<std::string> payloads_of(const std::vector<bus_message>& messages,
                                                   const std::string& key);

}  // namespace tidemark::testing
