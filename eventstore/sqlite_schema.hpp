#pragma once

#include "tidemark/core/version.hpp"
#include "tidemark/eventstore/sqlite_connection.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace tidemark {

/// The schema this code reads and writes.
inline constexpr std::uint32_t sqlite_schema_version = 1;

/// `corrupt` for a file that is no database, or not ours, seen from its first bytes; nothing for
/// a fresh or an own one. Reads the file without SQLite.
[[nodiscard]] std::optional<error> check_sqlite_header(const std::string& path);

/// Creates the tables in a fresh file, brings older ones up to date, each step in a transaction of
/// its own, and refuses what does not fit: `corrupt` (not ours), `schema_mismatch` (newer, or a
/// step that was edited after it had been applied). Throws `sqlite_failure`.
[[nodiscard]] std::optional<error> migrate_sqlite(sqlite_connection& connection,
                                                  const std::string& path, instant now);

/// The same refusals without changing anything; an older schema is one too.
[[nodiscard]] std::optional<error> check_sqlite_schema(sqlite_connection& connection,
                                                       const std::string& path);

}  // namespace tidemark
