#pragma once

#include "tidemark/eventstore/sqlite_connection.hpp"

#include <boost/unordered/unordered_flat_set.hpp>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

namespace tidemark {

/// Knows which streams (and snapshots of them) a file cannot hold, so that the first command of a
/// new stream need not wait for a reader to find nothing. It can, because one process serves the
/// file: every stream is in the file when it is opened or passes through the writer. Keeps 64-bit
/// hashes; a collision costs a read. Beyond its bounds it knows nothing and every stream is read.
/// Thread-safe.
class sqlite_stream_filter {
  public:
    /// A file with more streams is not read through when it is opened.
    static constexpr std::size_t loaded_max = 100'000;
    /// Streams kept, about 16 MB.
    static constexpr std::size_t kept_max = 1'000'000;

    explicit sqlite_stream_filter(std::size_t bound = kept_max) : bound_{bound} {}

    /// Takes the streams of the file; before anybody writes.
    void load(sqlite_connection& connection);
    /// A stream that is about to be stored: before its commit.
    void add(const std::string& stream);
    /// False: the file does not hold it.
    [[nodiscard]] bool may_hold(const std::string& stream) const;

  private:
    void forget();

    const std::size_t bound_;
    mutable std::mutex mutex_;
    bool knows_all_ = false;
    boost::unordered_flat_set<std::uint64_t> hashes_;
};

}  // namespace tidemark
