#pragma once

#include "tidemark/eventstore/postgres_connection.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

/// First half of the key of the advisory lock under which a database is migrated, all stores in it;
/// the second is 0. "tidm".
inline constexpr std::int32_t migration_lock = 0x7469646d;

/// One step of the schema: a file of migrations/. Never edited once released: a database remembers
/// the checksum of every step it has seen and is refused when it differs.
struct postgres_migration {
    std::uint32_t version = 0;
    std::string_view name;
    std::string_view sql;
};

/// All steps in order, as they were embedded at build time.
[[nodiscard]] std::span<const postgres_migration> postgres_migrations();
[[nodiscard]] std::string checksum_of(const postgres_migration& step);

/// One step and what the database knows of it.
struct postgres_step {
    enum class state : std::uint8_t {
        applied,
        /// Known here, not yet applied there.
        pending,
        /// Applied there with another text than here.
        edited,
        /// Applied there, unknown here: a newer program migrated it.
        newer,
    };
    std::uint32_t version = 0;
    std::string name;
    state is = state::pending;
    /// When it was applied; the epoch if it was not.
    instant applied_at{};
};

/// What stands in the schema of these options. An empty database has all steps pending.
/// Throws `postgres_failure`.
[[nodiscard]] std::vector<postgres_step> read_postgres_schema(postgres_connection& connection);

/// Why a program cannot serve a database with these steps; nothing if it can. `schema_mismatch`.
[[nodiscard]] std::optional<error> find_schema_fault(const std::vector<postgres_step>& steps,
                                                     const std::string& place);

/// Applies what is pending, each step in a transaction of its own under a lock: of two processes
/// one migrates and the other waits, then finds nothing to do. A dry run applies all in one
/// transaction and undoes it. Answers the steps applied; `schema_mismatch` for an edited or newer
/// schema, or a failure of a step, which is undone. `options.statement_timeout` bounds each step.
[[nodiscard]] result<std::vector<postgres_step>> migrate_postgres(const postgres_options& options,
                                                                  bool is_dry_run);

/// Compares tables, columns, indexes, constraints, triggers, functions, sequences and grants (but
/// those to read, of roles that are not ours) with those that the migrations make in a schema
/// beside it, which is undone. Answers a line per difference.
/// Needs the right to create a schema.
[[nodiscard]] result<std::vector<std::string>> verify_postgres(const postgres_options& options);

/// What a server says of its commits, each as the setting of that name.
struct server_durability {
    std::string fsync;
    std::string full_page_writes;
    std::string synchronous_commit;
    std::string synchronous_standby_names;
};
/// Why an acknowledged commit can be lost: by a power cut, or, where standbys are waited for, by
/// the promotion of one. Nothing if it cannot.
[[nodiscard]] std::optional<std::string> find_durability_fault(const server_durability& of);

/// Whether commits of this server can be trusted, and whether it can be spoken to: PostgreSQL 15 or
/// newer, no `find_durability_fault` (unless the options allow it), not a standby (unless
/// read-only). `bad_setting` or `unavailable`. Throws `postgres_failure`.
[[nodiscard]] std::optional<error> find_server_fault(postgres_connection& connection,
                                                     const postgres_options& options);

}  // namespace tidemark
