#include "tidemark/eventbus/bus_consumer.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/eventbus/headers.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/eventstore/contract.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;
using namespace std::chrono_literals;

namespace {

/// Threads that outlive every store, as they must.
tidemark::io& threads() {
    static tidemark::io made{{.shards = 2}};
    return made;
}

const release_order dry{.who = {}, .is_dry = true};
const release_order by_ada{.who = {"ada", "mended"}, .is_dry = false};

/// Of a log that cannot be asked.
const auto elsewhere = message_id::derive({"elsewhere"});

bus_message event_of(const std::string& id, std::uint64_t at, const std::string& payload = "ok",
                     const message_id& log = elsewhere) {
    recorded_event event;
    event.position = position{at};
    event.stream = stream_id{"order", id};
    event.version = version{at};
    event.id = message_id::derive({id, std::to_string(at)});
    event.message = {"order.placed.v1", payload};
    event.recorded_at = instant{1h};
    bus_message message;
    message.payload = payload;
    return addressed(std::move(message), event, log, "orders");
}

/// A service that consumes the topic "orders" into a storage.
struct fixture {
    storage& store;
    memory_event_bus bus;
    std::shared_ptr<std::atomic<bool>> is_mended = std::make_shared<std::atomic<bool>>(false);
    consumer_options options;
    std::unique_ptr<bus_consumer> consumer;

    explicit fixture(storage& on) : store{on} {
        bus.create_topic("orders", 3);
        options.name = "board.v1";
        options.topic = "orders";
        options.attempts_max = 2;
        options.batch_max = 10;
        options.retry = {.first = 1ms, .cap = 5ms};
        options.poll_interval = 5ms;
        options.commit_interval = 5ms;
        options.reads = [](const recorded_event& event) { return event.stream.text(); };
        options.apply = [mended = is_mended](read_model& rows,
                                             const recorded_event& event) -> result<void> {
            const auto key = event.stream.text();
            const auto known = rows.get(key);
            const auto before = known ? std::stoull(known->body) : 0;
            rows.put({key, std::to_string(before * 10 + event.version.value()), {}});
            if (event.message.payload == "fail" && !*mended) throw std::runtime_error{"no"};
            if (event.message.payload == "{") return error{errc::undecodable, "no json"};
            return {};
        };
    }
    ~fixture() { stop(); }

    void start() {
        consumer = std::make_unique<bus_consumer>(threads(), store, bus, options);
        consumer->start();
    }
    void stop() {
        if (consumer) run(threads(), consumer->stop());
    }
    void publish(std::vector<bus_message> batch) {
        const auto size = batch.size();
        const auto reports = run(threads(), bus.publish(std::move(batch)));
        REQUIRE(reports.size() == size);
        for (const auto& each : reports) REQUIRE(each.outcome == delivery::persisted);
    }
    /// Events of order-a in the store's own log, which is answered.
    message_id append(const std::vector<std::string>& payloads) {
        append_request request;
        request.stream = stream_id{"order", "a"};
        request.expected = expected_version::none();
        for (const auto& each : payloads) {
            request.events.push_back({next_id(), {"order.placed.v1", each}});
        }
        auto batch = std::make_shared<std::vector<append_request>>();
        batch->push_back(std::move(request));
        const auto outcomes = run(threads(), store.append(std::move(batch)));
        REQUIRE(std::holds_alternative<append_committed>(outcomes.front()));
        return run(threads(), store.status()).value().incarnation;
    }
    /// Waits until `holds`, for at most a minute.
    template <class Condition>
    void wait(const Condition& holds) {
        tidemark::event never;
        const auto until = threads().clock().steady() + 1min;
        while (threads().clock().steady() < until) {
            if (holds()) return;
            CHECK(!run(threads(), never.wait_for(threads(), 1ms)));
        }
        CAPTURE(consumer->status().reason);
        FAIL("it did not come true");
    }
    /// After it, its counts are those of all that was published.
    void wait_for_commit(const std::string& group = "board.v1") {
        wait([&] { return bus.lag("orders", group) == 0; });
    }
    std::string effects(const std::string& id) {
        auto found = run(threads(), store.find_document("board.v1", "order-" + id));
        REQUIRE(found.has_value());
        return *found ? (**found).body : "";
    }
    void wait_for_effects(const std::string& id, const std::string& expected) {
        wait([&] { return effects(id) == expected; });
    }
    waiting_stream wait_until_waiting(stream_state state) {
        std::vector<waiting_stream> found;
        wait([&] {
            found = run(threads(), consumer->waiting(10)).value();
            return found.size() == 1 && found[0].stands.state == state;
        });
        return found[0];
    }
    std::vector<bus_message> letters(std::size_t count) {
        std::vector<bus_message> all;
        auto reader = bus.subscribe("orders.dlq", "reader");
        wait([&] {
            auto polling = reader->poll(100);
            auto batch = run(threads(), with_timeout(threads(), std::move(polling), 10ms));
            if (batch) all.insert(all.end(), batch->begin(), batch->end());
            return all.size() >= count;
        });
        reader->close();
        return all;
    }
};

void on_each_store(const std::function<void(fixture&)>& test) {
    for_each_backend([&](contract_store& c) {
        fixture f{c.store()};
        test(f);
    });
}

}  // namespace

