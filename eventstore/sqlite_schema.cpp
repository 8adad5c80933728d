#include "tidemark/eventstore/sqlite_schema.hpp"

#include "tidemark/eventstore/sqlite_migrations.hpp"

#include <array>
#include <cstdio>
#include <memory>

namespace tidemark {
namespace {

/// "TDMK": marks a file as ours in SQLite's own header.
constexpr std::int64_t application_id = 0x54444D4B;
constexpr std::size_t header_bytes = 100;
constexpr std::string_view magic{"SQLite format 3\0", 16};

error not_ours(const std::string& path, const std::string& what) {
    return {errc::corrupt, "'" + path + "' " + what +
                               "; it is left untouched: name another file, or restore this one "
                               "from a backup"};
}

std::optional<error> check_application(sqlite_connection& connection, const std::string& path) {
    const auto id = connection.query_integer("PRAGMA application_id");
    if (id == application_id) return std::nullopt;
    const auto tables = connection.query_integer("SELECT count(*) FROM sqlite_master");
    if (id == 0 && tables == 0) return std::nullopt;
    return not_ours(path, "is an SQLite database of another program (application id " +
                              std::to_string(id) + ")");
}

std::optional<error> check_version(sqlite_connection& connection, const std::string& path) {
    const auto stored = connection.query_integer("PRAGMA user_version");
    if (stored <= static_cast<std::int64_t>(sqlite_schema_version)) return std::nullopt;
    return error{errc::schema_mismatch,
                 "'" + path + "' has schema version " + std::to_string(stored) +
                     "; this program knows versions up to " +
                     std::to_string(sqlite_schema_version) + ": run a newer release"};
}

std::optional<error> check_steps(sqlite_connection& connection, const std::string& path) {
    sqlite_statement applied{connection, "SELECT version, name, checksum FROM migrations"};
    auto rows = applied.query();
    while (rows.next()) {
        for (const auto& step : sqlite_migrations()) {
            if (step.version != rows.number(0) || checksum_of(step) == rows.bytes(2)) continue;
            return error{errc::schema_mismatch,
                         "'" + path + "': migration " + std::to_string(step.version) + " (" +
                             rows.text(1) + ") was applied with checksum " + rows.text(2) +
                             ", this program has " + checksum_of(step) +
                             ": it was edited after its release; run the release that wrote the "
                             "file"};
        }
    }
    return std::nullopt;
}

void apply(sqlite_connection& connection, const sqlite_migration& step, instant now) {
    connection.execute("BEGIN IMMEDIATE");
    connection.execute(std::string{step.sql});
    sqlite_statement{connection,
                     "INSERT INTO migrations(version, name, checksum, applied_at) "
                     "VALUES(?, ?, ?, ?)"}
        .run({step.version, step.name, checksum_of(step), now});
    connection.execute("PRAGMA user_version = " + std::to_string(step.version));
    connection.execute("COMMIT");
}

}  // namespace

std::optional<error> check_sqlite_header(const std::string& path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(path.c_str(), "rb"),
                                                               &std::fclose};
    if (!file) return std::nullopt;
    std::array<char, header_bytes> header{};
    const auto size = std::fread(header.data(), 1, header.size(), file.get());
    if (size == 0) return std::nullopt;
    if (size == header.size() && std::string_view{header.data(), magic.size()} == magic) {
        return std::nullopt;
    }
    return not_ours(path, "is no SQLite database");
}

std::optional<error> migrate_sqlite(sqlite_connection& connection, const std::string& path,
                                    instant now) {
    if (auto fault = check_application(connection, path)) return fault;
    if (auto fault = check_version(connection, path)) return fault;
    const auto stored = connection.query_integer("PRAGMA user_version");
    if (stored > 0) {
        if (auto fault = check_steps(connection, path)) return fault;
    }
    // Written while the file still has a rollback journal, so that it stands in the header itself.
    if (stored == 0) {
        connection.execute("PRAGMA application_id = " + std::to_string(application_id));
    }
    connection.execute("PRAGMA journal_mode = WAL");
    for (const auto& step : sqlite_migrations()) {
        if (static_cast<std::int64_t>(step.version) > stored) apply(connection, step, now);
    }
    return std::nullopt;
}

std::optional<error> check_sqlite_schema(sqlite_connection& connection, const std::string& path) {
    if (auto fault = check_application(connection, path)) return fault;
    if (auto fault = check_version(connection, path)) return fault;
    const auto stored = connection.query_integer("PRAGMA user_version");
    if (stored == static_cast<std::int64_t>(sqlite_schema_version)) {
        return check_steps(connection, path);
    }
    return error{errc::schema_mismatch,
                 "'" + path + "' has schema version " + std::to_string(stored) +
                     "; this program reads version " + std::to_string(sqlite_schema_version) +
                     ": let the program that serves it migrate it first"};
}

}  // namespace tidemark
