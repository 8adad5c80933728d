#include "tidemark/cli/bus_access.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/kafka_settings.hpp"
#include "tidemark/core/time_text.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/observability/log.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <stdexcept>
#include <utility>
#include <variant>

namespace tidemark::cli {
namespace {

std::optional<std::int64_t> as_offset(const std::string& text) {
    std::int64_t out = 0;
    const auto* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, out);
    if (parsed.ec != std::errc{} || parsed.ptr != end || out < 0) return std::nullopt;
    return out;
}

std::optional<duration> as_span(const std::string& text) {
    const setting span{.name = "place", .type = setting_type::time_span};
    const auto parsed = parse_setting(span, text);
    const auto* const value = std::get_if<setting_value>(&parsed);
    if (value == nullptr) return std::nullopt;
    return std::chrono::microseconds{std::get<std::int64_t>(*value)};
}

/// The settings that a message about brokers names, and where each comes from.
std::string sources_of(const settings& values, const std::string& message) {
    auto out = "bus.url, " + values.at("bus.url").source;
    for (const auto* name : {"kafka.security", "kafka.sasl_mechanism", "kafka.username",
                             "kafka.password", "kafka.ca_file", "kafka.partitions"}) {
        if (message.find(name) == std::string::npos) continue;
        out += "; " + std::string{name} + ", " + values.at(name).source;
    }
    return out;
}

/// What is wrong with a topic that is there; empty if nothing is.
std::string fault_of(const kafka_topic& topic, const settings& values) {
    const auto wanted = static_cast<std::size_t>(values.integer("kafka.partitions"));
    if (topic.partitions.size() != wanted) {
        return "has " + std::to_string(topic.partitions.size()) + " partitions and not " +
               std::to_string(wanted);
    }
    const auto copies = static_cast<std::size_t>(values.integer("kafka.replication"));
    for (const auto& part : topic.partitions) {
        const auto at = "partition " + std::to_string(part.number);
        if (!part.leader) return at + " has no leader: nothing can be published to it";
        if (part.replicas.size() < copies) {
            return at + " has " + std::to_string(part.replicas.size()) + " copies and not " +
                   std::to_string(copies);
        }
        if (part.in_sync.size() < part.replicas.size()) {
            return at + " has " + std::to_string(part.replicas.size()) + " copies, and only " +
                   std::to_string(part.in_sync.size()) + " are complete";
        }
    }
    return "";
}

finding check_topic(kafka_admin& brokers, const settings& values, const std::string& name,
                    bool may_be_missing) {
    const auto found = brokers.topic(name);
    if (!found && found.error().code() == errc::not_found) {
        const auto* const seen = "is not there yet; the first start of its relay makes it";
        return {name, may_be_missing, seen, "start the program that publishes to it"};
    }
    if (!found) return {name, false, found.error().message(), "see the message"};
    const auto fault = fault_of(*found, values);
    const auto copies = found->partitions.empty() ? 0 : found->partitions.front().replicas.size();
    return {name, fault.empty(),
            fault.empty() ? std::to_string(found->partitions.size()) + " partitions, " +
                                std::to_string(copies) + " copies of each, all complete"
                          : fault,
            "set kafka.partitions and kafka.replication to what it has, name another topic, or "
            "mend the brokers"};
}

}  // namespace

std::unique_ptr<kafka_admin> open_brokers(session& in) {
    const auto& values = in.values();
    const auto from = "bus.url, " + values.at("bus.url").source;
    if (!values.text("bus.url").starts_with("kafka:")) {
        throw failure{
            exit_code::usage,
            {"CLI-011",
             "the bus is " + shown(values.at("bus.url")) + ", which no other process can look into",
             from, in.what().called() + " bus topics --bus kafka://host:port"}};
    }
    // What librdkafka says of its brokers is in the message, if it matters.
    if (!in.is_verbose) log::set_level("kafka", log::level::off);
    try {
        auto options = kafka_settings(values);
        options.client_id = in.what().name + "-operator";
        return std::make_unique<kafka_admin>(std::move(options));
    } catch (const std::invalid_argument& refused) {
        throw failure{exit_code::usage,
                      {"CLI-011", refused.what(), sources_of(values, refused.what()),
                       "correct the setting that the message names"}};
    }
}

failure to_bus_failure(const settings& values, const error& why) {
    const auto from = sources_of(values, why.message());
    switch (why.code()) {
        case errc::not_found:
            return {exit_code::failed,
                    {"CLI-004", why.message(), from, "list what is there: bus topics, bus groups"}};
        case errc::conflict:
        case errc::stale:
            return {exit_code::conflict,
                    {"CLI-005", why.message(), from, "stop its members, then try again"}};
        default:
            return {exit_code::unreachable,
                    {"CLI-012", why.message(), from,
                     "correct the setting that the message names, or start the brokers"}};
    }
}

kafka_place parse_place(const std::string& text, instant now) {
    using kind = kafka_place::kind;
    if (text == "start") return {};
    if (text == "end") return {.what = kind::end};
    if (const auto offset = as_offset(text)) return {.what = kind::offset, .offset = *offset};
    if (const auto at = parse_instant(text)) return {.what = kind::time, .time = *at};
    if (const auto ago = as_span(text)) return {.what = kind::time, .time = now - *ago};
    throw failure{
        exit_code::usage,
        {"CLI-002", "\"" + text + "\" is no place: start, end, an offset, a time or how long ago",
         "the command line", "end, 1042, 2026-03-01T09:00:00Z or 90min"}};
}

std::vector<finding> check_topics(kafka_admin& brokers, const settings& values,
                                  const std::vector<std::string>& topics, bool may_be_missing) {
    const auto all = brokers.topics();
    if (!all) {
        const auto why = to_bus_failure(values, all.error());
        return {{"brokers", false, why.said().what, why.said().fix}};
    }
    std::vector<finding> out{
        {"brokers", true,
         values.text("bus.url") + " answers, " + std::to_string(all->size()) + " topics", ""}};
    for (const auto& name : topics) {
        out.push_back(check_topic(brokers, values, name, may_be_missing));
    }
    return out;
}

std::vector<finding> check_brokers(session& in) {
    try {
        const auto brokers = open_brokers(in);
        return check_topics(*brokers, in.values(), published_topics(in.what(), in.values()), true);
    } catch (const failure& e) {
        return {{"brokers", false, e.said().what, e.said().fix}};
    }
}

std::vector<std::string> published_topics(const app& what, const settings& values) {
    io world{{.shards = 1, .blocking_threads = 1}};
    memory_storage events{world.clock()};
    memory_event_bus bus;
    runtime wired{world, events, bus};
    if (what.wire) what.wire(wired, values);
    std::vector<std::string> out;
    for (const auto& relay : wired.relays()) out.push_back(relay.topic);
    return out;
}

}  // namespace tidemark::cli
