#pragma once

#include "tidemark/eventstore/memory_log.hpp"
#include "tidemark/eventstore/memory_models.hpp"
#include "tidemark/eventstore/storage.hpp"
#include "tidemark/eventstore/wake_list.hpp"

#include <mutex>

namespace tidemark {

struct memory_options {
    /// Identity of the log; none: a fresh one.
    message_id incarnation;
    /// Answer of `is_shared`: true if several runtimes write this storage.
    bool is_shared = false;
};

/// The reference backend: everything in this process, gone with it. Thread-safe by one lock;
/// completes without suspending its caller. Unbounded: it holds the whole log.
class memory_storage : public storage {
  public:
    explicit memory_storage(const clock& time, memory_options options = {});

    awaitable<std::vector<append_outcome>> append(append_batch batch) override;
    awaitable<result<std::vector<recorded_event>>> read(stream_id stream, version after,
                                                        std::size_t limit) override;
    awaitable<result<event_page>> read_all(position after, std::size_t limit) override;
    awaitable<result<event_page>> read_category(std::string category, position after,
                                                std::size_t limit) override;
    awaitable<result<std::optional<snapshot>>> latest_snapshot(stream_id stream,
                                                               std::string name) override;
    awaitable<result<void>> save_snapshot(snapshot taken) override;
    awaitable<result<std::vector<snapshot_summary>>> list_snapshots(snapshot_place after,
                                                                    std::size_t limit) override;
    awaitable<result<std::optional<answer>>> find_answer(std::string scope,
                                                         std::string id) override;
    awaitable<result<answer_sweep>> prune_answers(answer_place after, duration retention,
                                                  std::size_t limit) override;
    awaitable<result<std::vector<stream_summary>>> list_streams(std::string prefix,
                                                                std::string after,
                                                                std::size_t limit) override;
    awaitable<result<store_status>> status() override;
    [[nodiscard]] std::string_view kind() const override { return "memory"; }
    [[nodiscard]] bool is_shared() const override { return options_.is_shared; }
    [[nodiscard]] wake_token on_commit(std::function<void()> wake) override;

    awaitable<result<claim_page>> claim(claim_request request) override;
    awaitable<result<std::optional<claimed_effect>>> find(message_id effect) override;
    awaitable<result<std::vector<message_id>>> renew(std::string owner,
                                                     std::vector<effect_claim> held,
                                                     duration lease) override;
    awaitable<result<std::vector<message_id>>> complete(std::vector<completion> ended) override;
    awaitable<result<void>> retry_later(completion held, instant due, std::string error_code,
                                        std::string error_message) override;
    awaitable<result<void>> release(std::vector<completion> held) override;
    awaitable<result<void>> park(completion held, std::string error_code,
                                 std::string error_message) override;
    awaitable<result<std::vector<dead_letter>>> dead_letters(dead_letter_filter filter) override;
    awaitable<result<std::uint64_t>> dead_letter_count() override;
    awaitable<result<std::optional<instant>>> oldest_dead_letter() override;
    awaitable<result<void>> replay(message_id effect, audit_entry who) override;
    awaitable<result<void>> drop(message_id effect, audit_entry who) override;
    awaitable<result<std::vector<audit_record>>> audit_trail(std::size_t limit) override;
    awaitable<result<std::vector<claimed_effect>>> pending(stream_id source) override;
    awaitable<result<counts>> count() override;

    awaitable<result<checkpoint>> load_checkpoint(std::string name) override;
    awaitable<result<void>> update(std::string name, checkpoint from, checkpoint to,
                                   std::function<void(read_model&)> change) override;
    awaitable<result<std::optional<document>>> find_document(std::string name,
                                                             std::string key) override;
    awaitable<result<std::vector<document>>> query(std::string name, document_query query) override;
    awaitable<result<void>> swap(std::string live, std::string beside) override;
    awaitable<result<void>> erase_model(std::string name) override;
    awaitable<result<std::vector<model_summary>>> list_models() override;

  private:
    [[nodiscard]] std::vector<append_outcome> append_now(const append_batch& batch);

    const clock& clock_;
    memory_options options_;
    std::mutex mutex_;
    memory_log log_;
    memory_models models_;
    wake_list wakes_;
};

}  // namespace tidemark
