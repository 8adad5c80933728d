#pragma once

#include "tidemark/eventstore/event_store.hpp"
#include "tidemark/runtime/command_envelope.hpp"
#include "tidemark/runtime/command_fsm.hpp"
#include "tidemark/runtime/options.hpp"
#include "tidemark/runtime/stream_type.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace tidemark {

class shard_runtime;

/// A stream folded up to its committed head.
struct loaded_stream {
    std::unique_ptr<any_state> state;
    tidemark::version version;
    message_id head;
    /// Of the events behind the snapshot that it was folded from, or of all.
    std::uint64_t bytes_folded = 0;
};

/// One live stream: state, head, mailbox, appends in flight. Owned by its shard's `shard_runtime`,
/// lives on that shard alone, and is evicted when idle. Commands are decided on the *tentative*
/// state (committed plus in flight); what fails undoes everything behind it.
class instance {
  public:
    instance(shard_runtime& shard, const stream_type& type, snapshot_policy snapshots,
             stream_id id);

    /// Takes a command; at the mailbox bound it is answered `overloaded` at once.
    void submit(envelope_ptr envelope);
    /// The load begun by `shard_runtime::load` ended.
    void on_loaded(result<loaded_stream> loaded);
    /// The event store answered append number `ticket`, which was `(*batch)[index]`.
    void on_outcome(std::uint64_t ticket, append_outcome outcome, const append_request& sent);
    /// Answers the commands whose deadline has passed.
    void expire(duration steady_now);
    /// Unwinds the callers that wait, without an answer.
    void abandon();

    [[nodiscard]] bool is_idle() const { return waiting_.empty() && flight_.empty() && !is_busy_; }
    [[nodiscard]] const stream_id& id() const { return id_; }
    [[nodiscard]] const stream_type& type() const { return type_; }
    [[nodiscard]] const snapshot_policy& snapshots() const { return snapshots_; }
    /// Estimate of the memory it holds.
    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    /// Why the stream cannot be folded; empty if it can.
    [[nodiscard]] const std::string& quarantine() const { return quarantine_; }
    [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

  private:
    /// A command and how far it is.
    struct entry {
        entry(envelope_ptr taken, command_fsm::options options)
            : owned{std::move(taken)}, envelope{*owned}, fsm{options} {}
        envelope_ptr owned;
        command_envelope& envelope;
        command_fsm fsm;
        std::uint64_t ticket = 0;
        std::optional<append_outcome> outcome;
        /// What was sent, kept once its outcome is unknown.
        std::optional<append_request> sent;
        std::uint32_t resends = 0;
        std::optional<refusal> refused;
        /// State after this append, when a snapshot is due.
        std::optional<std::string> snapshot;
        tidemark::version version_before;
        tidemark::version version_after;
        message_id head_after;
        /// The stream was read again for its expected version.
        bool has_reloaded = false;
        duration began{};
        /// Of a command that is answered once; see `hash_payload`.
        std::uint64_t payload_hash = 0;
    };
    using entry_ptr = std::unique_ptr<entry>;

    enum class stage : std::uint8_t {
        /// No state; the next command loads it.
        cold,
        /// A load is under way.
        loading,
        /// The state is there.
        ready,
        /// The tentative state is wrong; what is in flight must end before the stream is read
        /// again.
        draining,
    };

    [[nodiscard]] bool hash_payload(entry& e);
    void pump();
    void start_load();
    void begin(entry_ptr e);
    bool meets_expected(entry_ptr& e);
    void decide(entry_ptr e);
    void append(entry_ptr e, decided made);
    [[nodiscard]] append_request make_request(const entry& e, decided made);
    [[nodiscard]] bool takes_snapshot(version before, const std::vector<new_event>& events);
    void plan_effects(append_request& request, const entry& e, decided& made) const;
    void fly(entry_ptr e);
    void probe(entry_ptr e);
    void settle_front();
    bool settle(entry& front);
    void committed(entry& front, const append_committed& outcome);
    void fell_through(entry& front);
    void landed();
    void break_state();
    [[nodiscard]] std::optional<std::string> encoded_state();
    void measure();

    void answer(entry& e, tidemark::outcome told, std::optional<tidemark::answer> stored = {});
    void answer_failed(entry& e, error why);
    void answer_action(entry& e, command_fsm::action action);

    shard_runtime& shard_;
    const stream_type& type_;
    snapshot_policy snapshots_;
    stream_id id_;

    stage stage_ = stage::cold;
    std::unique_ptr<any_state> state_;
    tidemark::version version_;  ///< tentative
    message_id head_;            ///< tentative
    /// Of events since the newest snapshot; tentative.
    std::uint64_t bytes_unsaved_ = 0;
    std::deque<entry_ptr> waiting_;
    std::deque<entry_ptr> flight_;
    /// Undone commands, to be decided again in order once everything in flight has ended.
    std::deque<entry_ptr> redo_;
    std::uint64_t next_ticket_ = 1;
    std::uint32_t depth_ = 1;
    bool is_busy_ = false;
    bool is_doomed_ = false;
    bool is_pumping_ = false;
    std::string quarantine_;
    /// It was logged that the state cannot be written: once is enough.
    bool is_told_unwritable_ = false;
    std::size_t bytes_ = 0;
    std::uint64_t measured_at_ = 0;
};

}  // namespace tidemark
