#pragma once

#include "tidemark/core/version.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace tidemark {

/// When the state of a stream is stored beside its events, so that a load need not fold them all:
/// whichever comes first. 0: not by this.
struct snapshot_policy {
    /// Events between snapshots.
    std::uint64_t every = 0;
    /// Bytes of events since the newest snapshot.
    std::uint64_t bytes = 0;
    [[nodiscard]] bool is_any() const { return every > 0 || bytes > 0; }
};

/// Limits and times of a runtime. The defaults suit a service on a small machine.
struct runtime_options {
    /// Commands that may wait at one stream; one more is answered `overloaded` at once.
    std::size_t mailbox_max = 1024;
    /// Memory for live states of the whole process; the least recently used idle ones leave first.
    std::size_t cache_bytes = 64UL << 20U;
    /// Deadline of a call that names none.
    duration deadline = std::chrono::seconds{10};
    /// Conflicts a command survives before its caller hears `conflict`.
    std::uint32_t attempts_max = 16;
    /// Appends of one stream in flight at once; falls to 1 on a conflict and doubles per success.
    std::uint32_t pipeline_max = 64;
    /// Batches of one shard in the event store at once; what comes meanwhile gathers.
    std::uint32_t batches_max = 4;
    /// Appends in one batch.
    std::size_t batch_appends_max = 512;
    /// Events read per page while a stream is loaded.
    std::size_t load_page = 1000;
    /// How long an effect's lease lasts without renewal; a killed process's work is taken over
    /// after it.
    duration lease = std::chrono::seconds{10};
    /// Effects run at once, per shard; beyond it they wait in the store.
    std::size_t effect_concurrency = 256;
    /// Idle look for due effects that nobody announced (another process's, a lost wake).
    duration effect_poll = std::chrono::seconds{1};
    /// Time that `drain` gives work in flight.
    duration drain = std::chrono::seconds{20};
    /// How long the answer to a command id is kept at least: a key that comes again later is
    /// carried out again. Longer than anything repeats a command. 0: for ever.
    duration answer_retention = std::chrono::days{30};
    /// Of relays that name none: see `relay_options::cloud_events_source`.
    std::string cloud_events_source;
    /// Of the categories whose `store_options` do not say.
    snapshot_policy snapshots;
    /// Name of this process in leases; empty: a fresh one.
    std::string owner;
};

/// How one category of streams is kept. What is not said is as `runtime_options::snapshots` has it.
struct store_options {
    /// Events between snapshots; 0: none by their number.
    std::optional<std::uint64_t> snapshot_every = std::nullopt;
    /// Bytes of events between snapshots; 0: none by their size.
    std::optional<std::uint64_t> snapshot_bytes = std::nullopt;
};

}  // namespace tidemark
