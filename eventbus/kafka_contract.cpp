#include "tidemark/async/clock.hpp"
#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/eventbus/contract.hpp"
#include "tidemark/eventbus/kafka_event_bus.hpp"
#include "tidemark/eventbus/kafka_mock.hpp"

#include <doctest/doctest.h>

#include <utility>

namespace tidemark::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t largest = 1'000;

kafka_options reached_at(std::string brokers) {
    kafka_options out;
    out.brokers = std::move(brokers);
    out.message_bytes_max = largest;
    out.session_timeout = 6s;
    out.transactional_id = "contract";
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
    /// They know of no epochs.
    bool shuts_out() const override { return false; }
    std::size_t too_large() const override { return largest + 1; }

  private:
    kafka_mock brokers_{3};
    io io_{{.shards = 1}};
    kafka_event_bus bus_{io_, io_.shard(0), reached_at(brokers_.brokers())};
};

/// Gives topics and groups names of their own, because all tests share the brokers.
class renaming_bus final : public event_bus {
  public:
    renaming_bus(event_bus& behind, std::string suffix)
        : behind_{behind}, suffix_{std::move(suffix)} {}

    awaitable<std::vector<delivery_report>> publish(std::vector<bus_message> batch) override {
        for (auto& each : batch) each.topic += suffix_;
        return behind_.publish(std::move(batch));
    }
    std::unique_ptr<consumer> subscribe(std::string topic, std::string group) override {
        auto inner = behind_.subscribe(topic + suffix_, group + suffix_);
        return std::make_unique<reader>(std::move(inner), std::move(topic));
    }
    bus_status status() const override { return behind_.status(); }
    awaitable<result<void>> ensure_topic(std::string name) override {
        return behind_.ensure_topic(name + suffix_);
    }
    bool has_writers() const override { return behind_.has_writers(); }
    awaitable<result<std::unique_ptr<writer>>> open_writer(std::string name) override {
        auto opening = behind_.open_writer(name + suffix_);
        auto inner = co_await std::move(opening);
        if (!inner) co_return inner.error();
        co_return std::make_unique<renaming_writer>(std::move(*inner), suffix_);
    }

  private:
    class renaming_writer final : public writer {
      public:
        renaming_writer(std::unique_ptr<writer> inner, std::string suffix)
            : inner_{std::move(inner)}, suffix_{std::move(suffix)} {}

        awaitable<std::vector<delivery_report>> publish(std::vector<bus_message> batch) override {
            for (auto& each : batch) each.topic += suffix_;
            return inner_->publish(std::move(batch));
        }

      private:
        std::unique_ptr<writer> inner_;
        std::string suffix_;
    };

    class reader final : public consumer {
      public:
        reader(std::unique_ptr<consumer> inner, std::string topic)
            : inner_{std::move(inner)}, topic_{std::move(topic)} {}

        awaitable<result<std::vector<bus_message>>> poll(std::size_t limit) override {
            auto polling = inner_->poll(limit);
            auto batch = co_await std::move(polling);
            if (batch) {
                for (auto& each : *batch) each.topic = topic_;
            }
            co_return batch;
        }
        void settled() override { inner_->settled(); }
        awaitable<result<void>> commit() override { return inner_->commit(); }
        void close() override { inner_->close(); }
        std::size_t assigned() const override { return inner_->assigned(); }
        std::uint64_t rebalances() const override { return inner_->rebalances(); }

      private:
        std::unique_ptr<consumer> inner_;
        std::string topic_;
    };

    event_bus& behind_;
    std::string suffix_;
};

class real_kafka_bus final : public contract_bus {
  public:
    explicit real_kafka_bus(const std::string& brokers)
        : brokers_{brokers},
          suffix_{"-" + io_.fresh_id().to_string()},
          bus_{io_, io_.shard(0), reached_at(brokers)} {}

    event_bus& bus() override { return renamed_; }
    execution& on() override { return io_; }
    void create_topic(const std::string& name, std::size_t partitions) override {
        auto options = reached_at(brokers_);
        options.partitions = partitions;
        kafka_event_bus maker{io_, io_.shard(0), options};
        const auto made = run(io_, maker.ensure_topic(name + suffix_));
        CAPTURE(made.has_error());
        REQUIRE(made.has_value());
    }
    void drive(awaitable<void> work) override { run(io_, std::move(work)); }
    /// The mock brokers refuse a commit while the group is being dealt out again.
    bool keeps_settled() const override { return true; }
    std::size_t too_large() const override { return largest + 1; }

  private:
    std::string brokers_;
    io io_{{.shards = 1}};
    std::string suffix_;
    kafka_event_bus bus_;
    renaming_bus renamed_{bus_, suffix_};
};

}  // namespace

std::unique_ptr<contract_bus> make_mock_kafka_bus() { return std::make_unique<mock_kafka_bus>(); }

std::unique_ptr<contract_bus> make_real_kafka_bus(const std::string& brokers) {
    return std::make_unique<real_kafka_bus>(brokers);
}

}  // namespace tidemark::testing
