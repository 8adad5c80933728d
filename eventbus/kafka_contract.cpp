#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/eventbus/contract.hpp"
#include "tidemark/eventbus/kafka_event_bus.hpp"
#include "tidemark/eventbus/kafka_mock.hpp"

namespace tidemark::testing {
namespace {

using namespace std::chrono_literals;

kafka_options reached_at(std::string brokers) {
    kafka_options out;
    out.brokers = std::move(brokers);
    out.message_bytes_max = 1'000;
    out.session_timeout = 6s;
    return out;
}

class mock_kafka_bus final : public contract_bus {
  public:
    event_bus& bus() override { return bus_; }
    execution& on() override { return io_; }
    void create_topic(const std::string& name, std::size_t partitions) override {
        brokers_.create_topic(name, partitions);
    }
    void forbid_topic(const std::string& name) override { brokers_.forbid_topic(name); }
    void drive(awaitable<void> work) override { run(io_, std::move(work)); }
    std::size_t too_large() const override { return 1001; }

  private:
    kafka_mock brokers_{3};
    io io_{{.shards = 1}};
    kafka_event_bus bus_{io_, io_.shard(0), reached_at(brokers_.brokers())};
};

}  // namespace

std::unique_ptr<contract_bus> make_mock_kafka_bus() { return std::make_unique<mock_kafka_bus>(); }

}  // namespace tidemark::testing
