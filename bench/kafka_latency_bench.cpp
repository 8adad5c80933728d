/// How soon what a command has caused has taken effect in another process: 1,000 commands a second
/// in this one, whether those before are done or not; over PostgreSQL, the relay and three real
/// brokers to a consumer that is this very program, started with arguments, and keeps a document
/// for each account in a database of its own.

#include "tidemark/bench/bare_kafka.hpp"
#include "tidemark/bench/bus_effects.hpp"
#include "tidemark/bench/closed_loop.hpp"
#include "tidemark/bench/latencies.hpp"
#include "tidemark/bench/postgres_world.hpp"
#include "tidemark/bench/watched_models.hpp"
#include "tidemark/eventbus/kafka_event_bus.hpp"

#include <benchmark/benchmark.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using bench::latencies;
using bench::postgres_world;
using namespace std::chrono_literals;

constexpr std::uint64_t rate = 1'000;
constexpr std::uint64_t accounts = 200;
constexpr auto patience = 60s;
constexpr std::string_view is_ready = "ready";

/// Position in the sender's log → when; the clock is the machine's, so processes can compare.
using moments = std::map<std::uint64_t, latencies::clock::time_point>;

// ---- the other process --------------------------------------------------------------------------

/// Takes `first` events in, says so, takes `rest` more in, and prints when each was committed.
int consume(const std::string& topic, const std::string& url, std::uint64_t first,
            std::uint64_t rest) {
    tidemark::io io;
    const auto store = tidemark::postgres_storage::open({.url = url}).value();
    tidemark::kafka_event_bus bus{io, io.shard(io.shard_count() - 1), bench::reached_brokers()};
    moments seen;
    tidemark::event news;
    bench::watched_models models{
        *store, [&](const std::vector<std::uint64_t>& events, latencies::clock::time_point at) {
            const auto before = seen.size();
            for (const auto each : events) seen.emplace(each, at);
            if (before < first && seen.size() >= first) std::cout << is_ready << std::endl;
            if (seen.size() >= first + rest) news.notify();
        }};
    tidemark::bus_consumer consumer{io, models, bus, bench::balances_from(topic, topic, models)};
    consumer.start();
    const auto is_complete = tidemark::run(io, news.wait_for(io, patience));
    tidemark::run(io, consumer.stop());
    if (!is_complete) {
        std::cerr << "only " << seen.size() << " events came: " << consumer.status().reason << "\n";
        return 1;
    }
    for (const auto& [position, at] : seen) {
        std::cout << position << " " << at.time_since_epoch().count() << "\n";
    }
    return 0;
}

/// This program, as a consumer.
class other_process {
  public:
    other_process(const std::string& topic, const std::string& url, std::uint64_t first,
                  std::uint64_t rest)
        : pipe_{::popen(("exec /proc/" + std::to_string(::getpid()) + "/exe consume '" + topic +
                         "' '" + url + "' " + std::to_string(first) + " " + std::to_string(rest))
                            .c_str(),
                        "r"),
                ::pclose} {
        if (!pipe_) throw std::runtime_error{"the consumer's process could not be started"};
    }
    void wait_until_ready() {
        if (line() != is_ready) throw std::runtime_error{"the consumer's process has ended"};
    }
    /// When each event was committed there.
    moments wait_until_done() {
        moments out;
        for (auto told = line(); !told.empty(); told = line()) {
            const auto space = told.find(' ');
            const latencies::clock::duration since{std::stoll(told.substr(space + 1))};
            out.emplace(std::stoull(told), since);
        }
        return out;
    }

  private:
    /// Without its end; empty behind the last one.
    std::string line() {
        char text[128];
        if (std::fgets(text, sizeof text, pipe_.get()) == nullptr) return {};
        std::string out{text};
        out.pop_back();
        return out;
    }

    std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe_;
};

// ---- this process -------------------------------------------------------------------------------

/// When a command was given, and answered; by the position of its event.
struct commanded {
    moments given;
    moments accepted;
};

tidemark::awaitable<void> deposit(postgres_world& w, std::uint64_t number, commanded& told,
                                  std::mutex& mutex) {
    const auto given = latencies::clock::now();
    auto all = w.runtime->store<bank::account>();
    const auto to = w.account(number % accounts);
    const bank::money amount{1};
    const auto done = co_await all.execute<bank::account::deposit>(to, amount);
    if (!done) throw std::runtime_error{done.reason()};
    const auto accepted = latencies::clock::now();
    const std::scoped_lock lock{mutex};
    const auto at = done.receipt().position.value();
    told.given.emplace(at, given);
    told.accepted.emplace(at, accepted);
}

