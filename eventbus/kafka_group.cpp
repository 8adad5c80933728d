#include "tidemark/eventbus/kafka_group.hpp"

namespace tidemark::kafka {
namespace {

std::size_t count_held_by(const rd_kafka_MemberDescription_t* member, const std::string& topic) {
    const auto* const assignment = rd_kafka_MemberDescription_assignment(member);
    const auto* const parts = rd_kafka_MemberAssignment_partitions(assignment);
    std::size_t held = 0;
    for (auto i = 0; parts != nullptr && i < parts->cnt; ++i) {
        if (parts->elems[i].topic == topic) ++held;
    }
    return held;
}

}  // namespace

result<std::size_t> count_held(rd_kafka_t& handle, const std::string& group,
                               const std::string& topic, duration within) {
    const auto doing = "asking for group \"" + group + "\"";
    const queue_ptr answers{rd_kafka_queue_new(&handle)};
    const char* all[] = {group.c_str()};
    rd_kafka_DescribeConsumerGroups(&handle, all, 1, nullptr, answers.get());
    const event_ptr told{rd_kafka_queue_poll(answers.get(), milliseconds(within))};
    if (!told) return error{errc::timed_out, doing + ": no answer"};
    if (const auto code = rd_kafka_event_error(told.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return as_error(code, doing, rd_kafka_event_error_string(told.get()));
    }
    std::size_t count = 0;
    const auto* const found = rd_kafka_DescribeConsumerGroups_result_groups(
        rd_kafka_event_DescribeConsumerGroups_result(told.get()), &count);
    if (count != 1) return error{errc::not_found, doing + ": no answer about it"};
    if (const auto* const failure = rd_kafka_ConsumerGroupDescription_error(found[0])) {
        return as_error(rd_kafka_error_code(failure), doing, rd_kafka_error_string(failure));
    }
    const auto state = rd_kafka_ConsumerGroupDescription_state(found[0]);
    if (state != RD_KAFKA_CONSUMER_GROUP_STATE_STABLE) {
        return error{errc::unavailable,
                     doing + ": it is " + rd_kafka_consumer_group_state_name(state)};
    }
    std::size_t held = 0;
    const auto members = rd_kafka_ConsumerGroupDescription_member_count(found[0]);
    for (std::size_t i = 0; i < members; ++i) {
        held += count_held_by(rd_kafka_ConsumerGroupDescription_member(found[0], i), topic);
    }
    return held;
}

}  // namespace tidemark::kafka
