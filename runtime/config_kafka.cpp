#include "tidemark/runtime/config_kafka.hpp"

#include "tidemark/runtime/setting_kinds.hpp"

#include <algorithm>
#include <vector>

namespace tidemark {
namespace {

constexpr std::string_view scheme = "kafka://";

using type = setting_type;

std::vector<std::string_view> parts_of(std::string_view list) {
    std::vector<std::string_view> out;
    while (!list.empty()) {
        const auto part = list.substr(0, list.find(','));
        out.push_back(part);
        list.remove_prefix(std::min(list.size(), part.size() + 1));
    }
    return out;
}

bool is_address(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return false;
    const auto port = text.substr(colon + 1);
    return port.size() <= 5 &&
           std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
}

/// Of what waits, on either way.
void add_bounds(config_schema& schema) {
    schema.add(integer_setting("kafka.messages_queued_max", "20000", "100", "1000000",
                               "Messages on their way to the brokers; publishing waits there."));
    schema.add({.name = "kafka.bytes_queued_max",
                .type = type::bytes,
                .fallback = "64MiB",
                .doc = "Bytes on their way to the brokers; publishing waits there. At least two of "
                       "the largest messages.",
                .least = "1MiB",
                .most = "1GiB"});
    schema.add({.name = "kafka.batch_bytes_max",
                .type = type::bytes,
                .fallback = "1MiB",
                .doc = "Bytes of messages sent together; one larger message goes alone.",
                .least = "1KiB",
                .most = "100MiB"});
    schema.add({.name = "kafka.bytes_fetched_max",
                .type = type::bytes,
                .fallback = "8MiB",
                .doc = "Bytes of a partition that are fetched and not yet taken in.",
                .least = "64KiB",
                .most = "1GiB"});
    schema.add(span_setting("kafka.poll_interval_max", "5min", "6s", "1h",
                            "How long a consumer may be at work without a sign before it counts "
                            "as hung; waiting for its store is no such work."));
}

}  // namespace

std::optional<std::string> check_bus(std::string_view url) {
    if (url.starts_with("memory:")) {
        return url == "memory:" ? std::nullopt
                                : std::optional<std::string>{"must be memory: and no more"};
    }
    if (!url.starts_with(scheme)) return "must read kafka://host:port,host:port";
    const auto brokers = parts_of(url.substr(scheme.size()));
    if (brokers.empty() || !std::ranges::all_of(brokers, is_address)) {
        return "must read kafka://host:port,host:port; user and password are kafka.username and "
               "kafka.password";
    }
    return std::nullopt;
}

void add_kafka(config_schema& schema) {
    schema.add(integer_setting(
        "kafka.partitions", "6", "1", "10000",
        "Partitions of the topics: how a missing one is made and what others must have."));
    schema.add(flag_setting(
        "kafka.create_topics", "true",
        "Whether a topic that is missing, or was deleted, is made; otherwise it is waited for."));
    schema.add(integer_setting(
        "kafka.replication", "0", "0", "32",
        "Copies of each partition of a topic that is made; 0: the brokers' default."));
    schema.add(choice_setting("kafka.security", "plaintext",
                              {"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"},
                              "How brokers are spoken to; a service speaks plaintext, "
                              "sasl_plaintext too, to this machine only."));
    schema.add(choice_setting("kafka.sasl_mechanism", "SCRAM-SHA-512",
                              {"SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"},
                              "How the user is proven, with a sasl_ security."));
    schema.add(text_setting("kafka.username", "The user, with a sasl_ security."));
    schema.add(secret_setting("kafka.password", "Its password."));
    schema.add(text_setting("kafka.ca_file",
                            "Certificates a broker's is checked against; empty: the system's."));
    schema.add(choice_setting("kafka.compression", "lz4", {"none", "lz4", "zstd", "gzip", "snappy"},
                              "How batches are compressed."));
    schema.add(span_setting("kafka.linger", "500us", "0s", "10s",
                            "How long a message waits for company."));
    schema.add(
        span_setting("kafka.delivery_timeout", "30s", "1s", "1h",
                     "How long brokers have to take a message before it is published again."));
    schema.add(text_setting("kafka.transactional_id",
                            "With it, relays publish in transactions under ids that begin so, and "
                            "brokers shut out a relay whose lease another one has taken."));
    schema.add({.name = "kafka.message_bytes_max",
                .type = type::bytes,
                .fallback = "960KiB",
                .doc = "Largest message, key and headers included, as brokers have it in "
                       "message.max.bytes; any event fits, what a mapping makes larger stops its "
                       "relay.",
                .least = "960KiB",
                .most = "100MiB"});
    add_bounds(schema);
    schema.add(span_setting("kafka.session_timeout", "10s", "6s", "5min",
                            "How long a consumer may be silent before others get its partitions."));
    schema.add(choice_setting(
        "kafka.assignment", "range", {"range", "roundrobin", "cooperative-sticky"},
        "How partitions are dealt out; cooperative-sticky needs librdkafka 2.10 or newer."));
    schema.add(
        text_setting("kafka.member_id", "Name by which a consumer comes back to its partitions."));
}

}  // namespace tidemark
