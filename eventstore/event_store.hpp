#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/eventstore/append.hpp"
#include "tidemark/eventstore/recorded_event.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

/// Bytes of payloads that make a page of events full: with payloads of at most 1 MiB it never holds
/// 5 MiB of them.
inline constexpr std::size_t page_bytes_max = 4UL * 1024 * 1024;

/// How full a page of at most `limit` events is, as every backend counts it.
class page_fill {
  public:
    explicit page_fill(std::size_t limit) : room_{limit} {}

    /// Only while the page is not full.
    void add(std::size_t payload_bytes);
    [[nodiscard]] bool is_full() const { return room_ == 0 || bytes_ >= page_bytes_max; }
    /// Events that may follow, of whatever size.
    [[nodiscard]] std::size_t room() const { return room_; }

  private:
    std::size_t room_;
    std::size_t bytes_ = 0;
};

/// Whether there may be more events behind this page, which was read with `limit`; the only way to
/// know the last page, for a page of long events is full before it has `limit` of them.
[[nodiscard]] bool is_full_page(std::span<const recorded_event> events, std::size_t limit);

/// Events in position order and the point up to which everything is decided.
struct event_page {
    std::vector<recorded_event> events;
    /// Horizon at the time of reading: no event at or below it can appear any more. It can fall
    /// after a crash and is never a checkpoint; a checkpoint is the position of the last event
    /// seen.
    position horizon;
    /// Position of the last event looked at, delivered or filtered out, or `after` if none: what a
    /// filtered reader may checkpoint.
    position seen;
};

/// A disposable copy of a committed state.
struct snapshot {
    stream_id stream;
    /// Stored name of the state ("account.state.v1"); one of another name is ignored.
    std::string name;
    tidemark::version version;
    message_id head;
    std::string payload;
};

/// One line of the list of snapshots.
struct snapshot_summary {
    stream_id stream;
    std::string name;
    tidemark::version version;
    std::uint64_t bytes = 0;
};

/// Where a listing of snapshots stands: it goes on behind this one, in the order of the bytes of
/// stream and name. Both empty: before the first.
struct snapshot_place {
    std::string stream;
    std::string name;
};

/// One line of the list of streams.
struct stream_summary {
    stream_id stream;
    tidemark::version version;
    position last_position;
    instant last_recorded_at{};
};

/// Identity and state of the log.
struct store_status {
    /// "memory", "sqlite", "postgres".
    std::string kind;
    /// Human-readable place: a file or a masked URL.
    std::string location;
    /// Log incarnation: fresh per created log, carried in checkpoints and bus headers, so that a
    /// restored or foreign log is recognised.
    message_id incarnation;
    std::uint32_t schema_version = 0;
    position last_position;
    /// An estimate for a PostgreSQL log of more than 1,000.
    std::uint64_t streams = 0;
};

/// Where a sweep over the answers stands: it goes on behind this one, in the order of the bytes of
/// scope and id. Both empty: before the first.
struct answer_place {
    std::string scope;
    std::string id;
};

/// What one step of a sweep did.
struct answer_sweep {
    std::uint64_t pruned = 0;
    /// Nothing: there are no more answers behind.
    std::optional<answer_place> next;
};

/// The log: where facts are kept. All functions may be called from any executor and resume the
/// caller on its own; the object outlives its calls. Reads see committed data only.
/// Limits: an event payload ≤ 1 MiB, a batch ≤ 10,000 appends; beyond is `too_large`.
class event_store {
  public:
    virtual ~event_store() = default;

    /// One outcome per request, in order. Each request is a unit of its own: a conflict fails only
    /// its own append. Requests of one stream are checked in order, each against the result of the
    /// one before. Order of checks inside one request: (1) command id known → `answered` or
    /// `key_reused`; (2) completions, fires, consumptions → `stale`; (3) expected version →
    /// `conflict`; then everything is stored.
    /// Requests whose event ids and command id are already stored answer as the first time.
    /// The batch is shared and immutable: the backend may still read it on its own threads when the
    /// caller has gone, and the caller sends the same request again after an unknown outcome.
    [[nodiscard]] virtual awaitable<std::vector<append_outcome>> append(append_batch batch) = 0;

    // A page of events ends with the one that is the `limit`-th or brings the payloads to
    // `page_bytes_max`, and otherwise with the last there is: ask `is_full_page` whether more
    // follow. Backends fetch at most as much beside it (PostgreSQL), so that memory is bounded.

    /// Events of one stream with version > `after`.
    [[nodiscard]] virtual awaitable<result<std::vector<recorded_event>>> read(
        stream_id stream, version after, std::size_t limit) = 0;

    /// Events of all streams, or of one category, with position > `after` up to the horizon.
    [[nodiscard]] virtual awaitable<result<event_page>> read_all(position after,
                                                                 std::size_t limit) = 0;
    [[nodiscard]] virtual awaitable<result<event_page>> read_category(std::string category,
                                                                      position after,
                                                                      std::size_t limit) = 0;

    /// Newest snapshot of that name, if any.
    [[nodiscard]] virtual awaitable<result<std::optional<snapshot>>> latest_snapshot(
        stream_id stream, std::string name) = 0;
    /// Keeps only the newest per stream and name; an older version than the kept one is ignored.
    [[nodiscard]] virtual awaitable<result<void>> save_snapshot(snapshot taken) = 0;
    /// Snapshots behind `after`, of whatever name, at most `limit`.
    [[nodiscard]] virtual awaitable<result<std::vector<snapshot_summary>>> list_snapshots(
        snapshot_place after, std::size_t limit) = 0;

    /// The answer a command id was given; nothing if it is undecided.
    [[nodiscard]] virtual awaitable<result<std::optional<answer>>> find_answer(std::string scope,
                                                                               std::string id) = 0;

    /// Looks at `limit` answers behind `after` and forgets those given longer than `retention` ago,
    /// by the store's clock, that nothing can ask for again. Kept: the answer to an effect or timer
    /// of the scope's stream that has not ended, dead letters included; every answer of a scope
    /// whose stream still settles something. A forgotten id is a fresh one when it comes again.
    /// Does not stand in the way of appends. A backend without this keeps all answers for ever.
    [[nodiscard]] virtual awaitable<result<answer_sweep>> prune_answers(answer_place after,
                                                                        duration retention,
                                                                        std::size_t limit);

    /// Streams whose text starts with `prefix`, in text order after `after`, at most `limit`.
    [[nodiscard]] virtual awaitable<result<std::vector<stream_summary>>> list_streams(
        std::string prefix, std::string after, std::size_t limit) = 0;

    /// One round trip to the storage; readiness asks this.
    [[nodiscard]] virtual awaitable<result<store_status>> status() = 0;

    /// "memory", "sqlite", "postgres": the same as in `status`, without a round trip.
    [[nodiscard]] virtual std::string_view kind() const = 0;

    /// Other processes may write the same log, so that a cached state can be out of date: refusals
    /// are then checked against the head before they are told.
    [[nodiscard]] virtual bool is_shared() const { return true; }

    /// Calls `wake` (on any thread, must not block, may be spurious) whenever something was
    /// committed by this process. The returned token ends it. Other processes' commits are found by
    /// polling.
    using wake_token = std::shared_ptr<void>;
    [[nodiscard]] virtual wake_token on_commit(std::function<void()> wake) = 0;
};

}  // namespace tidemark
