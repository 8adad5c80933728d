/// What the bus adds on three real brokers: a relay from a log to a topic, beside librdkafka's own
/// producer and the log's own reading; a consumer from a topic to documents in PostgreSQL, beside
/// librdkafka's own consumer and the same rows written by hand.

#include "tidemark/async/event.hpp"
#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/bench/bare_kafka.hpp"
#include "tidemark/bench/bare_postgres.hpp"
#include "tidemark/bench/bus_effects.hpp"
#include "tidemark/bench/closed_loop.hpp"
#include "tidemark/bench/postgres_world.hpp"
#include "tidemark/bench/watched_models.hpp"
#include "tidemark/codec/json_codec.hpp"
#include "tidemark/eventbus/headers.hpp"
#include "tidemark/eventbus/kafka_event_bus.hpp"
#include "tidemark/eventbus/relay.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/eventstore/postgres_event_store.hpp"

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;
using namespace std::chrono_literals;

const std::string a_payload = bench::payload_of(220);

/// Events in a log, a hundred a stream; and on a topic, ten a stream.
const std::uint64_t log_events = bench::calls_of(200'000);
const std::uint64_t topic_events = bench::calls_of(200'000);
constexpr std::uint64_t events_a_stream = 10;

/// How much is read from a log, and taken in by a transaction, at a time: what relays and consumers
/// do unless told otherwise.
const std::size_t page_max = tidemark::relay_options{}.batch_max;
const std::size_t batch_max = tidemark::consumer_options{}.batch_max;

double seconds(clock_type::duration span) { return std::chrono::duration<double>(span).count(); }

std::string fresh_name(tidemark::io& on, const std::string& kind) {
    return "bench-" + kind + "-" + on.fresh_id().to_string();
}

/// A log of `log_events` and a bus whose brokers know us, with a topic of its own.
struct relay_world {
    explicit relay_world(bool is_on_postgres) {
        if (is_on_postgres) {
            database = std::make_unique<bench::bench_database>();
            events = tidemark::postgres_storage::open({.url = database->url()}).value();
        } else {
            events = std::make_unique<tidemark::memory_storage>(io.clock());
        }
        auto once = [this](std::uint64_t) { return append(100); };
        bench::closed_loop(io, 16, log_events / 100, once);
        tidemark::run(io, bus.ensure_topic(topic)).value();
        // The first messages wait for connections, for the producer's id, and until every broker
        // knows the topic.
        for (auto outcome = tidemark::delivery::not_persisted;
             outcome != tidemark::delivery::persisted;) {
            std::vector<tidemark::bus_message> batch(1);
            batch.front() = {.topic = topic, .key = "first", .payload = "{}", .headers = {}};
            outcome = tidemark::run(io, bus.publish(std::move(batch))).front().outcome;
        }
    }

    tidemark::awaitable<void> append(std::size_t count) {
        tidemark::append_request sent{
            .stream = tidemark::stream_id{"account", io.fresh_id().to_string()},
            .expected = tidemark::expected_version::none()};
        for (std::size_t i = 0; i < count; ++i) {
            sent.events.push_back(
                {.id = io.fresh_id(), .message = {"account.opened.v1", a_payload}});
        }
        sent.trace = {.correlation = io.fresh_id(), .causation = io.fresh_id(), .traceparent = {}};
        auto one =
            std::make_shared<const std::vector<tidemark::append_request>>(1, std::move(sent));
        const auto told = co_await events->append(one);
        if (!std::holds_alternative<tidemark::append_committed>(told.front())) {
            throw std::runtime_error{"an append was not committed"};
        }
    }

    /// The log as a relay reads it: page by page, in order.
    tidemark::awaitable<void> read(std::vector<tidemark::recorded_event>& out) {
        tidemark::position after;
        for (;;) {
            auto page = co_await events->read_all(after, page_max);
            if (!page) throw std::runtime_error{page.error().message()};
            if (page->events.empty()) co_return;
            after = page->seen;
            for (auto& each : page->events) out.push_back(std::move(each));
        }
    }

    std::unique_ptr<bench::bench_database> database;
    tidemark::io io;
    std::unique_ptr<tidemark::storage> events;
    tidemark::kafka_event_bus bus{io, io.shard(io.shard_count() - 1), bench::reached_brokers()};
    std::string topic = fresh_name(io, "relay");
};

void relay_log(benchmark::State& state) {
    relay_world w{state.range(0) == 1};
    const auto end = tidemark::run(w.io, w.events->status()).value().last_position;
    for (auto _ : state) {
        tidemark::relay relay{w.io, *w.events, *w.events, w.bus, {.topic = w.topic}};
        const auto begun = clock_type::now();
        relay.start();
        tidemark::event never;
        while (relay.status().checkpoint < end) {
            std::ignore = tidemark::run(w.io, never.wait_for(w.io, 1ms));
        }
        state.SetIterationTime(seconds(clock_type::now() - begun));
        tidemark::run(w.io, relay.stop());
        if (relay.status().published != log_events) std::abort();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(log_events));
}

void read_log(benchmark::State& state) {
    relay_world w{state.range(0) == 1};
    for (auto _ : state) {
        std::vector<tidemark::recorded_event> found;
        found.reserve(log_events);
        const auto begun = clock_type::now();
        tidemark::run(w.io, w.read(found));
        state.SetIterationTime(seconds(clock_type::now() - begun));
        if (found.size() != log_events) std::abort();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(log_events));
}

/// The very messages that the relay publishes, ready beforehand.
void produce_bare(benchmark::State& state) {
    relay_world w{false};
    std::vector<tidemark::recorded_event> found;
    tidemark::run(w.io, w.read(found));
    const auto log = tidemark::run(w.io, w.events->status()).value().incarnation;
    std::vector<tidemark::bus_message> messages;
    messages.reserve(found.size());
    for (const auto& each : found) {
        auto mapped = tidemark::publish_as_stored(each).value();
        messages.push_back(tidemark::addressed(std::move(mapped), each, log, w.topic));
        messages.back().headers.push_back({std::string{tidemark::bus_header::token}, "1"});
    }
    bench::bare_producer producer{bench::reached_brokers()};
    producer.publish(std::vector<tidemark::bus_message>(1, messages.front()));
    for (auto _ : state) {
        const auto begun = clock_type::now();
        producer.publish(messages);
        state.SetIterationTime(seconds(clock_type::now() - begun));
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(messages.size()));
}

BENCHMARK(produce_bare)->Name("kafka/producer")->UseManualTime()->Iterations(1);
BENCHMARK(relay_log)->Name("kafka/relay_memory")->Arg(0)->UseManualTime()->Iterations(1);
BENCHMARK(read_log)->Name("kafka/relay_memory/read")->Arg(0)->UseManualTime()->Iterations(1);
BENCHMARK(relay_log)->Name("kafka/relay_postgres")->Arg(1)->UseManualTime()->Iterations(1);
BENCHMARK(read_log)->Name("kafka/relay_postgres/read")->Arg(1)->UseManualTime()->Iterations(1);

/// Accounts that are opened and get deposits, turn by turn, as a relay would have published them.
std::vector<tidemark::bus_message> account_messages(const std::string& topic) {
    const auto log = tidemark::message_id::derive({"bench", topic});
    const auto streams = topic_events / events_a_stream;
    std::vector<tidemark::bus_message> out;
    for (std::uint64_t i = 0; i < topic_events; ++i) {
        tidemark::recorded_event event;
        event.position = tidemark::position{i + 1};
        event.stream = tidemark::stream_id{"account", std::to_string(i % streams)};
        event.version = tidemark::version{i / streams + 1};
        event.id = tidemark::message_id::derive({topic, std::to_string(i)});
        event.trace = {.correlation = event.id, .causation = event.id, .traceparent = {}};
        event.recorded_at = tidemark::instant{std::chrono::hours{480'000}};
        event.message = i < streams
                            ? tidemark::encode(bank::account::opened{.owner = "Ada", .at = {}})
                            : tidemark::encode(bank::account::deposited{.amount = bank::money{1}});
        auto mapped = tidemark::publish_as_stored(event).value();
        out.push_back(tidemark::addressed(std::move(mapped), event, log, topic));
    }
    return out;
}

/// Filled once and read by every row, each time by another group.
const std::string& filled_topic() {
    static const std::string name = [] {
        tidemark::io io;
        tidemark::kafka_event_bus bus{io, io.shard(0), bench::reached_brokers()};
        auto topic = fresh_name(io, "accounts");
        tidemark::run(io, bus.ensure_topic(topic)).value();
        bench::bare_producer{bench::reached_brokers()}.publish(account_messages(topic));
        return topic;
    }();
    return name;
}

/// Timed from the first commit to the last, so that joining the group does not count.
void consume(benchmark::State& state) {
    const auto& topic = filled_topic();
    const bench::bench_database database;
    tidemark::io io;
    const auto store = tidemark::postgres_storage::open({.url = database.url()}).value();
    tidemark::kafka_event_bus bus{io, io.shard(io.shard_count() - 1), bench::reached_brokers()};
    std::uint64_t seen = 0;
    std::uint64_t commits = 0;
    std::uint64_t uncounted = 0;
    clock_type::time_point first;
    clock_type::time_point last;
    tidemark::event is_all_seen;
    bench::watched_models models{
        *store, [&](const std::vector<std::uint64_t>& events, clock_type::time_point at) {
            if (seen == 0) {
                first = at;
                uncounted = events.size();
            }
            seen += events.size();
            ++commits;
            last = at;
            if (seen == topic_events) is_all_seen.notify();
        }};
    for (auto _ : state) {
        tidemark::bus_consumer consumer{
            io, models, bus, bench::balances_from(topic, fresh_name(io, "group"), models)};
        consumer.start();
        tidemark::run(io, is_all_seen.wait());
        tidemark::run(io, consumer.stop());
        state.SetIterationTime(seconds(last - first));
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(topic_events - uncounted));
    state.counters["events_a_commit"] =
        static_cast<double>(topic_events) / static_cast<double>(commits);
}

void consume_bare(benchmark::State& state) {
    const auto& topic = filled_topic();
    tidemark::io io;
    for (auto _ : state) {
        const auto took = bench::read_bare(bench::reached_brokers(), topic, fresh_name(io, "group"),
                                           topic_events);
        state.SetIterationTime(seconds(took));
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(topic_events));
}

/// The rows that the consumer writes, two for each event of a batch, and nothing else.
void write_bare(benchmark::State& state) {
    const bench::bench_database database;
    bench::bare_session session{database.url()};
    const auto streams = topic_events / events_a_stream;
    std::vector<std::string> keys;
    const std::string body(80, 'x');
    for (auto _ : state) {
        const auto begun = clock_type::now();
        for (std::uint64_t done = 0; done < topic_events; done += batch_max) {
            keys.clear();
            for (std::uint64_t i = done; i < done + std::min(batch_max, streams); ++i) {
                keys.push_back(std::to_string(i % streams));
            }
            session.execute("BEGIN");
            session.upsert("documents", keys, body);
            session.upsert("places", keys, "10");
            session.execute("COMMIT");
        }
        state.SetIterationTime(seconds(clock_type::now() - begun));
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(topic_events));
}

BENCHMARK(consume)->Name("kafka/consumer")->UseManualTime()->Iterations(1);
BENCHMARK(consume_bare)->Name("kafka/consumer/bare")->UseManualTime()->Iterations(1);
BENCHMARK(write_bare)->Name("kafka/consumer/limit")->UseManualTime()->Iterations(1);

}  // namespace
