#pragma once

#include "tidemark/eventstore/file_lock.hpp"
#include "tidemark/eventstore/sqlite_calls.hpp"
#include "tidemark/eventstore/sqlite_stream_filter.hpp"
#include "tidemark/eventstore/wake_list.hpp"

#include <functional>
#include <memory>
#include <utility>

namespace tidemark {

/// `sqlite_options::file_bytes_max` on the writing connection.
void limit_file_size(sqlite_connection& connection, std::uint64_t bytes_max);

/// What a `sqlite_storage` is made of, and the two ways of calling it: a query on a reader's
/// thread, a write on the writer's. Threads end before what they use.
class sqlite_parts {
  public:
    /// See `sqlite_storage::open`.
    [[nodiscard]] static result<std::unique_ptr<sqlite_parts>> open(const clock& time,
                                                                    sqlite_options options);

    template <class T>
    awaitable<result<T>> query(std::function<T(sqlite_reads&)> work) {
        auto start = [this, work = std::move(work)](
                         std::unique_ptr<resumption<result<T>>> caller) mutable {
            readers->push(std::make_unique<awaited_query<T>>(std::move(caller), std::move(work)));
        };
        return suspend<result<T>>(std::move(start));
    }

    template <class T>
    awaitable<result<T>> write(std::function<result<T>(sqlite_writes&, instant)> work,
                               sqlite_write::lane lane = sqlite_write::lane::log) {
        auto start = [this, lane, work = std::move(work)](
                         std::unique_ptr<resumption<result<T>>> caller) mutable {
            auto made = std::make_unique<awaited_write<result<T>>>(
                std::move(caller), std::move(work), [](const error& why) { return why; });
            made->queue = lane;
            push(std::move(made));
        };
        return suspend<result<T>>(std::move(start));
    }

    /// To the writer, or straight back if the file is open for reading only.
    void push(std::unique_ptr<sqlite_write> work);

    const clock& time;
    sqlite_options options;
    file_lock lock;
    wake_list wakes;
    sqlite_stream_filter streams;
    /// Null while the file is open for reading only.
    std::unique_ptr<sqlite_writer> writer;
    std::unique_ptr<sqlite_readers> readers;

  private:
    sqlite_parts(const clock& clock_used, sqlite_options chosen)
        : time{clock_used}, options{std::move(chosen)} {}

    [[nodiscard]] std::optional<error> start();
    [[nodiscard]] std::optional<error> start_writer();
};

}  // namespace tidemark
