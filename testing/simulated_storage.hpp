#pragma once

#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/eventstore/storage.hpp"
#include "tidemark/testing/simulated_database.hpp"

#include <functional>
#include <memory>
#include <string>

namespace tidemark::testing {

/// The connections of one simulated process to the simulated database: two writers, on which
/// appends of one stream keep their order while one of them is under way, and as many readers as
/// are wanted. Requests and replies take their time and get lost as `storage_faults` says; an
/// append that was sent and not answered is `unknown_outcome`, and the database may carry it out
/// later. Dies with its process: what is queued here is lost, what was sent goes on.
class simulated_storage final : public storage {
  public:
    simulated_storage(simulated_database& database, simulated_execution& process);
    ~simulated_storage() override;

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
    awaitable<result<std::vector<stream_summary>>> list_streams(std::string prefix,
                                                                std::string after,
                                                                std::size_t limit) override;
    awaitable<result<store_status>> status() override;
    [[nodiscard]] std::string_view kind() const override { return "simulated"; }
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
    class link;
    struct call_state;
    template <class T>
    struct typed_call;
    /// Asks the database on a reader's connection; `work` runs there, in no process.
    template <class T>
    [[nodiscard]] awaitable<T> ask(std::function<T()> work);
    [[nodiscard]] awaitable<result<event_page>> read_page(position after, std::size_t limit,
                                                          std::string category);

    simulated_database& database_;
    /// Kept alive by what is on its way when the process dies.
    std::shared_ptr<link> link_;
};

}  // namespace tidemark::testing
