#include "tidemark/eventbus/kafka_handle.hpp"

#include "tidemark/observability/log.hpp"

#include <cstdio>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace tidemark::kafka {
namespace {

const log::source kafka_log{"kafka"};

listener& heard_by(void* opaque) { return *static_cast<listener*>(opaque); }

void on_delivered(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    heard_by(opaque).delivered(*message, message->_private);
}

void on_failed(rd_kafka_t* handle, int code, const char* reason, void* opaque) {
    auto what = static_cast<rd_kafka_resp_err_t>(code);
    if (what != RD_KAFKA_RESP_ERR__FATAL) return heard_by(opaque).failed(what, reason);
    char text[512];
    rd_kafka_fatal_error(handle, text, sizeof text);
    heard_by(opaque).failed(what, text);
}

int on_measured(rd_kafka_t*, char* json, std::size_t size, void* opaque) {
    heard_by(opaque).measured({json, size});
    return 0;  // librdkafka frees it
}

/// Refuses what OpenSSL refuses, and passes on why, which librdkafka keeps to itself.
int on_certificate(rd_kafka_t*, const char* broker, std::int32_t, int* x509_error, int, const char*,
                   std::size_t, char* why, std::size_t size, void* opaque) {
    if (*x509_error == 0) return 1;
    heard_by(opaque).distrusted(broker, *x509_error);
    std::snprintf(why, size, "OpenSSL's verification ended with %d", *x509_error);
    return 0;
}

void on_rebalanced(rd_kafka_t* handle, rd_kafka_resp_err_t code,
                   rd_kafka_topic_partition_list_t* parts, void* opaque) {
    heard_by(opaque).rebalanced(*handle, code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, *parts);
}

/// librdkafka's own lines, from its own threads. Its levels are those of syslog.
void on_line(const rd_kafka_t*, int level, const char* facility, const char* text) {
    constexpr int syslog_error = 3;
    constexpr int syslog_informational = 6;
    const log::field fields[] = {{"facility", std::string_view{facility}},
                                 {"text", std::string_view{text}}};
    // What it calls an error is a broker that went away: it copes, so it is a warning of ours.
    kafka_log.write(level <= syslog_error           ? log::level::warn
                    : level <= syslog_informational ? log::level::debug
                                                    : log::level::trace,
                    "librdkafka", fields);
}

bool is_refusal(rd_kafka_resp_err_t code) {
    switch (code) {
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_INVALID_MSG:
        case RD_KAFKA_RESP_ERR_INVALID_RECORD:
        case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
            return true;
        default:
            return false;
    }
}

errc code_of(rd_kafka_resp_err_t code) {
    switch (code) {
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        case RD_KAFKA_RESP_ERR__UNKNOWN_GROUP:
            return errc::not_found;
        case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
        case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
        case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
        case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        case RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
            return errc::stale;
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
            return errc::too_large;
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
        case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
        case RD_KAFKA_RESP_ERR__INVALID_ARG:
        case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
            return errc::invalid_argument;
        default:
            return errc::unavailable;
    }
}

}  // namespace

settings::settings(const kafka_options& options) : conf_{rd_kafka_conf_new()} {
    set("bootstrap.servers", options.brokers);
    set("client.id", options.client_id);
    set("security.protocol", options.security);
    set("allow.auto.create.topics", "false");
    set("socket.keepalive.enable", "true");
    set("reconnect.backoff.ms", "50");
    set("reconnect.backoff.max.ms", "2000");
    // A host name may lead to addresses of which only some listen.
    set("broker.address.family", "any");
    if (options.security.find("sasl") == 0) {
        if (options.username.empty() || options.password.empty()) {
            throw std::invalid_argument{"Kafka: kafka.security " + options.security +
                                        " needs kafka.username and kafka.password"};
        }
        set("sasl.mechanism", options.sasl_mechanism);
        set("sasl.username", options.username);
        set("sasl.password", options.password);
    }
    if (options.security.find("ssl") != std::string::npos) {
        set("ssl.endpoint.identification.algorithm", "https");
        if (!options.ca_file.empty() && !std::ifstream{options.ca_file}) {
            // librdkafka would not say which file it means.
            throw std::invalid_argument{"Kafka: the file of certificates \"" + options.ca_file +
                                        "\" (kafka.ca_file) cannot be read"};
        }
        if (!options.ca_file.empty()) set("ssl.ca.location", options.ca_file);
        rd_kafka_conf_set_ssl_cert_verify_cb(conf_.get(), on_certificate);
    }
    rd_kafka_conf_set_log_cb(conf_.get(), on_line);
    rd_kafka_conf_set_error_cb(conf_.get(), on_failed);
    rd_kafka_conf_set_stats_cb(conf_.get(), on_measured);
}

void settings::set(const char* name, const std::string& value) {
    char why[512];
    if (rd_kafka_conf_set(conf_.get(), name, value.c_str(), why, sizeof why) == RD_KAFKA_CONF_OK)
        return;
    const bool is_secret = std::strstr(name, "password") != nullptr;
    throw std::invalid_argument{std::string{"Kafka setting "} + name + " = \"" +
                                (is_secret ? "***" : value) + "\": " + why};
}

void settings::set(const char* name, duration value) {
    const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(value).count();
    set(name, std::to_string(whole));
}

handle_ptr settings::make(rd_kafka_type_t kind, listener& heard) {
    rd_kafka_conf_set_opaque(conf_.get(), &heard);
    if (kind == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf_.get(), on_delivered);
    if (kind == RD_KAFKA_CONSUMER) rd_kafka_conf_set_rebalance_cb(conf_.get(), on_rebalanced);
    char why[512];
    auto* const made = rd_kafka_new(kind, conf_.get(), why, sizeof why);
    if (made == nullptr) throw std::invalid_argument{std::string{"Kafka client: "} + why};
    (void)conf_.release();  // the handle has it now
    return handle_ptr{made};
}

int milliseconds(duration span) {
    return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(span).count());
}

bool is_unknown_topic(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

delivery_report judge(rd_kafka_resp_err_t code, rd_kafka_msg_status_t status,
                      std::string_view topic, bool is_dead) {
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || status == RD_KAFKA_MSG_STATUS_PERSISTED) {
        return {delivery::persisted, {}};
    }
    auto reason = "topic \"" + std::string{topic} + "\": " + rd_kafka_err2str(code);
    if (is_dead || code == RD_KAFKA_RESP_ERR__FATAL) return {delivery::fatal, std::move(reason)};
    if (is_refusal(code)) return {delivery::refused, std::move(reason)};
    if (status == RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED) {
        return {delivery::possibly_persisted, std::move(reason)};
    }
    return {delivery::not_persisted, std::move(reason)};
}

error as_error(rd_kafka_resp_err_t code, std::string_view doing, std::string_view detail) {
    auto text = std::string{doing} + ": " + rd_kafka_err2str(code);
    if (!detail.empty()) text += " (" + std::string{detail} + ")";
    return {code_of(code), std::move(text)};
}

}  // namespace tidemark::kafka
