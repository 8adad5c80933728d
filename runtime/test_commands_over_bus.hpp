#pragma once

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/async/spawn.hpp"
#include "tidemark/codec/json_codec.hpp"
#include "tidemark/eventbus/headers.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/runtime/runtime.hpp"
#include "tidemark/runtime/test_aggregates.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// Two services on one bus: one that counts, and one that asks it to.
namespace tidemark::command_server_test {

using store_test::counter;
using store_test::counter_id;

/// A memory bus that, while told to, does not take what is published to topics that begin so; or
/// knows no topics.
class shaky_bus final : public event_bus {
  public:
    memory_event_bus kept;
    std::string refuses;
    std::atomic<bool> is_away{false};
    std::atomic<bool> has_no_topics{false};
    std::atomic<std::uint64_t> lost{0};

    awaitable<std::vector<delivery_report>> publish(std::vector<bus_message> batch) override {
        if (is_away.load() && batch.front().topic.starts_with(refuses)) {
            lost.fetch_add(batch.size());
            const delivery_report away{delivery::not_persisted, "the bus is away"};
            co_return std::vector<delivery_report>(batch.size(), away);
        }
        co_return co_await kept.publish(std::move(batch));
    }
    awaitable<result<void>> ensure_topic(std::string name) override {
        if (has_no_topics.load()) return no_topic(name);
        return kept.ensure_topic(std::move(name));
    }
    std::unique_ptr<consumer> subscribe(std::string topic, std::string group) override {
        return kept.subscribe(std::move(topic), std::move(group));
    }
    [[nodiscard]] bus_status status() const override { return kept.status(); }

  private:
    static awaitable<result<void>> no_topic(std::string name) {
        co_return error{errc::unavailable, "there is no topic " + name};
    }
};

struct fixture {
    tidemark::io io{{.shards = 2}};
    memory_storage counting{io.clock()};
    memory_storage nothing{io.clock()};
    shaky_bus bus;
    std::unique_ptr<tidemark::runtime> source;
    tidemark::runtime target{io, nothing, bus};
    bus_caller& caller;

    explicit fixture(bus_caller_options asks = {})
        : caller{target.call_over(with_topics(std::move(asks)))} {
        bus.kept.create_topic("c");
        bus.kept.create_topic("c.replies.raw");
        target.start();
    }
    ~fixture() {
        stop();
        CHECK(run(io, target.drain()).is_complete);
    }
    static bus_caller_options with_topics(bus_caller_options asks) {
        asks.topic = "c";
        asks.reply_topic = "c.replies.target";
        return asks;
    }
    void serve(command_server_options options = {}) {
        options.topic = "c";
        source = std::make_unique<tidemark::runtime>(io, counting, bus);
        source->store<counter>();
        source->serve(std::move(options));
        source->start();
    }
    void stop() {
        if (!source) return;
        CHECK(run(io, source->drain()).is_complete);
        source.reset();
    }
    [[nodiscard]] command_server_status served() const { return source->servers().at(0); }

    void wait_until(const std::function<bool()>& claim) {
        event never;
        const auto until = io.clock().steady() + std::chrono::minutes{1};
        while (!claim() && io.clock().steady() < until)
            CHECK(!run(io, never.wait_for(io, std::chrono::milliseconds{1})));
        CHECK(claim());
    }
    template <class Command, class... Fields>
    outcome ask(call how, const counter_id& to, Fields... fields) {
        return run(io, caller.ask<Command>(std::move(how), to, fields...));
    }
    std::vector<recorded_event> events_of(const std::string& id) {
        return run(io, counting.read(stream_id{"counter", id}, version{}, 1'000)).value();
    }

    /// A message as a program in another language might write it.
    bus_message raw(const std::string& id, int amount) {
        bus_command asked;
        asked.from = {io.fresh_id(), io.fresh_id(), "c.replies.raw", {}};
        asked.stream = stream_id{"counter", id};
        asked.message = encode(counter::add{amount});
        return message_of(std::move(asked), "c");
    }
    void publish(bus_message message) {
        std::vector<bus_message> batch{std::move(message)};
        const auto reports = run(io, bus.publish(std::move(batch)));
        REQUIRE(reports.front().outcome == delivery::persisted);
    }
    /// Everything on the topic so far.
    std::vector<bus_message> read(const std::string& topic, std::size_t at_least) {
        const auto reader = bus.subscribe(topic, io.fresh_id().to_string());
        std::vector<bus_message> out;
        wait_until([&] {
            auto polled =
                run(io, with_timeout(io, reader->poll(1'000), std::chrono::milliseconds{20}));
            if (polled.has_value()) {
                for (auto& each : *polled) out.push_back(std::move(each));
            }
            return out.size() >= at_least;
        });
        return out;
    }
};

/// Asks on another shard, while the test looks on.
struct asking {
    explicit asking(fixture& on, int amount) : inside_{}, on_{on} {
        REQUIRE(spawn(inside_, on.io.shard(1), run_one(amount)));
    }
    asking(const asking&) = delete;
    asking& operator=(const asking&) = delete;
    ~asking() { run(on_.io, inside_.close()); }
    /// What it heard, once it has.
    outcome wait() {
        run(on_.io, done_.wait());
        return *told_;
    }

  private:
    awaitable<void> run_one(int amount) {
        const counter_id to{"a"};
        auto told = co_await on_.caller.ask<counter::add>(to, amount);
        told_ = std::move(told);
        done_.notify();
    }
    gate inside_;
    fixture& on_;
    std::optional<outcome> told_;
    event done_;
};

inline void set(bus_message& message, std::string_view name, const std::string& value) {
    std::erase_if(message.headers, [&](const auto& each) { return each.name == name; });
    message.headers.push_back({std::string{name}, value});
}

inline std::string header_of(const bus_message& message, std::string_view name) {
    return std::string{find_header(message, name).value_or("")};
}

}  // namespace tidemark::command_server_test
