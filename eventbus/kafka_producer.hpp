#pragma once

#include "tidemark/async/event.hpp"
#include "tidemark/eventbus/kafka_handle.hpp"
#include "tidemark/eventbus/kafka_statistics.hpp"
#include "tidemark/eventbus/kafka_trouble.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

namespace tidemark::kafka {

/// One call of `publish`: its reports as they come in. Shared with the slots of its messages.
struct publication {
    explicit publication(std::size_t count) : reports(count), left{count} {}
    /// Each index is written once, before `left` is counted down.
    std::vector<delivery_report> reports;
    std::atomic<std::size_t> left;
    /// A broker did not know a topic: ask again before the next message.
    std::atomic<bool> has_lost_topic = false;
    /// Something was reported: look at `left`, or whether there is room again.
    event news;

    void report(std::size_t index, delivery_report told);
};

/// A producer as librdkafka has it, idempotent. Its callbacks run on `on`, whenever there is
/// something to hear; no thread waits for it. Thread-safe. `close` before the last owner lets go.
class producer final : public listener, public std::enable_shared_from_this<producer> {
  public:
    enum class taken : std::uint8_t { yes, full, refused };

    /// With a transactional id, what it sends goes in transactions. Throws `std::invalid_argument`
    /// for settings that librdkafka refuses.
    static std::shared_ptr<producer> make(const kafka_options& options, executor on,
                                          const std::string& transactional_id = {});
    ~producer() override;

    /// Takes message `index` of a publication, which is reported later; or it is full (try again
    /// after news), or the message is refused and has been reported.
    [[nodiscard]] taken send(const bus_message& message, const std::shared_ptr<publication>& of,
                             std::size_t index);
    /// Whether the topic is there, and with how many partitions. Blocks.
    [[nodiscard]] result<std::size_t> count_partitions(const std::string& topic, duration within);
    /// How many partitions of the topic the members of a group hold: see `kafka::count_held`.
    /// Blocks.
    [[nodiscard]] result<std::size_t> count_held(const std::string& group, const std::string& topic,
                                                 duration within);
    /// Makes the topic; one that is there is a success. Blocks.
    [[nodiscard]] result<void> create_topic(const std::string& topic, std::size_t partitions,
                                            std::size_t replication, duration within);

    // Transactions; `kafka_transaction.cpp`. The brokers' part:
    // https://cwiki.apache.org/confluence/display/KAFKA/KIP-98

    /// What the end of a transaction came to.
    enum class ending : std::uint8_t {
        done,
        /// The brokers have not decided: ask again for the same.
        open,
        /// It has to be undone.
        undo,
        /// Shut out, or broken for good; see `is_dead`.
        dead
    };
    struct transaction_end {
        ending how = ending::done;
        std::string reason;
    };
    /// Shuts out whoever had the transactional id; `unavailable` if the brokers do not answer: ask
    /// again. Blocks.
    [[nodiscard]] result<void> take_id(duration within);
    [[nodiscard]] transaction_end begin_transaction();
    /// After all reports. Blocks.
    [[nodiscard]] transaction_end commit_transaction(duration within);
    /// Blocks.
    [[nodiscard]] transaction_end undo_transaction(duration within);

    /// Broken for good: what it holds is reported `fatal`, and another one is needed.
    [[nodiscard]] bool is_dead() const { return is_dead_; }
    /// Why the brokers cannot be reached; empty if they can.
    [[nodiscard]] std::string trouble() const { return trouble_.text(); }
    /// As librdkafka told it last: every few seconds.
    [[nodiscard]] kafka_statistics statistics() const;
    /// What has no report yet gets one at once.
    void give_up();
    /// Gives up what has no report yet. Blocks; nothing can be sent afterwards.
    void close();

    void delivered(const rd_kafka_message_t& message, void* slot) override;
    void failed(rd_kafka_resp_err_t code, std::string_view reason) override;
    void distrusted(std::string_view broker, int x509_error) override;
    void measured(std::string_view json) override;

  private:
    struct ear;

    producer(const kafka_options& options, executor on);
    void attend();
    void fall_silent();
    [[nodiscard]] transaction_end judge_end(rd_kafka_error_t* failure);

    const executor on_;
    handle_ptr handle_;
    queue_ptr queue_;
    /// What librdkafka's threads call; outlives the handle, holds this weakly.
    std::unique_ptr<ear> ear_;
    /// Shared by users of the handle, exclusive while `close` takes it away.
    std::shared_mutex use_;
    std::atomic<bool> is_attending_ = false;
    std::atomic<bool> is_dead_ = false;
    bool has_given_up_ = false;
    kafka::trouble trouble_;
    mutable std::mutex statistics_mutex_;
    kafka_statistics statistics_;
};

}  // namespace tidemark::kafka