TEST_CASE("bus consumer: every event takes effect once, over duplicates and restarts") {
    on_each_store([](fixture& f) {
        f.publish({event_of("a", 1), event_of("a", 2), event_of("b", 1), event_of("a", 2)});
        f.start();
        f.wait_for_commit();
        CHECK(f.effects("a") == "12");
        CHECK(f.effects("b") == "1");
        CHECK(f.consumer->status().applied == 3);
        CHECK(f.consumer->status().duplicates == 1);
        f.stop();
        f.publish({event_of("a", 1), event_of("a", 3), event_of("b", 1), event_of("b", 2)});
        f.start();
        f.wait_for_commit();
        CHECK(f.effects("a") == "123");
        CHECK(f.effects("b") == "12");
    });
}

TEST_CASE("bus consumer: a group that begins anew repeats nothing, because the storage knows") {
    on_each_store([](fixture& f) {
        f.publish({event_of("a", 1), event_of("a", 2)});
        f.start();
        f.wait_for_effects("a", "12");
        f.stop();
        f.options.group = "another";
        f.publish({event_of("a", 3)});
        f.start();
        f.wait_for_commit("another");
        CHECK(f.effects("a") == "123");
        CHECK(f.consumer->status().duplicates == 2);
    });
}

TEST_CASE("bus consumer: what has not arrived is read from the log, if that can be asked") {
    on_each_store([](fixture& f) {
        const auto log = f.append(std::vector<std::string>(8, "ok"));
        f.options.log = &f.store;
        f.options.batch_max = 3;
        f.start();
        f.publish({event_of("a", 1, "ok", log), event_of("a", 7, "ok", log)});
        f.wait_for_effects("a", "1234567");
        f.wait_for_commit();
        CHECK(f.consumer->status().fetched == 5);
        // Beyond the end of the log nothing can be fetched: the stream waits.
        f.publish({event_of("a", 11, "ok", log)});
        CHECK(f.wait_until_waiting(stream_state::gap).stands.version == 8);
        CHECK(f.effects("a") == "12345678");
    });
}

TEST_CASE("bus consumer: a stream with a hole waits, others go on, and it heals by itself") {
    on_each_store([](fixture& f) {
        f.start();
        f.publish({event_of("a", 1), event_of("a", 3), event_of("b", 1)});
        f.wait_for_effects("b", "1");
        CHECK(f.wait_until_waiting(stream_state::gap).stream == stream_id{"order", "a"});
        CHECK(f.effects("a") == "1");
        f.publish({event_of("a", 2)});
        f.wait_for_effects("a", "123");
        f.wait([&] { return f.consumer->status().waiting_streams == 0; });
    });
}

