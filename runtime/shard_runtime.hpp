#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/async/gate.hpp"
#include "tidemark/eventstore/storage.hpp"
#include "tidemark/runtime/instance.hpp"
#include "tidemark/runtime/options.hpp"
#include "tidemark/runtime/shard_metrics.hpp"

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tidemark {

/// An effect that this process holds: claimed by the append that stored it, or by `claim`.
struct held_effect {
    claimed_effect work;
    const stream_type* source_type = nullptr;
};

/// What a runtime is on one shard: its live streams, the appends they gather, their eviction. Owned
/// by the runtime, lives on its shard; every function is called there.
class shard_runtime {
  public:
    /// Told about every commit that left effects or timers behind.
    struct commit_listener {
        virtual ~commit_listener() = default;
        /// May take no more claimed effects now: appends leave theirs unclaimed.
        [[nodiscard]] virtual bool has_room() const = 0;
        virtual void claimed(std::vector<held_effect> effects) = 0;
        /// A timer or an unclaimed effect may become due at `due`.
        virtual void may_become_due(instant due) = 0;
    };

    shard_runtime(execution& ex, storage& events, const runtime_options& options,
                  const runtime_metrics& catalog, runtime_totals& totals, std::size_t index);
    ~shard_runtime();
    shard_runtime(const shard_runtime&) = delete;
    shard_runtime& operator=(const shard_runtime&) = delete;

    void listen(commit_listener& listener) { listener_ = &listener; }

    /// Hands a command to its stream.
    void submit(const stream_type& type, const snapshot_policy& snapshots, const stream_id& id,
                envelope_ptr envelope);
    /// Nothing is sent to it any more; on its shard. Then `close` returns once all has ended.
    void shut();
    [[nodiscard]] awaitable<void> close();
    /// Unwinds the callers that still wait, before anything they refer to goes away.
    void abandon();
    [[nodiscard]] std::size_t unfinished() const { return busy_.size(); }

    /// Live streams and their memory, for operators.
    [[nodiscard]] std::size_t live() const { return instances_.size(); }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    struct quarantined_stream {
        stream_id stream;
        std::string reason;
    };
    [[nodiscard]] std::vector<quarantined_stream> quarantined() const;
    /// Adds to each category how many commands wait in its mailboxes. Idle streams have none.
    void add_waiting(std::map<std::string, std::size_t, std::less<>>& by_category) const;
    /// Forgets a live stream that is idle (a quarantined one after it was mended).
    bool forget(const stream_id& id);

    // What an instance needs of its shard.
    void load(instance& who);
    void append(append_request request, instance& who, std::uint64_t ticket);
    /// The same request again after an unknown outcome, after a growing pause.
    void append_again(append_request request, instance& who, std::uint64_t ticket,
                      std::uint32_t resends);
    void save(snapshot taken);
    void reply(command_envelope& envelope, command_result told);
    void committed(const instance& who, const append_request& sent,
                   const append_committed& outcome);
    void resized(std::ptrdiff_t bytes);
    /// The instance has nothing to do any more and may be evicted.
    void idle(instance& who);

    [[nodiscard]] execution& world() { return execution_; }
    [[nodiscard]] storage& events() { return events_; }
    [[nodiscard]] const runtime_options& options() const { return options_; }
    [[nodiscard]] shard_metrics& metrics() { return metrics_; }
    [[nodiscard]] std::size_t index() const { return index_; }
    [[nodiscard]] const std::string& owner() const { return owner_; }
    [[nodiscard]] executor on() { return execution_.shard(index_); }
    [[nodiscard]] duration steady() const { return execution_.clock().steady(); }
    [[nodiscard]] bool can_claim() const { return listener_ != nullptr && listener_->has_room(); }

  private:
    /// A live stream and its place in `idle_` or `busy_`.
    struct slot {
        std::unique_ptr<instance> live;
        std::list<instance*>::iterator place;
        bool is_idle = false;
    };
    struct sender {
        instance* who = nullptr;
        std::uint64_t ticket = 0;
    };

    [[nodiscard]] awaitable<void> load_stream(instance& who);
    [[nodiscard]] awaitable<result<loaded_stream>> fold_stream(const instance& who);
    [[nodiscard]] awaitable<result<bool>> read_snapshot(const instance& who, loaded_stream& into);
    void gather(append_request request, sender from);
    void post_flush();
    void flush();
    [[nodiscard]] awaitable<void> send_batch(append_batch batch, std::vector<sender> senders);
    [[nodiscard]] awaitable<void> send_later(append_request request, sender from, duration pause);
    [[nodiscard]] awaitable<void> save_snapshot(snapshot taken);
    [[nodiscard]] awaitable<void> sweep();
    void watch_deadlines();
    void evict();

    execution& execution_;
    storage& events_;
    const runtime_options& options_;
    shard_metrics metrics_;
    std::size_t index_;
    std::string owner_;
    commit_listener* listener_ = nullptr;

    std::unordered_map<stream_id, slot> instances_;
    /// Idle instances, least recently used first.
    std::list<instance*> idle_;
    std::list<instance*> busy_;
    std::size_t bytes_ = 0;
    std::size_t bytes_max_ = 0;

    std::vector<append_request> gathered_;
    std::vector<sender> senders_;
    bool is_flush_posted_ = false;
    std::uint32_t batches_ = 0;
    bool is_sweeping_ = false;
    std::unique_ptr<timer> sweeper_;
    std::size_t snapshots_in_flight_ = 0;
    /// Closed when draining ends: no new commands.
    tidemark::gate gate_;
    /// Loads, batches and snapshots under way; must end, draining or not.
    tidemark::gate sends_;
};

}  // namespace tidemark
