#pragma once

#include "tidemark/eventstore/sqlite_options.hpp"
#include "tidemark/eventstore/storage.hpp"

#include <memory>
#include <string>

namespace tidemark {

class sqlite_parts;

/// The embedded backend: one SQLite file, one serving process, one thread that writes with group
/// commit and a few that read. Calls suspend and resume on the caller's executor. Destroyed after
/// every call has been answered; the destructor joins the threads.
class sqlite_storage final : public storage {
  public:
    /// Opens the file, or creates it. Blocks; for start-up. `locked` (another process serves it),
    /// `corrupt` (foreign or damaged), `schema_mismatch` (newer or edited), `io_error`, `not_found`
    /// (read-only and not there).
    [[nodiscard]] static result<std::unique_ptr<sqlite_storage>> open(const clock& time,
                                                                      sqlite_options options);
    ~sqlite_storage() override;
    sqlite_storage(const sqlite_storage&) = delete;
    sqlite_storage& operator=(const sqlite_storage&) = delete;

    /// Transactions of appends and effects so far, and the requests in them.
    struct commit_counts {
        std::uint64_t commits = 0;
        std::uint64_t requests = 0;
    };
    [[nodiscard]] commit_counts commits() const;
    /// Changes `file_bytes_max`; 0: no limit.
    [[nodiscard]] awaitable<result<void>> limit_size(std::uint64_t bytes_max);
    /// SQLite's `quick_check` over the whole file: `corrupt` with the first fault found. Takes a
    /// reader for as long as the file is large.
    [[nodiscard]] awaitable<result<void>> verify();

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
    [[nodiscard]] std::string_view kind() const override { return "sqlite"; }
    [[nodiscard]] bool is_shared() const override { return false; }
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
    explicit sqlite_storage(std::unique_ptr<sqlite_parts> parts);

    std::unique_ptr<sqlite_parts> parts_;
};

}  // namespace tidemark
