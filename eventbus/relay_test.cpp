#include "tidemark/eventbus/relay.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/eventbus/contract.hpp"
#include "tidemark/eventbus/headers.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/eventbus/stream_order.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;
using namespace std::chrono_literals;

namespace {

/// A bus between the relay and the memory bus that goes wrong on order.
class faulty_bus final : public event_bus {
  public:
    explicit faulty_bus(event_bus& behind) : behind_{behind} {}

    awaitable<std::vector<delivery_report>> publish(std::vector<bus_message> batch) override {
        ++calls;
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
    bus_status status() const override { return behind_.status(); }
    awaitable<result<void>> ensure_topic(std::string name) override {
        if (!topic_failure) return behind_.ensure_topic(std::move(name));
        return refused(*topic_failure);
    }

    /// What `ensure_topic` fails with, if anything.
    std::optional<error> topic_failure;

    /// Outcomes of the n-th call; those missing are persisted.
    std::function<std::vector<delivery>(int call, std::size_t size)> plan;
    int calls = 0;

  private:
    static awaitable<result<void>> refused(error why) { co_return why; }

    event_bus& behind_;
    int unknown_ = 0;
};

awaitable<void> append_one(event_store& log, execution& on, std::string id, std::string name,
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

struct fixture {
    explicit fixture(relay_options chosen = {.topic = "t"}, std::uint64_t seed = 1)
        : world{{.seed = seed}}, options{std::move(chosen)} {
        bus.create_topic("t", 3);
        reader = bus.subscribe("t", "g");
        start();
    }
    ~fixture() { run(on, running->stop()); }

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
        world.run_for(60s);
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

}  // namespace

TEST_CASE("relay: committed events reach the bus with their origin, keyed by stream") {
    fixture f;
    f.append("ada", "1");
    f.append("bob", "2");
    const auto got = f.arrived();
    REQUIRE(got.size() == 2);
    CHECK(payloads_of(got, "account-ada") == std::vector<std::string>{"1"});
    CHECK(payloads_of(got, "account-bob") == std::vector<std::string>{"2"});
    const auto origin = origin_of(got.front());
    REQUIRE(origin.has_value());
    CHECK(origin->version == version{1});
    CHECK(origin->log == run(f.on, f.store.status()).value().incarnation);
    CHECK(f.stored_checkpoint() == position{2});
}

TEST_CASE("relay: a commit wakes it long before the next poll") {
    fixture f{{.topic = "t", .poll_interval = 1h}};
    f.world.run_for(10s);
    const auto before = f.world.elapsed();
    f.append("ada", "1");
    CHECK(f.world.run_until([&] { return f.bus.lag("t", "g") == 1; }) == run_end::reached);
    CHECK(f.world.elapsed() - before < 1s);
}

TEST_CASE("relay: events of the library and what the mapping leaves out stay inside") {
    fixture f{{.topic = "t", .map = [](const recorded_event& event) {
                   auto message = publish_as_stored(event);
                   if (message && message->payload == "secret") message.reset();
                   if (message) message->headers.push_back({"content-type", "text/plain"});
                   return message;
               }}};
    f.append("ada", "secret");
    f.append("ada", "x", "tidemark.saga_input.v1");
    f.append("ada", "open");
    f.append("ada", "x", "tidemark.saga_input.v1");
    const auto got = f.arrived();
    REQUIRE(got.size() == 1);
    CHECK(got.front().payload == "open");
    CHECK(find_header(got.front(), "content-type") == "text/plain");
    CHECK(f.stored_checkpoint() == position{4});
}

TEST_CASE("relay: after a restart it goes on where the checkpoint stands") {
    fixture f;
    f.append("ada", "1");
    CHECK(f.arrived().size() == 1);
    run(f.on, f.running->stop());
    CHECK(f.running->status().phase == relay_fsm::phase::stopped);
    f.append("ada", "2");
    f.start();
    const auto got = f.arrived();
    REQUIRE(got.size() == 1);
    CHECK(got.front().payload == "2");
}

TEST_CASE("relay: a log longer than a page is carried over page by page") {
    fixture f{{.topic = "t", .batch_max = 7}};
    for (auto i = 0; i < 50; ++i) f.append("ada", std::to_string(i));
    const auto got = f.arrived();
    REQUIRE(got.size() == 50);
    for (std::size_t i = 0; i < 50; ++i) CHECK(got[i].payload == std::to_string(i));
    CHECK(f.running->status().published == 50);
    CHECK(f.running->status().repeated == 0);
}

TEST_CASE("relay: a refused event stops it loudly until an operator resumes it") {
    fixture f;
    bool is_refusing = true;
    f.faults.plan = [&](int, std::size_t size) {
        return std::vector(size, is_refusing ? delivery::refused : delivery::persisted);
    };
    f.append("ada", "1");
    CHECK(f.arrived().empty());
    CHECK(f.running->status().phase == relay_fsm::phase::parked);
    CHECK(f.running->status().reason.find("position 1") != std::string::npos);
    CHECK(f.running->status().oldest_pending.has_value());
    const auto calls = f.faults.calls;
    f.append("ada", "2");
    CHECK(f.arrived().empty());
    CHECK(f.faults.calls == calls);
    is_refusing = false;
    f.running->resume();
    CHECK(payloads_of(f.arrived(), "account-ada") == std::vector<std::string>{"1", "2"});
    CHECK(f.running->status().reason.empty());
}

TEST_CASE("relay: a bus that is away at the start is waited for") {
    fixture f;
    run(f.on, f.running->stop());
    f.faults.topic_failure = error{errc::unavailable, "no broker answers"};
    f.start();
    f.append("ada", "1");
    CHECK(f.arrived().empty());
    CHECK(f.running->status().phase == relay_fsm::phase::backing_off);
    CHECK(f.running->status().reason == "no broker answers");
    f.faults.topic_failure.reset();
    CHECK(f.arrived().size() == 1);
    CHECK(f.running->status().reason.empty());
}

TEST_CASE("relay: a topic of another shape stops it until an operator resumes it") {
    fixture f;
    run(f.on, f.running->stop());
    f.faults.topic_failure = error{errc::schema_mismatch, "topic \"t\" has 3 partitions"};
    f.start();
    f.append("ada", "1");
    CHECK(f.arrived().empty());
    CHECK(f.running->status().phase == relay_fsm::phase::parked);
    f.faults.topic_failure.reset();
    f.running->resume();
    CHECK(f.arrived().size() == 1);
}

TEST_CASE("relay: a mapping that throws parks it with the reason") {
    fixture f{{.topic = "t", .map = [](const recorded_event&) -> std::optional<bus_message> {
                   throw std::runtime_error{"no such field"};
               }}};
    f.append("ada", "1");
    CHECK(f.arrived().empty());
    CHECK(f.running->status().phase == relay_fsm::phase::parked);
    CHECK(f.running->status().reason.find("no such field") != std::string::npos);
}

TEST_CASE("relay: a broken producer is renewed and nothing is lost") {
    int renewed = 0;
    fixture f{{.topic = "t", .renew_producer = [&renewed] { ++renewed; }}};
    f.faults.plan = [](int call, std::size_t size) {
        return std::vector(size, call == 1 ? delivery::fatal : delivery::persisted);
    };
    f.append("ada", "1");
    CHECK(payloads_of(f.arrived(), "account-ada") == std::vector<std::string>{"1"});
    CHECK(renewed == 1);
}

TEST_CASE("relay: whatever the bus does, consumers that check versions see each event once") {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        CAPTURE(seed);
        fixture f{{.topic = "t", .batch_max = 5}, seed};
        random_source dice{seed};
        f.faults.plan = [&dice](int, std::size_t size) {
            constexpr std::array bad{delivery::not_persisted, delivery::possibly_persisted,
                                     delivery::fatal};
            std::vector<delivery> out(size, delivery::persisted);
            for (auto& each : out) {
                if (dice.below(3) == 0) each = bad[static_cast<std::size_t>(dice.below(3))];
            }
            return out;
        };
        for (auto i = 0; i < 30; ++i) f.append(i % 3 == 0 ? "ada" : "bob", std::to_string(i));
        f.world.run_until([&] { return f.stored_checkpoint() == position{30}; }, 1h);
        stream_order order;
        std::map<std::string, int> applied;
        for (const auto& each : f.arrived()) {
            const auto origin = origin_of(each).value();
            order.remember(origin.log, origin.stream, version{});
            if (order.check(origin).what != stream_order::verdict::apply) continue;
            order.applied(origin);
            ++applied[each.payload];
        }
        CHECK(applied.size() == 30);
        CHECK(std::all_of(applied.begin(), applied.end(), [](auto& e) { return e.second == 1; }));
    }
}

TEST_CASE("relay: of two relays of one topic one publishes and the other stands by") {
    fixture f;
    relay second{f.on, f.store, f.store, f.bus, {.topic = "t", .owner = "second"}};
    f.append("ada", "first");
    CHECK(f.arrived().size() == 1);
    second.start();
    for (auto i = 0; i < 20; ++i) f.append("ada", std::to_string(i));
    const auto got = f.arrived();
    CHECK(got.size() == 20);
    CHECK(f.stored_checkpoint() == position{21});
    CHECK(second.status().phase == relay_fsm::phase::standing_by);
    CHECK(second.status().published == 0);
    CHECK(second.status().owner == f.running->status().owner);
    CHECK(find_header(got.front(), bus_header::token) == "1");
    run(f.on, second.stop());
}

TEST_CASE("relay: two that publish at the same time cannot both move the checkpoint") {
    fixture f{{.topic = "t", .lease = 0s}};
    relay second{f.on, f.store, f.store, f.bus, {.topic = "t", .lease = 0s}};
    second.start();
    for (auto i = 0; i < 20; ++i) f.append("ada", std::to_string(i));
    const auto got = f.arrived();
    CHECK(f.stored_checkpoint() == position{20});
    std::map<std::string, int> seen;
    for (const auto& each : got) ++seen[each.payload];
    CHECK(seen.size() == 20);
    run(f.on, second.stop());
}

TEST_CASE("relay: one that stops leaves its topic to another at once") {
    fixture f{{.topic = "t", .owner = "first", .lease = 1h}};
    relay second{f.on, f.store, f.store, f.bus, {.topic = "t", .owner = "second", .lease = 1h}};
    f.append("ada", "1");
    CHECK(f.arrived().size() == 1);
    second.start();
    f.world.run_for(10s);
    CHECK(second.status().phase == relay_fsm::phase::standing_by);
    run(f.on, f.running->stop());
    f.append("ada", "2");
    const auto got = f.arrived();
    CHECK(payloads_of(got, "account-ada") == std::vector<std::string>{"2"});
    CHECK(find_header(got.front(), bus_header::token) == "2");
    CHECK(second.status().owner == "second");
    run(f.on, second.stop());
}

TEST_CASE("relay: one that is gone without a word is followed when its lease ends") {
    fixture f{{.topic = "t", .owner = "first", .lease = 30s}};
    f.append("ada", "1");
    CHECK(f.arrived().size() == 1);
    {
        // What a killed process leaves behind: a lease that nobody releases.
        std::function<void(read_model&)> take = [now = f.on.clock().now()](read_model& in) {
            in.put(to_document({"killed", 7, now + 90s}));
        };
        const auto at = run(f.on, f.store.load_checkpoint("relay:t")).value();
        REQUIRE(run(f.on, f.store.update("relay:t", at, at, std::move(take))).has_value());
    }
    f.append("ada", "2");
    f.world.run_for(60s);
    CHECK(f.running->status().phase == relay_fsm::phase::standing_by);
    CHECK(f.running->status().reason == "published by killed");
    f.world.run_for(40s);
    CHECK(f.running->status().owner == "first");
    const auto got = f.arrived();
    REQUIRE_FALSE(got.empty());
    CHECK(got.back().payload == "2");
    CHECK(find_header(got.back(), bus_header::token) == "8");
}

TEST_CASE("relay: a lease of a store with one process is taken from the one before it") {
    fixture f{{.topic = "t", .owner = "again", .lease = 0s}};
    f.append("ada", "1");
    CHECK(f.arrived().size() == 1);
    std::function<void(read_model&)> take = [now = f.on.clock().now()](read_model& in) {
        in.put(to_document({"killed", 7, now + 24h}));
    };
    const auto at = run(f.on, f.store.load_checkpoint("relay:t")).value();
    REQUIRE(run(f.on, f.store.update("relay:t", at, at, std::move(take))).has_value());
    f.append("ada", "2");
    CHECK(f.arrived().size() == 1);
    CHECK(f.running->status().token == 8);
}

TEST_CASE("relay: a lease that nobody can read is nobody's") {
    for (const auto* body : {"", "[]", "{}", R"({"owner":1,"token":2,"until":3})", "no"}) {
        CHECK_FALSE(parse_lease({relay_lease_key, body, {}}).has_value());
    }
    const relay_lease lease{"ada", 3, instant{5s}};
    CHECK(parse_lease(to_document(lease)) == lease);
}

TEST_CASE("relay: it works on real threads and stops while events come in") {
    io threads{{.shards = 2}};
    memory_storage store{threads.clock()};
    memory_event_bus bus;
    bus.create_topic("t", 1);
    const auto reader = bus.subscribe("t", "g");
    relay running{threads, store, store, bus, {.topic = "t", .shard = 1}};
    running.start();
    for (auto i = 0; i < 200; ++i) {
        run(threads, append_one(store, threads, "ada", "account.deposited.v1", std::to_string(i)));
    }
    std::size_t got = 0;
    while (got < 200) {
        const auto batch = run(threads, with_timeout(threads, reader->poll(500), 20s));
        REQUIRE(batch.has_value());
        for (const auto& each : *batch) CHECK(each.payload == std::to_string(got++));
    }
    run(threads, running.stop());
    CHECK(running.status().published == 200);
}

TEST_CASE("relay: without a topic it does not come to be") {
    fixture f;
    CHECK_THROWS_AS(relay(f.on, f.store, f.store, f.bus, {}), std::invalid_argument);
}
