#include "tidemark/eventbus/kafka_reading.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <tuple>
#include <utility>

namespace tidemark::kafka {
namespace {

std::optional<instant> stored_at(const rd_kafka_message_t& message) {
    rd_kafka_timestamp_type_t kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    const auto at = rd_kafka_message_timestamp(&message, &kind);
    if (kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || at < 0) return std::nullopt;
    return instant{std::chrono::milliseconds{at}};
}

bool is_older(const kafka_peeked& a, const kafka_peeked& b) {
    return std::tie(a.stored_at, a.partition, a.offset) <
           std::tie(b.stored_at, b.partition, b.offset);
}

/// Partitions that are being read; they are let go at the end.
class reader {
  public:
    reader(rd_kafka_t& handle, const reading& wanted)
        : wanted_{wanted},
          topic_{rd_kafka_topic_new(&handle, wanted.topic.c_str(), nullptr)},
          queue_{rd_kafka_queue_new(&handle)} {}
    ~reader() {
        for (const auto& [partition, left] : under_way_) {
            rd_kafka_consume_stop(topic_.get(), partition);
        }
    }
    reader(const reader&) = delete;
    reader& operator=(const reader&) = delete;

    result<void> begin() {
        if (!topic_) return failure(rd_kafka_last_error(), -1);
        for (const auto& span : wanted_.spans) {
            if (rd_kafka_consume_start_queue(topic_.get(), span.partition, span.first,
                                             queue_.get()) != 0) {
                return failure(rd_kafka_last_error(), span.partition);
            }
            under_way_[span.partition] = {span.end, wanted_.limit};
        }
        return {};
    }

    [[nodiscard]] bool is_done() const { return under_way_.empty(); }

    /// The next message, with an error of its own; null: nothing came for so long.
    message_ptr next(duration within) {
        return message_ptr{rd_kafka_consume_queue(queue_.get(), milliseconds(within))};
    }

    result<void> take(const rd_kafka_message_t& message, std::vector<kafka_peeked>& out) {
        const auto found = under_way_.find(message.partition);
        // What was fetched beyond the span.
        if (found == under_way_.end()) return {};
        if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return leave(message.partition);
        if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return failure(message.err, message.partition);
        }
        auto& [end, left] = found->second;
        if (message.offset < end) {
            out.push_back({message.partition, message.offset, stored_at(message),
                           as_message(message, wanted_.topic, wanted_.payload_max), message.len});
            --left;
        }
        if (left == 0 || message.offset + 1 >= end) return leave(message.partition);
        return {};
    }

  private:
    struct rest {
        std::int64_t end = 0;
        std::size_t messages = 0;
    };

    result<void> leave(std::int32_t partition) {
        rd_kafka_consume_stop(topic_.get(), partition);
        under_way_.erase(partition);
        return {};
    }

    error failure(rd_kafka_resp_err_t code, std::int32_t partition) const {
        return as_error(code, "reading \"" + wanted_.topic + "\"",
                        "partition " + std::to_string(partition));
    }

    const reading& wanted_;
    topic_ptr topic_;
    queue_ptr queue_;
    std::map<std::int32_t, rest> under_way_;
};

}  // namespace

bus_message as_message(const rd_kafka_message_t& from, const std::string& topic,
                       std::size_t payload_max) {
    bus_message out;
    out.topic = topic;
    if (from.key != nullptr) out.key.assign(static_cast<const char*>(from.key), from.key_len);
    if (from.payload != nullptr) {
        out.payload.assign(static_cast<const char*>(from.payload), std::min(from.len, payload_max));
    }
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(&from, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return out;
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
        const auto* const text = static_cast<const char*>(value);
        out.headers.push_back({name, text != nullptr ? std::string{text, size} : std::string{}});
    }
    return out;
}

result<std::vector<kafka_peeked>> read_spans(rd_kafka_t& handle, const reading& wanted,
                                             duration within, const trouble& known) {
    std::vector<kafka_peeked> out;
    if (wanted.limit == 0) return out;
    reader from{handle, wanted};
    if (const auto begun = from.begin(); !begun) return begun.error();
    while (!from.is_done()) {
        const auto message = from.next(within);
        if (!message) {
            return error{errc::timed_out, "reading \"" + wanted.topic + "\": nothing came within " +
                                              std::to_string(milliseconds(within)) + " ms; " +
                                              known.text()};
        }
        if (const auto taken = from.take(*message, out); !taken) return taken.error();
    }
    std::ranges::sort(out, is_older);
    if (out.size() <= wanted.limit) return out;
    const auto keep = static_cast<std::ptrdiff_t>(wanted.limit);
    if (wanted.is_last) {
        out.erase(out.begin(), out.end() - keep);
    } else {
        out.erase(out.begin() + keep, out.end());
    }
    return out;
}

}  // namespace tidemark::kafka
