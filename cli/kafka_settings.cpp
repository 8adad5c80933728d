#include "tidemark/cli/kafka_settings.hpp"

#include <cstddef>
#include <string_view>

namespace tidemark::cli {
namespace {

constexpr std::string_view scheme = "kafka://";

std::size_t size_at(const settings& values, const char* name) {
    return static_cast<std::size_t>(values.integer(name));
}

bool is_here(std::string_view address) {
    const auto host = address.substr(0, address.rfind(':'));
    return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

}  // namespace

kafka_options kafka_settings(const settings& values) {
    kafka_options out;
    out.brokers = values.text("bus.url").substr(scheme.size());
    out.partitions = size_at(values, "kafka.partitions");
    out.creates_topics = values.boolean("kafka.create_topics");
    out.replication = size_at(values, "kafka.replication");
    out.security = values.text("kafka.security");
    out.sasl_mechanism = values.text("kafka.sasl_mechanism");
    out.username = values.text("kafka.username");
    out.password = values.text("kafka.password");
    out.ca_file = values.text("kafka.ca_file");
    out.compression = values.text("kafka.compression");
    out.linger = values.duration("kafka.linger");
    out.delivery_timeout = values.duration("kafka.delivery_timeout");
    out.transactional_id = values.text("kafka.transactional_id");
    out.message_bytes_max = static_cast<std::size_t>(values.bytes("kafka.message_bytes_max"));
    out.messages_queued_max = size_at(values, "kafka.messages_queued_max");
    out.bytes_queued_max = static_cast<std::size_t>(values.bytes("kafka.bytes_queued_max"));
    out.batch_bytes_max = static_cast<std::size_t>(values.bytes("kafka.batch_bytes_max"));
    out.bytes_fetched_max = static_cast<std::size_t>(values.bytes("kafka.bytes_fetched_max"));
    out.poll_interval_max = values.duration("kafka.poll_interval_max");
    out.session_timeout = values.duration("kafka.session_timeout");
    out.assignment = values.text("kafka.assignment");
    out.member_id = values.text("kafka.member_id");
    return out;
}

bool is_loopback(const kafka_options& options) {
    std::string_view rest = options.brokers;
    while (!rest.empty()) {
        const auto comma = rest.find(',');
        if (!is_here(rest.substr(0, comma))) return false;
        if (comma == std::string_view::npos) break;
        rest.remove_prefix(comma + 1);
    }
    return true;
}

}  // namespace tidemark::cli