void command_until_effect(benchmark::State& state) {
    const auto options = bench::reached_brokers();
    std::string topic;
    auto make_bus = [&](tidemark::io& io) -> std::unique_ptr<tidemark::event_bus> {
        topic = "bench-commands-" + io.fresh_id().to_string();
        return std::make_unique<tidemark::kafka_event_bus>(io, io.shard(io.shard_count() - 1),
                                                           options);
    };
    auto relayed = [&](tidemark::runtime& on) { on.relay({.topic = topic}); };
    postgres_world w{relayed, {}, make_bus};
    const bench::bench_database database;
    const auto calls = bench::calls_of(5 * rate);
    tidemark::run(w.io, w.bus->ensure_topic(topic)).value();
    other_process other{topic, database.url(), accounts, calls};
    w.open_accounts(accounts);
    other.wait_until_ready();
    commanded told;
    std::mutex mutex;
    latencies unused{1};
    auto once = [&](std::uint64_t number) { return deposit(w, number, told, mutex); };
    for (auto _ : state) bench::open_loop(w.io, rate, calls, unused, once);
    const auto committed = other.wait_until_done();
    latencies took{1};
    const auto& since = state.range(0) == 0 ? told.accepted : told.given;
    for (const auto& [position, at] : since) {
        if (!committed.contains(position)) throw std::runtime_error{"an event did not arrive"};
        took.add(0, std::max(committed.at(position) - at, latencies::clock::duration{}));
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls));
    took.tell(state);
}
BENCHMARK(command_until_effect)->Name("kafka/other_process")->Arg(0)->UseRealTime()->Iterations(1);
BENCHMARK(command_until_effect)
    ->Name("kafka/other_process/from_command")
    ->Arg(1)
    ->UseRealTime()
    ->Iterations(1);

tidemark::awaitable<void> send_time(bench::bare_producer& with, const std::string& topic,
                                    std::uint64_t number) {
    const auto now = latencies::clock::now().time_since_epoch().count();
    with.send({topic, "key-" + std::to_string(number), std::to_string(now), {}});
    co_return;
}

/// What librdkafka and the brokers take for as many messages a second, with nothing of ours and no
/// database: from the producer to the consumer.
void brokers_alone(benchmark::State& state) {
    const auto options = bench::reached_brokers();
    tidemark::io io{{.shards = 1}};
    tidemark::kafka_event_bus bus{io, io.shard(0), options};
    const auto topic = "bench-bare-" + io.fresh_id().to_string();
    tidemark::run(io, bus.ensure_topic(topic)).value();
    bench::bare_producer producer{options};
    auto send = [&](std::uint64_t number) { return send_time(producer, topic, number); };
    const auto first = options.partitions * 10;
    const auto calls = bench::calls_of(5 * rate);
    latencies took{1};
    tidemark::event has_begun;
    tidemark::event is_done;
    std::thread reader{[&, until = latencies::clock::now() + 2 * patience] {
        bench::bare_consumer consumer{options, topic, topic};
        const auto take_in = [&](std::size_t count, auto taken) {
            for (std::size_t seen = 0; seen < count && latencies::clock::now() < until;) {
                consumer.poll([&](std::string_view payload) {
                    ++seen;
                    taken(payload);
                });
            }
        };
        // Both know the brokers and have their partitions before anything is timed.
        take_in(first, [](std::string_view) {});
        has_begun.notify();
        take_in(calls, [&took](std::string_view payload) {
            const latencies::clock::duration sent{std::stoll(std::string{payload})};
            took.add(0, latencies::clock::now().time_since_epoch() - sent);
        });
        is_done.notify();
    }};
    for (std::size_t i = 0; i < first; ++i) tidemark::run(io, send(i));
    tidemark::run(io, has_begun.wait());
    latencies unused{1};
    for (auto _ : state) bench::open_loop(io, rate, calls, unused, send);
    tidemark::run(io, is_done.wait());
    reader.join();
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls));
    took.tell(state);
}
BENCHMARK(brokers_alone)->Name("kafka/other_process/bare")->UseRealTime()->Iterations(1);

}  // namespace

int main(int count, char** words) {
    if (count == 6 && std::string_view{words[1]} == "consume") {
        return consume(words[2], words[3], std::stoull(words[4]), std::stoull(words[5]));
    }
    benchmark::Initialize(&count, words);
    if (benchmark::ReportUnrecognizedArguments(count, words)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
