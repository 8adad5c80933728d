#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace tidemark {

/// When a commit counts as durable.
enum class sqlite_durability : std::uint8_t {
    /// After it reached the disk (`synchronous=FULL`).
    full,
    /// A power loss may take the last commits; a crash of the process may not
    /// (`synchronous=NORMAL`).
    normal,
};

struct sqlite_options {
    /// The database file; created if it is not there. Its folder must exist.
    std::string path;
    sqlite_durability durability = sqlite_durability::full;
    /// Reading only, beside the process that serves the file: no lock, no change. Every writing
    /// call is `invalid_argument`.
    bool is_read_only = false;
    /// Requests that wait for the writer. One more is `overloaded`; a batch larger than this is
    /// taken when nothing waits.
    std::size_t writes_queued_max = 10'000;
    /// Bounds of one transaction. Requests beyond them wait for the next.
    std::size_t batch_requests_max = 1'000;
    std::size_t batch_bytes_max = 8UL * 1024 * 1024;
    /// Threads that read, each with a connection of its own.
    std::size_t readers = 2;
    /// Queries that wait for a reader. One more is `overloaded`.
    std::size_t reads_queued_max = 1'024;
    /// Largest size of the file; a write beyond it is `disk_full`. 0: no limit but the disk's.
    std::uint64_t file_bytes_max = 0;
    /// Name of a registered SQLite VFS; empty: the platform's.
    std::string vfs;
};

}  // namespace tidemark
