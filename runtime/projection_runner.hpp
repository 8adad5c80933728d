#pragma once

#include "tidemark/async/event.hpp"
#include "tidemark/async/gate.hpp"
#include "tidemark/eventstore/storage.hpp"
#include "tidemark/observability/catalog.hpp"
#include "tidemark/runtime/document_store.hpp"
#include "tidemark/runtime/projection_controls.hpp"
#include "tidemark/runtime/projection_type.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace tidemark {

/// Feeds one projection from the log: rows and checkpoint in one transaction, from the last event
/// seen. Owned by the runtime; runs on one shard; `status`, `rebuild` and `wait_for` from any.
class projection_runner {
  public:
    /// Throws `std::logic_error` if the projection does not write what `options.into` keeps.
    projection_runner(execution& ex, std::size_t shard, storage& events,
                      std::unique_ptr<projection_type> type, projection_options options,
                      const runtime_metrics& metrics);

    void start();
    [[nodiscard]] awaitable<void> stop();

    /// Builds the model anew beside the live one and swaps when both have read equally far. Asked
    /// again while it runs: nothing happens. While paused it waits. A model of another log is
    /// forgotten first: it can never be equal.
    void rebuild();
    /// An operator has paused or resumed it: look now. Otherwise it looks every `options.poll`.
    void look_at_control();
    /// True once the projection has seen `at`; false after `span`.
    [[nodiscard]] awaitable<bool> wait_for(position at, duration span);

    [[nodiscard]] projection_status status() const;
    [[nodiscard]] std::string_view name() const { return type_->name(); }
    [[nodiscard]] const projection_type& type() const { return *type_; }
    [[nodiscard]] const projection_options& options() const { return options_; }

  private:
    /// A model being fed: the live one or the one built beside it.
    struct feed {
        std::string model;
        tidemark::checkpoint at;
        std::uint32_t failures = 0;
    };
    enum class step_end : std::uint8_t { moved, caught_up, failed };

    [[nodiscard]] awaitable<void> run();
    [[nodiscard]] awaitable<void> open_live();
    [[nodiscard]] awaitable<void> advance();
    /// True while an operator has it paused; asks the store at intervals.
    [[nodiscard]] awaitable<bool> is_paused();
    [[nodiscard]] awaitable<void> rest_paused();
    /// Forgets a model and what was parked for it.
    [[nodiscard]] awaitable<result<void>> clear(std::string model);
    [[nodiscard]] awaitable<void> begin_rebuild();
    [[nodiscard]] awaitable<void> count_parked();
    void set_parked(std::uint64_t count);
    [[nodiscard]] awaitable<result<void>> open(feed& into);
    [[nodiscard]] awaitable<step_end> step(feed& into, std::optional<position> until);
    [[nodiscard]] awaitable<result<event_page>> read(const feed& from,
                                                     std::optional<position> until);
    [[nodiscard]] awaitable<result<void>> apply(feed& into,
                                                const std::vector<recorded_event>& events,
                                                position seen, std::size_t& culprit);
    [[nodiscard]] awaitable<void> failed(feed& into, const error& why,
                                         const recorded_event* culprit);
    [[nodiscard]] awaitable<result<void>> park(feed& into, const recorded_event& event,
                                               const error& why);
    [[nodiscard]] awaitable<void> rebuild_some();
    [[nodiscard]] awaitable<void> swap_if_equal();
    void report(std::string state, std::string reason = {});
    void measure(const event_page& page);

    execution& execution_;
    std::size_t shard_;
    storage& events_;
    std::unique_ptr<projection_type> type_;
    projection_options options_;
    document_store documents_;
    /// Where rows and checkpoint are kept: `options_.into`, or the event store.
    projection_store& target_;
    projection_controls controls_;
    metrics::gauge lag_events_;
    metrics::gauge lag_seconds_;
    metrics::gauge paused_;
    metrics::gauge parked_;
    metrics::counter errors_;
    message_id incarnation_;
    feed live_;
    std::optional<feed> beside_;
    std::atomic<bool> is_rebuild_wanted_{false};
    std::atomic<bool> is_control_due_{false};
    /// The live model was found to be of this log.
    bool is_open_ = false;
    bool is_paused_ = false;
    duration control_at_{};
    std::atomic<bool> is_stopping_{false};
    event wake_;
    event_store::wake_token token_;
    mutable std::mutex status_mutex_;
    projection_status status_;
    tidemark::gate gate_;
};

}  // namespace tidemark
