#include "tidemark/eventbus/kafka_mock.hpp"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <stdexcept>
#include <vector>

namespace tidemark::testing {

struct kafka_mock::state {
    rd_kafka_t* handle = nullptr;
    rd_kafka_mock_cluster_t* cluster = nullptr;
};

namespace {

/// The protocol's number of a produce request.
constexpr std::int16_t produce_request = 0;

void demand(rd_kafka_resp_err_t code) {
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error{rd_kafka_err2str(code)};
}

}  // namespace

kafka_mock::kafka_mock(int brokers) : state_{std::make_unique<state>()} {
    char why[256];
    auto* const conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "client.id", "mock", why, sizeof why);
    rd_kafka_conf_set(conf, "log_level", "0", why, sizeof why);
    state_->handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (state_->handle == nullptr) throw std::runtime_error{why};
    state_->cluster = rd_kafka_mock_cluster_new(state_->handle, brokers);
    if (state_->cluster == nullptr) throw std::runtime_error{"no mock cluster"};
}

kafka_mock::~kafka_mock() {
    rd_kafka_mock_cluster_destroy(state_->cluster);
    rd_kafka_destroy(state_->handle);
}

std::string kafka_mock::brokers() const {
    return rd_kafka_mock_cluster_bootstraps(state_->cluster);
}

void kafka_mock::create_topic(const std::string& name, std::size_t partitions) {
    demand(
        rd_kafka_mock_topic_create(state_->cluster, name.c_str(), static_cast<int>(partitions), 1));
}

void kafka_mock::forbid_topic(const std::string& name) {
    rd_kafka_mock_topic_set_error(state_->cluster, name.c_str(),
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
}

void kafka_mock::set_down(int id, bool is_down) {
    demand(is_down ? rd_kafka_mock_broker_set_down(state_->cluster, id)
                   : rd_kafka_mock_broker_set_up(state_->cluster, id));
}

void kafka_mock::set_latency(int id, int milliseconds) {
    demand(rd_kafka_mock_broker_set_rtt(state_->cluster, id, milliseconds));
}

void kafka_mock::fail_produce(int protocol_error, std::size_t count) {
    const std::vector<rd_kafka_resp_err_t> all(count,
                                               static_cast<rd_kafka_resp_err_t>(protocol_error));
    rd_kafka_mock_push_request_errors_array(state_->cluster, produce_request, all.size(),
                                            all.data());
}

void kafka_mock::set_leader(const std::string& topic, int partition, int id) {
    demand(rd_kafka_mock_partition_set_leader(state_->cluster, topic.c_str(), partition, id));
}

}  // namespace tidemark::testing
