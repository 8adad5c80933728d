#pragma once

#include "tidemark/async/event.hpp"
#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/eventbus/contract.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/eventbus/relay.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tidemark::testing {

/// A bus between the relay and the memory bus that goes wrong on order.
class faulty_bus final : public event_bus {
  public:
    explicit faulty_bus(event_bus& behind) : behind_{behind} {}

    awaitable<std::vector<delivery_report>> publish(std::vector<bus_message> batch) override {
        ++calls;
        while (is_stuck) co_await hurried_.wait();
        if (is_topic_gone) {
            const delivery_report gone{delivery::refused, "no such topic", true};
            std::vector<delivery_report> all(batch.size(), gone);
            co_return all;
        }
        const auto before = plan ? plan(calls, batch.size()) : std::vector<delivery>{};
        std::vector<delivery_report> reports;
        for (std::size_t i = 0; i < batch.size(); ++i) {
            const auto fate = i < before.size() ? before[i] : delivery::persisted;
            // Of the unknown every other one arrived.
            const bool arrives = fate == delivery::persisted ||
                                 (fate == delivery::possibly_persisted && ++unknown_ % 2 == 0);
            std::vector<bus_message> one;
            if (arrives) one.push_back(batch[i]);
            auto told = co_await behind_.publish(std::move(one));
            const bool lost = arrives && told.front().outcome != delivery::persisted;
            delivery_report report{lost ? told.front().outcome : fate, "as planned"};
            reports.push_back(std::move(report));
        }
        co_return reports;
    }
    std::unique_ptr<consumer> subscribe(std::string topic, std::string group) override {
        return behind_.subscribe(std::move(topic), std::move(group));
    }
    bool has_writers() const override { return behind_.has_writers(); }
    awaitable<result<std::unique_ptr<writer>>> open_writer(std::string name) override {
        ++writers_opened;
        if (writer_failure) return not_opened(*writer_failure);
        return behind_.open_writer(std::move(name));
    }
    bus_status status() const override { return behind_.status(); }
    awaitable<result<void>> ensure_topic(std::string name) override {
        if (topic_failure) return refused(*topic_failure);
        is_topic_gone = false;
        return behind_.ensure_topic(std::move(name));
    }

    void hurry() override {
        ++hurries;
        is_stuck = false;
        hurried_.notify();
    }

    /// Nothing is decided before a hurry.
    bool is_stuck = false;
    int hurries = 0;
    /// Until `ensure_topic` makes it again.
    bool is_topic_gone = false;
    /// What `ensure_topic` and `open_writer` fail with, if anything.
    std::optional<error> topic_failure;
    std::optional<error> writer_failure;
    int writers_opened = 0;

    /// Outcomes of the n-th call; those missing are persisted.
    std::function<std::vector<delivery>(int call, std::size_t size)> plan;
    int calls = 0;

  private:
    static awaitable<result<void>> refused(error why) { co_return why; }
    static awaitable<result<std::unique_ptr<writer>>> not_opened(error why) { co_return why; }

    event_bus& behind_;
    event hurried_;
    int unknown_ = 0;
};

inline awaitable<void> append_one(event_store& log, execution& on, std::string id, std::string name,
                                  std::string payload) {
    append_request request;
    request.stream = stream_id{"account", id};
    request.expected = expected_version::any();
    request.events.push_back({on.fresh_id(), {std::move(name), std::move(payload)}});
    auto batch = std::make_shared<std::vector<append_request>>();
    batch->push_back(std::move(request));
    const auto outcomes = co_await log.append(std::move(batch));
    if (!std::holds_alternative<append_committed>(outcomes.front())) {
        throw std::runtime_error{"the append was not committed"};
    }
}

/// A relay from a memory store to a memory bus, in a simulation.
struct relay_fixture {
    explicit relay_fixture(relay_options chosen = {.topic = "t"}, std::uint64_t seed = 1,
                           memory_bus_options kept = {})
        : world{{.seed = seed}}, bus{kept}, options{std::move(chosen)} {
        bus.create_topic("t", 3);
        reader = bus.subscribe("t", "g");
        start();
    }
    ~relay_fixture() { run(on, running->stop()); }

    void start() {
        running = std::make_unique<relay>(on, store, store, faults, options);
        running->start();
    }
    void append(const std::string& id, const std::string& payload,
                const std::string& name = "account.deposited.v1") {
        run(on, append_one(store, on, id, name, payload));
    }
    /// Everything that arrives until nothing has for a while.
    std::vector<bus_message> arrived() {
        world.run_for(std::chrono::seconds{60});
        if (bus.lag("t", "g") == 0) return {};
        auto got = run(on, reader->poll(10'000)).value();
        CHECK(run(on, reader->commit()).has_value());
        return got;
    }
    position stored_checkpoint() {
        return run(on, store.load_checkpoint("relay:t")).value().position;
    }

    simulated_scheduler world;
    simulated_execution on{world};
    memory_storage store{on.clock()};
    memory_event_bus bus;
    faulty_bus faults{bus};
    relay_options options;
    std::unique_ptr<event_bus::consumer> reader;
    std::unique_ptr<relay> running;
};

}  // namespace tidemark::testing