TEST_CASE("bus consumer: a poison event parks its stream with all that follows, in order") {
    on_each_store([](fixture& f) {
        f.start();
        f.publish({event_of("a", 1), event_of("a", 2, "fail"), event_of("a", 3)});
        const auto parked = f.wait_until_waiting(stream_state::parked);
        CHECK(parked.stands.version == 1);
        CHECK(parked.stands.attempts == 2);
        CHECK(parked.stands.code == "user_code_threw");
        f.publish({event_of("a", 4), event_of("b", 1)});
        f.wait_for_effects("b", "1");
        f.wait_for_commit();
        CHECK(f.effects("a") == "1");
        const auto letters = f.letters(3);
        REQUIRE(letters.size() == 3);
        CHECK(letters[0].payload == "fail");
        CHECK(letters[0].key == "order-a");
        CHECK(find_header(letters[0], dead_letter_header::topic) == "orders");
        CHECK(find_header(letters[0], dead_letter_header::consumer) == "board.v1");
        const auto reason = find_header(letters[0], dead_letter_header::reason);
        CHECK(reason.value_or("").find("(stream order-a, version 2): no") != std::string::npos);
        CHECK(find_header(letters[2], bus_header::version) == "4");
        f.wait([&] { return f.consumer->status().parked_messages == 3; });

        *f.is_mended = true;
        const auto tried = run(threads(), f.consumer->resume(parked.place, dry)).value();
        CHECK(tried.applied == 3);
        CHECK(tried.stands.state == stream_state::flowing);
        CHECK(f.effects("a") == "1");
        const auto resumed = run(threads(), f.consumer->resume(parked.place, by_ada)).value();
        CHECK(resumed.applied == 3);
        CHECK(f.effects("a") == "1234");
        const auto again = run(threads(), f.consumer->resume(parked.place, by_ada));
        CHECK(again.error().code() == errc::not_found);
        f.wait([&] { return f.consumer->status().parked_messages == 0; });
        f.publish({event_of("a", 5)});
        f.wait_for_effects("a", "12345");
    });
}

TEST_CASE("bus consumer: who resumed and skipped is kept with what it did, newest first") {
    on_each_store([](fixture& f) {
        f.start();
        f.publish({event_of("a", 1), event_of("a", 2, "fail"), event_of("a", 3)});
        const auto parked = f.wait_until_waiting(stream_state::parked);
        const auto found = run(threads(), f.consumer->waiting_of({"order", "a"})).value();
        REQUIRE(found.size() == 1);
        CHECK(found[0].place == parked.place);
        CHECK(run(threads(), f.consumer->waiting_of({"order", "b"})).value().empty());

        REQUIRE(run(threads(), f.consumer->resume(parked.place, dry)).has_value());
        CHECK(run(threads(), f.consumer->history(10)).value().empty());
        REQUIRE(run(threads(), f.consumer->resume_all({"bob", "a look"})).has_value());
        REQUIRE(run(threads(), f.consumer->skip(parked.place, by_ada)).has_value());
        const auto kept = run(threads(), f.consumer->history(10)).value();
        REQUIRE(kept.size() == 2);
        CHECK(kept[0].action == "skip");
        CHECK(kept[0].consumer == "board.v1");
        CHECK(kept[0].place == parked.place);
        CHECK(kept[0].actor == "ada");
        CHECK(kept[0].reason == "mended");
        CHECK(kept[0].version == 1);
        CHECK(kept[0].applied == 1);
        CHECK(kept[1].action == "resume");
        CHECK(kept[1].place.empty());
        CHECK(kept[1].actor == "bob");
        CHECK(run(threads(), f.consumer->history(1)).value().size() == 1);
    });
}

