#include "tidemark/eventbus/kafka_producer.hpp"

#include <string>

/// What librdkafka's transactions say, as https://github.com/confluentinc/librdkafka/blob/v2.0.2/
/// src/rdkafka.h has it under "Transactional producer API".
namespace tidemark::kafka {
namespace {

const producer::transaction_end closed{producer::ending::dead, "the producer is closed"};

}  // namespace

result<void> producer::take_id(duration within) {
    const std::shared_lock held{use_};
    if (!handle_) return error{errc::shutting_down, "the producer is closed"};
    const failure_ptr failure{rd_kafka_init_transactions(handle_.get(), milliseconds(within))};
    if (!failure) return {};
    const auto code = rd_kafka_error_code(failure.get());
    const std::string detail = rd_kafka_error_string(failure.get());
    if (rd_kafka_error_is_retriable(failure.get()) != 0) {
        return error{errc::unavailable, "taking a transactional id: " + detail +
                                            (trouble_.text().empty() ? "" : "; ") +
                                            trouble_.text()};
    }
    return as_error(code, "taking a transactional id", detail);
}

producer::transaction_end producer::begin_transaction() {
    const std::shared_lock held{use_};
    return handle_ ? judge_end(rd_kafka_begin_transaction(handle_.get())) : closed;
}

producer::transaction_end producer::commit_transaction(duration within) {
    const std::shared_lock held{use_};
    if (!handle_) return closed;
    return judge_end(rd_kafka_commit_transaction(handle_.get(), milliseconds(within)));
}

producer::transaction_end producer::undo_transaction(duration within) {
    const std::shared_lock held{use_};
    if (!handle_) return closed;
    return judge_end(rd_kafka_abort_transaction(handle_.get(), milliseconds(within)));
}

producer::transaction_end producer::judge_end(rd_kafka_error_t* told) {
    const failure_ptr failure{told};
    if (!failure) return {};
    const std::string reason = rd_kafka_error_string(failure.get());
    if (rd_kafka_error_is_retriable(failure.get()) != 0) return {ending::open, reason};
    if (rd_kafka_error_txn_requires_abort(failure.get()) != 0) return {ending::undo, reason};
    is_dead_ = true;
    return {ending::dead, reason};
}

}  // namespace tidemark::kafka
