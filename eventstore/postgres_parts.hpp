#pragma once

#include "tidemark/eventstore/event_store.hpp"
#include "tidemark/eventstore/postgres_calls.hpp"
#include "tidemark/eventstore/postgres_notices.hpp"
#include "tidemark/eventstore/postgres_writer.hpp"
#include "tidemark/eventstore/wake_list.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

namespace tidemark {

/// What a writing call of a store that is open for reading only is told.
[[nodiscard]] error refuse_write(const postgres_options& options);

/// The number of streams, counted anew each time while there are few, and otherwise at most every
/// ten seconds: readers ask for the status all the time. Thread-safe.
class stream_census {
  public:
    [[nodiscard]] std::uint64_t count(postgres_connection& session);

  private:
    std::mutex mutex_;
    std::uint64_t counted_ = 0;
    std::optional<duration> counted_at_;
};

/// What a `postgres_storage` is made of. Threads end before what they use.
class postgres_parts {
  public:
    /// See `postgres_storage::open`.
    [[nodiscard]] static result<std::unique_ptr<postgres_parts>> open(postgres_options options,
                                                                      const clock* time);
    ~postgres_parts();
    postgres_parts(const postgres_parts&) = delete;
    postgres_parts& operator=(const postgres_parts&) = delete;

    /// Now by the store's clock: nothing, if that is the database's.
    [[nodiscard]] std::optional<instant> now() const;

    const postgres_options options;
    /// Null: the database's clock.
    const clock* const time;
    message_id incarnation;
    wake_list wakes;
    stream_census streams;
    /// Null through a pooler without a `listen_url`: there other processes' commits are found by
    /// polling.
    std::unique_ptr<postgres_notices> notices;
    /// Null while the store is open for reading only.
    std::unique_ptr<postgres_writer> writer;
    std::unique_ptr<postgres_calls> calls;

  private:
    postgres_parts(postgres_options chosen, const clock* clock_used);
    [[nodiscard]] std::optional<error> start();
    [[nodiscard]] std::optional<error> check();
};

}  // namespace tidemark
