// A consumer on brokers that are hurt: the protocol is real, librdkafka's own brokers answer.
#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/eventbus/bus_consumer.hpp"
#include "tidemark/eventbus/contract.hpp"
#include "tidemark/eventbus/headers.hpp"
#include "tidemark/eventbus/kafka_event_bus.hpp"
#include "tidemark/eventbus/kafka_mock.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t streams = 12;
constexpr auto hung = 6s;

/// Cannot be reached for a while.
class fleeting_storage final : public memory_storage {
  public:
    using memory_storage::memory_storage;
    std::atomic<bool> is_away{false};

    awaitable<result<void>> update(std::string name, checkpoint from, checkpoint to,
                                   std::function<void(read_model&)> change) override {
        if (is_away) co_return error{errc::unavailable, "the server is away"};
        co_return co_await memory_storage::update(std::move(name), from, to, std::move(change));
    }
};

/// A consumer of "orders" on three brokers, whose effects list the versions of each stream.
struct fixture {
    kafka_mock brokers{3};
    tidemark::io world{{.shards = 2}};
    fleeting_storage store{world.clock()};
    std::unique_ptr<kafka_event_bus> bus;
    std::uint64_t published = 0;

    fixture() {
        brokers.create_topic("orders", 6);
        kafka_options options;
        options.brokers = brokers.brokers();
        options.session_timeout = 6s;
        options.poll_interval_max = hung;
        options.linger = 0s;
        bus = std::make_unique<kafka_event_bus>(world, world.shard(0), std::move(options));
    }
    std::unique_ptr<bus_consumer> start() {
        consumer_options options;
        options.name = "board.v1";
        options.topic = "orders";
        options.batch_max = 7;
        options.poll_interval = 50ms;
        options.retry = {.first = 5ms, .cap = 50ms};
        options.apply = [](read_model& rows, const recorded_event& event) -> result<void> {
            const auto known = rows.get(event.stream.text());
            const auto before = known ? known->body + "," : std::string{};
            rows.put({event.stream.text(), before + std::to_string(event.version.value()), {}});
            return {};
        };
        auto made = std::make_unique<bus_consumer>(world, store, *bus, std::move(options));
        made->start();
        return made;
    }
    void stop(bus_consumer& member) { run(world, member.stop()); }

    static bus_message event_of(std::size_t stream, std::uint64_t at) {
        recorded_event event;
        event.position = position{at};
        event.stream = stream_id{"order", std::to_string(stream)};
        event.version = version{at};
        event.id = message_id::derive({event.stream.text(), std::to_string(at)});
        event.message = {"order.placed.v1", "{}"};
        bus_message message;
        message.payload = "{}";
        return addressed(std::move(message), event, message_id::derive({"log"}), "orders");
    }
    /// The next version of every stream; what the brokers did not take is published again.
    void publish_round() {
        ++published;
        std::vector<bus_message> batch;
        for (std::size_t i = 0; i < streams; ++i) batch.push_back(event_of(i, published));
        while (!batch.empty()) {
            const auto reports = run(world, bus->publish(batch));
            std::vector<bus_message> left;
            for (std::size_t i = 0; i < batch.size(); ++i) {
                if (reports[i].outcome != delivery::persisted) left.push_back(batch[i]);
            }
            batch = std::move(left);
        }
    }
    [[nodiscard]] std::string expected() const {
        std::string out;
        for (std::uint64_t i = 1; i <= published; ++i) {
            out += (i > 1 ? "," : "") + std::to_string(i);
        }
        return out;
    }
    [[nodiscard]] bool is_complete() {
        for (std::size_t i = 0; i < streams; ++i) {
            const auto key = "order-" + std::to_string(i);
            const auto found = run(world, store.find_document("board.v1", key)).value();
            if (!found || found->body != expected()) return false;
        }
        return true;
    }
    /// Waits until `holds`, for at most 90 s.
    template <class Condition>
    void wait(const Condition& holds) {
        tidemark::event never;
        const auto until = world.clock().steady() + 90s;
        while (!holds() && world.clock().steady() < until) {
            CHECK(!run(world, never.wait_for(world, 2ms)));
        }
        CHECK(holds());
    }
    void settle() {
        wait([this] { return is_complete(); });
    }
};

}  // namespace

TEST_CASE("bus consumer on Kafka: a storm of members that join, leave and vanish") {
    fixture f;
    auto steady = f.start();
    std::unique_ptr<bus_consumer> guest;
    for (int round = 0; round < 6; ++round) {
        f.publish_round();
        if (guest) f.stop(*guest);
        guest = f.start();
        f.publish_round();
        // Takes part, reads perhaps, and goes without having committed anything.
        auto lost = f.bus->subscribe("orders", "board.v1");
        const auto some = run(f.world, with_timeout(f.world, lost->poll(5), 100ms));
        CHECK((some.has_value() || some.error().code() == errc::timed_out));
    }
    f.settle();
    CHECK(steady->status().rebalances > 1);
    CHECK(steady->status().applied + guest->status().applied <= f.published * streams);
    f.stop(*guest);
    f.stop(*steady);
}

TEST_CASE("bus consumer on Kafka: a storage that is away for long costs no partitions") {
    fixture f;
    auto member = f.start();
    f.publish_round();
    f.settle();
    REQUIRE(member->status().rebalances == 1);
    f.store.is_away = true;
    f.publish_round();
    f.wait([&] { return member->status().failures_in_row > 0; });
    const auto until = f.world.clock().steady() + hung + 1s;
    f.wait([&] { return f.world.clock().steady() > until; });
    f.store.is_away = false;
    f.settle();
    CHECK(member->status().rebalances == 1);
    CHECK(member->status().applied == f.published * streams);
    f.stop(*member);
}

TEST_CASE("bus consumer on Kafka: brokers that go down and come back cost time, not events") {
    fixture f;
    auto member = f.start();
    f.publish_round();
    f.settle();
    for (int broker = 1; broker <= 3; ++broker) f.brokers.set_down(broker, true);
    f.wait([&] { return !f.bus->status().connected; });
    for (int broker = 1; broker <= 3; ++broker) f.brokers.set_down(broker, false);
    f.publish_round();
    f.settle();
    f.stop(*member);
    // Another one goes on where the first has stopped.
    member = f.start();
    f.publish_round();
    f.settle();
    f.stop(*member);
}
