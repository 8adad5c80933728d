/// What a consumer makes of a topic (tests/kafka_relay_test.py): reads it from the beginning until
/// so many different events have come and nothing more does, or the time is over, and prints one
/// line of JSON.
///
///     kafka_reader BROKERS TOPIC EVENTS SECONDS
///
/// distinct: different (stream, version). duplicates: copies beyond the first. late: first copies
/// that came behind a later version of their stream. old_owner: messages that came behind one of a
/// later owner of the relay's lease, in their stream.

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/async/timeout.hpp"
#include "tidemark/eventbus/headers.hpp"
#include "tidemark/eventbus/kafka_event_bus.hpp"

#include <algorithm>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <utility>

using namespace tidemark;

namespace {

struct tally {
    std::set<std::pair<std::string, std::uint64_t>> seen;
    std::map<std::string, std::uint64_t> last;
    std::uint64_t duplicates = 0;
    std::uint64_t late = 0;
    std::uint64_t foreign = 0;
    std::uint64_t old_owner = 0;
    std::map<std::string, std::uint64_t> owners;

    void take(const bus_message& message) {
        const auto origin = origin_of(message);
        if (!origin) {
            ++foreign;
            return;
        }
        auto stream = origin->stream.text();
        const auto token = parse_header_number(header_value(message, bus_header::token));
        auto& owner = owners[stream];
        if (token.value_or(0) < owner) ++old_owner;
        owner = std::max(owner, token.value_or(0));
        const auto version = origin->version.value();
        if (!seen.emplace(stream, version).second) {
            ++duplicates;
            return;
        }
        auto& newest = last[std::move(stream)];
        if (version < newest) ++late;
        newest = std::max(newest, version);
    }
};

}  // namespace

int main(int count, char** words) {
    if (count != 5) {
        std::cerr << "kafka_reader BROKERS TOPIC EVENTS SECONDS\n";
        return 2;
    }
    io world{{.shards = 1}};
    kafka_options options;
    options.brokers = words[1];
    kafka_event_bus bus{world, world.shard(0), options};
    const auto wanted = std::stoull(words[3]);
    const auto until = world.clock().steady() + std::chrono::seconds{std::stoi(words[4])};
    const auto reader = bus.subscribe(words[2], "reader-" + world.fresh_id().to_string());
    tally told;
    while (world.clock().steady() < until) {
        auto polling = reader->poll(1'000);
        auto within = with_timeout(world, std::move(polling), std::chrono::seconds{1});
        const auto batch = run(world, std::move(within));
        if (!batch && told.seen.size() >= wanted) break;
        if (!batch) continue;
        for (const auto& each : *batch) told.take(each);
    }
    reader->close();
    std::cout << R"({"distinct":)" << told.seen.size() << R"(,"duplicates":)" << told.duplicates
              << R"(,"late":)" << told.late << R"(,"foreign":)" << told.foreign
              << R"(,"old_owner":)" << told.old_owner << "}\n";
    return 0;
}
