// What arrived on the bus against what is in the log: the part of the judges that knows relays.
#include "tidemark/eventbus/headers.hpp"
#include "tidemark/eventbus/relay.hpp"
#include "tidemark/testing/judges.hpp"

namespace tidemark::testing {
namespace {

/// Versions of each stream that a relay lets through, in order.
using streams_sent = std::map<std::string, std::vector<version>>;

streams_sent to_be_sent(const simulated_database& database, const relay_mapping& map) {
    streams_sent wanted;
    for (const auto& event : events_of(database)) {
        if (map(event)) wanted[event.stream.text()].push_back(event.version);
    }
    return wanted;
}

}  // namespace

std::optional<violation> judge_order(const simulated_bus& bus, const relay_options& relay,
                                     const simulated_database& database) {
    const auto wanted = to_be_sent(database, relay.map);
    std::map<std::string, std::size_t> seen;
    for (const auto& message : bus.messages(relay.topic)) {
        const auto origin = origin_of(message);
        if (!origin) return violation{"deliveries", origin.error().message()};
        const auto text = origin->stream.text();
        const auto sent = wanted.find(text);
        auto& count = seen[text];
        if (sent == wanted.end()) {
            return violation{"deliveries",
                             "an event of " + text + " is on the bus, not in the log"};
        }
        if (count > 0 && origin->version <= sent->second[count - 1]) continue;  // comes again
        if (count < sent->second.size() && origin->version == sent->second[count]) {
            ++count;
            continue;
        }
        return violation{"deliveries", text + ": version " +
                                           std::to_string(origin->version.value()) +
                                           " arrived when " + std::to_string(count) +
                                           " events had arrived before it"};
    }
    return std::nullopt;
}

std::uint64_t missing_deliveries(const simulated_bus& bus, const relay_options& relay,
                                 const simulated_database& database) {
    std::map<std::string, version> last;
    for (const auto& message : bus.messages(relay.topic)) {
        const auto origin = origin_of(message);
        if (!origin) continue;
        auto& reached = last[origin->stream.text()];
        reached = std::max(reached, origin->version);
    }
    std::uint64_t missing = 0;
    for (const auto& [stream, versions] : to_be_sent(database, relay.map)) {
        for (const auto each : versions) missing += each > last[stream] ? 1 : 0;
    }
    return missing;
}

}  // namespace tidemark::testing