TEST_CASE("bus consumer: a failure that passes is tried again without an operator") {
    on_each_store([](fixture& f) {
        f.options.attempts_max = 1'000'000;
        f.start();
        f.publish({event_of("a", 1, "fail"), event_of("a", 2)});
        f.wait([&] { return f.consumer->status().failures >= 3; });
        CHECK(f.effects("a").empty());
        *f.is_mended = true;
        f.wait_for_effects("a", "12");
        f.wait([&] { return f.consumer->status().waiting_streams == 0; });
    });
}

TEST_CASE("bus consumer: what is parked outlives the process, and can be skipped") {
    on_each_store([](fixture& f) {
        f.start();
        f.publish({event_of("a", 1, "fail"), event_of("a", 2)});
        const auto parked = f.wait_until_waiting(stream_state::parked);
        f.stop();
        f.start();
        CHECK(f.wait_until_waiting(stream_state::parked).stands.since == parked.stands.since);
        CHECK(run(threads(), f.consumer->skip(parked.place, dry)).value().applied == 1);
        CHECK(f.effects("a").empty());
        CHECK(run(threads(), f.consumer->skip(parked.place, by_ada)).value().applied == 1);
        CHECK(f.effects("a") == "2");
    });
}

TEST_CASE("bus consumer: messages that are no events go to the dead-letter topic") {
    on_each_store([](fixture& f) {
        bus_message foreign{"orders", "k", "hello", {{"from", "somebody"}}};
        auto unnamed = event_of("u", 1);
        std::erase_if(unnamed.headers, [](const auto& h) { return h.name == bus_header::name; });
        auto huge = event_of("h", 1, std::string(3'000, 'x'));
        f.options.limits.bytes_max = 2'000;
        f.start();
        f.publish({foreign, event_of("a", 1), unnamed, huge, event_of("a", 2, "{")});
        const auto letters = f.letters(4);
        CHECK(letters.size() == 4);
        CHECK(f.wait_until_waiting(stream_state::parked).stands.code == "undecodable");
        std::set<std::string> codes;
        for (const auto& each : letters) {
            codes.emplace(find_header(each, dead_letter_header::code).value_or(""));
            if (each.key == "k") CHECK(each.payload == "hello");
        }
        CHECK(codes == std::set<std::string>{"malformed_payload", "too_large", "undecodable"});
        CHECK(f.effects("a") == "1");
        f.wait_for_commit();
        // Handed over, those without a stream are kept no longer.
        f.wait([&] {
            return run(threads(), f.store.query("board.v1.parked", {})).value().size() == 1;
        });
    });
}

TEST_CASE("bus consumer: an event that cannot be read parks its stream, log or not") {
    on_each_store([](fixture& f) {
        const auto log = f.append({"ok", "{", "ok", "ok"});
        f.options.log = &f.store;
        f.start();
        f.publish({event_of("a", 1, "ok", log), event_of("a", 4, "ok", log), event_of("b", 1)});
        const auto parked = f.wait_until_waiting(stream_state::parked);
        CHECK(parked.stands.version == 1);
        CHECK(parked.stands.code == "undecodable");
        f.wait_for_effects("b", "1");
        f.wait_for_commit();
        CHECK(run(threads(), f.consumer->skip(parked.place, by_ada)).value().applied == 2);
        CHECK(f.effects("a") == "134");
    });
}

TEST_CASE("bus consumer: messages that are no events do not stop it, with nowhere to go either") {
    on_each_store([](fixture& f) {
        f.options.dead_letter_topic = "-";
        f.options.kept_max = 20;
        f.start();
        for (int i = 0; i < 6; ++i) {
            std::vector<bus_message> foreign;
            for (int k = 0; k < 30; ++k) {
                foreign.push_back({"orders", "k", std::to_string(i * 30 + k), {}});
            }
            f.publish(std::move(foreign));
        }
        f.publish({event_of("a", 1)});
        f.wait_for_effects("a", "1");
        f.wait_for_commit();
        f.wait([&] {
            return run(threads(), f.store.query("board.v1.parked", {})).value().size() <= 100;
        });
    });
}

TEST_CASE("bus consumer: at kept_max it stands still and goes on when there is room") {
    on_each_store([](fixture& f) {
        f.options.kept_max = 2;
        f.options.batch_max = 1;
        f.start();
        f.publish({event_of("a", 1, "fail"), event_of("a", 2), event_of("a", 3), event_of("a", 4)});
        const auto parked = f.wait_until_waiting(stream_state::parked);
        f.wait([&] { return f.consumer->status().reason.find("kept_max") != std::string::npos; });
        *f.is_mended = true;
        // By batches of one: the rest follows by itself.
        CHECK(run(threads(), f.consumer->resume(parked.place, by_ada)).value().applied == 1);
        f.wait_for_effects("a", "1234");
    });
}

TEST_CASE("bus consumer: members that come and go neither repeat nor lose anything") {
    on_each_store([](fixture& f) {
        f.start();
        bus_consumer second{threads(), f.store, f.bus, f.options};
        second.start();
        std::vector<std::unique_ptr<bus_consumer>> others;
        for (std::uint64_t at = 1; at <= 6; ++at) {
            for (const auto* id : {"a", "b", "c", "d", "e", "f"}) f.publish({event_of(id, at)});
            // Reads, and goes without a word.
            auto lost = f.bus.subscribe("orders", "board.v1");
            const auto some = run(threads(), with_timeout(threads(), lost->poll(3), 5ms));
            CHECK((some.has_value() || some.error().code() == errc::timed_out));
        }
        f.wait_for_commit();
        for (const auto* id : {"a", "b", "c", "d", "e", "f"}) CHECK(f.effects(id) == "123456");
        run(threads(), second.stop());
    });
}

TEST_CASE("bus consumer: who is stopped has committed what it stored") {
    on_each_store([](fixture& f) {
        std::vector<bus_message> many;
        for (std::uint64_t at = 1; at <= 9; ++at) many.push_back(event_of("a", at));
        f.publish(std::move(many));
        f.options.batch_max = 2;
        f.start();
        f.wait_for_effects("a", "123456789");
        f.stop();
        CHECK(f.bus.lag("orders", "board.v1") == 0);
        CHECK(f.consumer->status().phase == consumer_fsm::phase::stopped);
    });
}

namespace {

/// Is away, or does not say whether it has stored something.
class weak_storage final : public memory_storage {
  public:
    using memory_storage::memory_storage;
    std::atomic<int> failures_left{0};

    awaitable<result<void>> update(std::string name, checkpoint from, checkpoint to,
                                   std::function<void(read_model&)> change) override {
        if (failures_left.load() <= 0) {
            co_return co_await memory_storage::update(std::move(name), from, to, std::move(change));
        }
        const auto left = failures_left.fetch_sub(1);
        if (left % 2 == 0) co_return error{errc::unavailable, "the server went away"};
        auto stored = co_await memory_storage::update(std::move(name), from, to, std::move(change));
        if (!stored) co_return stored;
        co_return error{errc::unknown_outcome, "the server went away"};
    }
};

}  // namespace

TEST_CASE("bus consumer: a storage that goes away costs time, not events") {
    weak_storage store{threads().clock()};
    fixture f{store};
    store.failures_left = 12;
    f.start();
    f.publish({event_of("a", 1), event_of("a", 2), event_of("b", 1)});
    f.wait_for_effects("a", "12");
    f.wait_for_effects("b", "1");
    f.wait_for_commit();
    f.publish({event_of("a", 3)});
    f.wait_for_effects("a", "123");
    f.stop();
}

TEST_CASE("bus consumer: options that cannot be are refused with a sentence") {
    memory_storage store{threads().clock()};
    fixture f{store};
    f.options.topic.clear();
    CHECK_THROWS_AS(f.start(), std::invalid_argument);
    f.options.topic = "orders";
    f.options.dead_letter_topic = "orders";
    CHECK_THROWS_AS(f.start(), std::invalid_argument);
}
