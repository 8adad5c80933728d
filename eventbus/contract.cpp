#include "tidemark/eventbus/contract.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/async/spawn.hpp"
#include "tidemark/async/timeout.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

namespace tidemark::testing {
namespace {

// librdkafka's threads are C11 ones, which the thread sanitizer does not know: it ends the program
// at the first of them.
#if defined(__SANITIZE_THREAD__)
constexpr bool is_thread_sanitized = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool is_thread_sanitized = true;
#else
constexpr bool is_thread_sanitized = false;
#endif
#else
constexpr bool is_thread_sanitized = false;
#endif

using namespace std::chrono_literals;

constexpr memory_bus_options small{.message_bytes_max = 1000, .has_writers = true};

/// The memory bus on real threads.
class threaded_memory_bus final : public contract_bus {
  public:
    event_bus& bus() override { return bus_; }
    execution& on() override { return io_; }
    void create_topic(const std::string& name, std::size_t partitions) override {
        bus_.create_topic(name, partitions);
    }
    void drive(awaitable<void> work) override { run(io_, std::move(work)); }
    std::size_t too_large() const override { return 1001; }

  private:
    io io_{{.shards = 1}};
    memory_event_bus bus_{small};
};

/// The memory bus in a simulation.
class simulated_memory_bus final : public contract_bus {
  public:
    event_bus& bus() override { return bus_; }
    execution& on() override { return process_; }
    void create_topic(const std::string& name, std::size_t partitions) override {
        bus_.create_topic(name, partitions);
    }
    void drive(awaitable<void> work) override { run(process_, std::move(work)); }
    std::size_t too_large() const override { return 1001; }

  private:
    simulated_scheduler world_;
    simulated_execution process_{world_};
    memory_event_bus bus_{small};
};

template <class T>
T driven(contract_bus& b, awaitable<T> work) {
    auto kept = std::make_shared<std::optional<T>>();
    b.drive(keep_outcome<T>(std::move(work), kept));
    return std::move(**kept);
}

using messages = std::vector<bus_message>;

awaitable<messages> gather(execution& on, event_bus::consumer& from, std::size_t count,
                           std::size_t limit, duration patience) {
    messages all;
    while (all.size() < count) {
        auto polling = from.poll(limit);
        auto batch = co_await with_timeout(on, std::move(polling), patience);
        if (!batch || batch->empty()) break;
        CHECK(batch->size() <= limit);
        for (auto& each : *batch) all.push_back(std::move(each));
    }
    co_return all;
}

awaitable<void> close_later(execution& on, event_bus::consumer& from) {
    const auto pause = on.make_timer(0);
    co_await pause->wait(5ms);
    from.close();
}

awaitable<result<messages>> poll_and_close(execution& on, event_bus::consumer& from,
                                           gate& closing) {
    const auto home = on.shard(0);
    auto ending = close_later(on, from);
    spawn(closing, home, std::move(ending));
    auto polling = from.poll(10);
    auto answer = co_await with_timeout(on, std::move(polling), 20s);
    co_await closing.close();
    co_return answer;
}

}  // namespace

std::vector<delivery_report> contract_bus::publish(std::vector<bus_message> batch) {
    return driven(*this, bus().publish(std::move(batch)));
}

std::unique_ptr<event_bus::writer> contract_bus::open_writer(const std::string& name) {
    auto opened = driven(*this, bus().open_writer(name));
    const auto reason = opened ? std::string{} : opened.error().message();
    CAPTURE(reason);
    REQUIRE(opened.has_value());
    return std::move(*opened);
}

std::vector<delivery_report> contract_bus::publish(event_bus::writer& by,
                                                   std::vector<bus_message> batch) {
    return driven(*this, by.publish(std::move(batch)));
}

void contract_bus::publish_all(std::vector<bus_message> batch) {
    // What a bus did not take is published again, as a relay does: a fresh topic may not be known
    // everywhere yet.
    for (auto round = 0; !batch.empty(); ++round) {
        const auto reports = publish(batch);
        REQUIRE(reports.size() == batch.size());
        std::vector<bus_message> left;
        for (std::size_t i = 0; i < batch.size(); ++i) {
            CAPTURE(reports[i].reason);
            if (reports[i].outcome == delivery::persisted) continue;
            REQUIRE(reports[i].outcome == delivery::not_persisted);
            REQUIRE(round < 100);
            left.push_back(std::move(batch[i]));
        }
        batch = std::move(left);
    }
}

std::vector<bus_message> contract_bus::collect(event_bus::consumer& from, std::size_t count,
                                               std::size_t limit) {
    return driven(*this, gather(on(), from, count, limit, 20s));
}

std::vector<bus_message> contract_bus::leftovers(event_bus::consumer& from) {
    return driven(*this, gather(on(), from, 1, 100, 20ms));
}

void contract_bus::settle(const std::vector<event_bus::consumer*>& members) {
    const auto is_in = [](const auto* each) { return each->assigned() > 0; };
    for (auto round = 0; round < 1'000; ++round) {
        if (std::all_of(members.begin(), members.end(), is_in)) return;
        for (auto* each : members) REQUIRE(leftovers(*each).empty());
    }
    FAIL("the members of a group were not given their partitions");
}

result<std::vector<bus_message>> contract_bus::poll(event_bus::consumer& from, std::size_t limit) {
    return driven(*this, with_timeout(on(), from.poll(limit), 20s));
}

result<void> contract_bus::commit(event_bus::consumer& of) { return driven(*this, of.commit()); }

result<std::vector<bus_message>> contract_bus::close_while_polling(event_bus::consumer& from) {
    gate closing;
    return driven(*this, poll_and_close(on(), from, closing));
}

const std::vector<contract_bus_backend>& contract_buses() {
    static const std::vector<contract_bus_backend> all = [] {
        std::vector<contract_bus_backend> out{
            {"memory, threads", [] { return std::make_unique<threaded_memory_bus>(); }},
            {"memory, simulation", [] { return std::make_unique<simulated_memory_bus>(); }},
        };
        if (is_thread_sanitized) return out;
        out.push_back({"kafka, mock brokers", [] { return make_mock_kafka_bus(); }});
        if (const auto* const brokers = std::getenv("TIDEMARK_TEST_KAFKA")) {
            out.push_back({"kafka, real brokers",
                           [at = std::string{brokers}] { return make_real_kafka_bus(at); }});
        }
        return out;
    }();
    return all;
}

void for_each_bus(const std::function<void(contract_bus&)>& test) {
    for (const auto& backend : contract_buses()) {
        CAPTURE(backend.name);
        const auto fresh = backend.make();
        test(*fresh);
    }
}

bus_message message_of(std::string topic, std::string key, std::string payload) {
    bus_message message;
    message.topic = std::move(topic);
    message.key = std::move(key);
    message.payload = std::move(payload);
    return message;
}

std::vector<bus_message> numbered(const std::string& topic, std::size_t count, std::size_t keys) {
    messages all;
    for (std::size_t i = 0; i < count; ++i) {
        all.push_back(message_of(topic, "key-" + std::to_string(i % keys), std::to_string(i)));
    }
    return all;
}

std::vector<std::string> payloads_of(const std::vector<bus_message>& all, const std::string& key) {
    std::vector<std::string> found;
    for (const auto& each : all) {
        if (each.key == key) found.push_back(each.payload);
    }
    return found;
}

}  // namespace tidemark::testing
