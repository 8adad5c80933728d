#include "tidemark/eventbus/kafka_topics.hpp"

#include <algorithm>
#include <utility>

namespace tidemark::kafka {
namespace {

constexpr int moving_attempts_max = 20;
constexpr int moving_pause_milliseconds = 200;

struct metadata_closer {
    void operator()(const rd_kafka_metadata_t* told) const { rd_kafka_metadata_destroy(told); }
};
struct wanted_topic_closer {
    void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }
};

kafka_topic::partition as_partition(const rd_kafka_metadata_partition_t& told) {
    kafka_topic::partition out;
    out.number = told.id;
    if (told.leader >= 0) out.leader = told.leader;
    out.replicas.assign(told.replicas, told.replicas + told.replica_cnt);
    out.in_sync.assign(told.isrs, told.isrs + told.isr_cnt);
    return out;
}

kafka_topic as_topic(const rd_kafka_metadata_topic_t& told) {
    kafka_topic out;
    out.name = told.topic;
    for (auto i = 0; i < told.partition_cnt; ++i) {
        out.partitions.push_back(as_partition(told.partitions[i]));
    }
    std::ranges::sort(out.partitions, {}, &kafka_topic::partition::number);
    return out;
}

std::string called(const std::string& name) {
    return name.empty() ? "asking for the topics" : "asking for topic \"" + name + "\"";
}

/// What the brokers said about the topic that was to be made.
result<void> judge_creation(rd_kafka_event_t& told, const std::string& doing) {
    std::size_t count = 0;
    const auto* const made = rd_kafka_event_CreateTopics_result(&told);
    const auto* const* const each = rd_kafka_CreateTopics_result_topics(made, &count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto code = rd_kafka_topic_result_error(each[i]);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            continue;
        }
        const auto* const text = rd_kafka_topic_result_error_string(each[i]);
        std::string detail = text != nullptr ? text : "";
        if (code == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR) {
            // More brokers may come; until then it is tried again.
            detail += "; start more brokers, or lower kafka.replication";
        }
        return as_error(code, doing, detail);
    }
    return {};
}

/// Right after a topic was made, or a broker went, its leaders are not where they were said to be.
bool is_moving(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
           code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

bool has_moving(const rd_kafka_topic_partition_list_t& parts) {
    return std::any_of(parts.elems, parts.elems + parts.cnt,
                       [](const auto& part) { return is_moving(part.err); });
}

/// Asks again while leaders move, for a few seconds. What is asked for stands where the answer
/// comes, so it is kept.
rd_kafka_resp_err_t find_offsets_of_moving(rd_kafka_t& handle,
                                           rd_kafka_topic_partition_list_t& parts,
                                           duration within) {
    const parts_ptr asked{rd_kafka_topic_partition_list_copy(&parts)};
    const queue_ptr pause{rd_kafka_queue_new(&handle)};
    for (auto attempt = 1;; ++attempt) {
        const auto code = rd_kafka_offsets_for_times(&handle, &parts, milliseconds(within));
        const auto is_settled = !is_moving(code) && !has_moving(parts);
        if (is_settled || attempt == moving_attempts_max) return code;
        const event_ptr none{rd_kafka_queue_poll(pause.get(), moving_pause_milliseconds)};
        for (auto i = 0; i < parts.cnt; ++i) parts.elems[i].offset = asked->elems[i].offset;
    }
}

}  // namespace

result<std::vector<kafka_topic>> find_topics(rd_kafka_t& handle, const std::string& name,
                                             duration within, const trouble& known) {
    topic_ptr named;
    if (!name.empty()) {
        named.reset(rd_kafka_topic_new(&handle, name.c_str(), nullptr));
        if (!named) return as_error(rd_kafka_last_error(), called(name));
    }
    const rd_kafka_metadata_t* told = nullptr;
    const auto code =
        rd_kafka_metadata(&handle, name.empty() ? 1 : 0, named.get(), &told, milliseconds(within));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return as_error(code, called(name), known.text());
    const std::unique_ptr<const rd_kafka_metadata_t, metadata_closer> kept{told};
    std::vector<kafka_topic> out;
    for (auto i = 0; i < told->topic_cnt; ++i) {
        const auto& topic = told->topics[i];
        if (!name.empty() && topic.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return as_error(topic.err, called(name));
        }
        out.push_back(as_topic(topic));
    }
    if (!name.empty() && out.size() != 1) {
        return error{errc::not_found, called(name) + ": no answer about it"};
    }
    std::ranges::sort(out, {}, &kafka_topic::name);
    return out;
}

result<void> make_topic(rd_kafka_t& handle, const wanted_topic& topic, duration within,
                        const trouble& known) {
    const auto doing = "creating topic \"" + topic.name + "\"";
    const auto copies = topic.replication == 0 ? -1 : static_cast<int>(topic.replication);
    char why[512];
    const std::unique_ptr<rd_kafka_NewTopic_t, wanted_topic_closer> wanted{rd_kafka_NewTopic_new(
        topic.name.c_str(), static_cast<int>(topic.partitions), copies, why, sizeof why)};
    if (!wanted) return error{errc::invalid_argument, doing + ": " + why};
    const queue_ptr answers{rd_kafka_queue_new(&handle)};
    rd_kafka_NewTopic_t* all[] = {wanted.get()};
    rd_kafka_CreateTopics(&handle, all, 1, nullptr, answers.get());
    const event_ptr told{rd_kafka_queue_poll(answers.get(), milliseconds(within))};
    if (!told) return error{errc::timed_out, doing + ": no answer; " + known.text()};
    if (const auto code = rd_kafka_event_error(told.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return as_error(code, doing, rd_kafka_event_error_string(told.get()));
    }
    return judge_creation(*told, doing);
}

result<void> check_partitions(const std::string& topic, std::size_t found, std::size_t wanted) {
    if (found == wanted) return {};
    return error{errc::schema_mismatch,
                 "topic \"" + topic + "\" has " + std::to_string(found) + " partitions and not " +
                     std::to_string(wanted) +
                     "; a key would change its partition and lose its order: set "
                     "kafka.partitions to what it has, or name another topic"};
}

result<void> find_offsets(rd_kafka_t& handle, rd_kafka_topic_partition_list_t& parts,
                          duration within, const trouble& known) {
    if (parts.cnt == 0) return {};
    const auto doing = "asking for offsets of \"" + std::string{parts.elems[0].topic} + "\"";
    const auto code = find_offsets_of_moving(handle, parts, within);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return as_error(code, doing, known.text());
    for (auto i = 0; i < parts.cnt; ++i) {
        const auto& part = parts.elems[i];
        if (part.err == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
        return as_error(part.err, doing + ", partition " + std::to_string(part.partition));
    }
    return {};
}

}  // namespace tidemark::kafka
