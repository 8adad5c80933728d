#pragma once

#include <string>

namespace tidemark::testing {

/// Registers, once, an SQLite VFS that is the platform's but for the faults asked for; its name.
[[nodiscard]] std::string faulty_vfs();
/// The next `count` syncs of write-ahead logs fail with an I/O error. Thread-safe.
void fail_syncs(int count);
/// Syncs that were made to fail so far.
[[nodiscard]] int failed_syncs();

}  // namespace tidemark::testing
