#pragma once

#include "tidemark/eventstore/postgres_options.hpp"
#include "tidemark/eventstore/postgres_pool.hpp"
#include "tidemark/eventstore/postgres_writer.hpp"
#include "tidemark/eventstore/storage.hpp"

#include <memory>
#include <string>
#include <vector>

namespace tidemark {

class postgres_parts;
struct horizon_holder;

/// The backend for production: one PostgreSQL database, any number of processes. A few threads
/// append with group commit, others ask, each with a session of its own. Calls suspend and resume
/// on the caller's executor. Destroyed after every call has been answered; the destructor joins
/// the threads.
class postgres_storage final : public storage {
  public:
    /// Connects, migrates if the options say so, and checks server, schema and log. Blocks; for
    /// start-up. `time`: null, by the database's clock; otherwise it outlives the store (tests).
    /// `unavailable`, `bad_setting` (URL, login, a server that loses commits), `schema_mismatch`,
    /// `corrupt`.
    [[nodiscard]] static result<std::unique_ptr<postgres_storage>> open(
        postgres_options options, const clock* time = nullptr);
    ~postgres_storage() override;
    postgres_storage(const postgres_storage&) = delete;
    postgres_storage& operator=(const postgres_storage&) = delete;

    [[nodiscard]] postgres_commit_counts commits() const;
    /// The connections for everything but appends.
    [[nodiscard]] postgres_pool::counts connections() const;
    [[nodiscard]] std::size_t connections_max() const;
    /// Sessions with an append under way, the one that holds the horizon back most first.
    [[nodiscard]] awaitable<result<std::vector<horizon_holder>>> find_horizon_holders();

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
    [[nodiscard]] std::string_view kind() const override { return "postgres"; }
    [[nodiscard]] bool is_shared() const override { return true; }
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
    explicit postgres_storage(std::unique_ptr<postgres_parts> parts);

    std::unique_ptr<postgres_parts> parts_;
};

}  // namespace tidemark
