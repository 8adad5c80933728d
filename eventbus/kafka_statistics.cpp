#include "tidemark/eventbus/kafka_statistics.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <string>

namespace tidemark::kafka {
namespace {

namespace json = boost::json;

/// A number that is there and not negative, else 0.
std::uint64_t count_at(const json::object& in, std::string_view name) {
    const auto* const found = in.if_contains(name);
    if (found == nullptr || !found->is_int64()) return 0;
    return static_cast<std::uint64_t>(std::max<std::int64_t>(found->get_int64(), 0));
}

std::string_view text_at(const json::object& in, std::string_view name) {
    const auto* const found = in.if_contains(name);
    if (found == nullptr || !found->is_string()) return {};
    return found->get_string();
}

/// Round trips of all brokers, weighed by how many there were.
struct round_trips {
    std::uint64_t count = 0;
    double microseconds = 0;

    void add(const json::object& broker) {
        const auto* const found = broker.if_contains("rtt");
        if (found == nullptr || !found->is_object()) return;
        const auto times = count_at(found->get_object(), "cnt");
        count += times;
        microseconds +=
            static_cast<double>(times) * static_cast<double>(count_at(found->get_object(), "avg"));
    }
    double mean_seconds() const {
        return count == 0 ? 0 : microseconds / static_cast<double>(count) / 1e6;
    }
};

void add_broker(const json::object& broker, kafka_statistics& to) {
    to.requests_failed += count_at(broker, "txerrs") + count_at(broker, "req_timeouts");
    to.requests_repeated += count_at(broker, "txretries");
    // Where to begin, and coordinators, are the same brokers under other names.
    const auto* const id = broker.if_contains("nodeid");
    if (id == nullptr || !id->is_int64() || id->get_int64() < 0) return;
    if (text_at(broker, "source") == "logical") return;
    const auto state = text_at(broker, "state");
    ++(state == "UP" ? to.brokers_up : state == "INIT" ? to.brokers_idle : to.brokers_down);
}

}  // namespace

std::optional<kafka_statistics> parse_statistics(std::string_view text) {
    boost::system::error_code wrong;
    const auto document = json::parse(text, wrong);
    if (wrong || !document.is_object()) return std::nullopt;
    const auto& all = document.get_object();
    kafka_statistics out;
    out.messages_waiting = count_at(all, "msg_cnt");
    out.bytes_waiting = count_at(all, "msg_size");
    const auto* const brokers = all.if_contains("brokers");
    if (brokers == nullptr || !brokers->is_object()) return std::nullopt;
    round_trips trips;
    for (const auto& [name, broker] : brokers->get_object()) {
        if (!broker.is_object()) continue;
        add_broker(broker.get_object(), out);
        trips.add(broker.get_object());
    }
    out.round_trip_seconds = trips.mean_seconds();
    return out;
}

}  // namespace tidemark::kafka
