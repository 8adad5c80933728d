#include "tidemark/eventstore/log_renewal.hpp"

#include "tidemark/async/clock.hpp"
#include "tidemark/eventstore/file_lock.hpp"
#include "tidemark/eventstore/postgres_connect.hpp"
#include "tidemark/eventstore/postgres_connection.hpp"
#include "tidemark/eventstore/postgres_migrations.hpp"
#include "tidemark/eventstore/sqlite_schema.hpp"

#include <unistd.h>

#include <string_view>

namespace tidemark {
namespace {

// Both backends are told the same.
constexpr std::string_view renew_sql = "UPDATE meta SET incarnation = $1";
constexpr std::string_view keep_models_sql =
    "UPDATE models SET incarnation = $1 WHERE incarnation = $2 AND name NOT LIKE 'relay:%'";
constexpr std::string_view relays_sql = "SELECT count(*) FROM models WHERE name LIKE 'relay:%'";
constexpr std::string_view relays_go_on_sql =
    "UPDATE models SET incarnation = $1 WHERE name LIKE 'relay:%'";
constexpr std::string_view relays_again_sql =
    "UPDATE models SET name = NULL WHERE name LIKE 'relay:%'";

constexpr std::string_view sqlite_incarnation_sql = "SELECT incarnation FROM meta WHERE id = 1";
constexpr std::string_view postgres_incarnation_sql = "SELECT incarnation FROM meta FOR UPDATE";
constexpr std::string_view come_home_sql = "UPDATE meta SET home = log_home()";
constexpr std::string_view others_sql =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid() AND application_name = current_setting('application_name')";

/// The number of rows changed.
template <class... Values>
std::uint64_t change(sqlite_connection& in, std::string_view sql, const Values&... with) {
    sqlite_statement statement{in, sql};
    return static_cast<std::uint64_t>(statement.run({with...}));
}
template <class... Values>
std::uint64_t change(postgres_connection& in, std::string_view sql, const Values&... with) {
    return static_cast<std::uint64_t>(in.run(sql, {with...}).changed());
}

std::uint64_t count(sqlite_connection& in, std::string_view sql) {
    return static_cast<std::uint64_t>(in.query_integer(std::string{sql}));
}
std::uint64_t count(postgres_connection& in, std::string_view sql) {
    auto rows = in.run(sql);
    return rows.next() ? rows.number(0) : 0;
}

message_id fresh_identity(message_id before) {
    real_random random;
    return message_id::derive({"renewed log", before.to_string(), std::to_string(random.next()),
                               std::to_string(random.next())});
}

/// Within a transaction; ends it.
template <class Connection>
log_renewal renew(Connection& in, message_id before, const renewal_order& order) {
    log_renewal out{before, order.is_whole ? before : fresh_identity(before)};
    out.relays = count(in, relays_sql);
    if (!order.is_whole) {
        change(in, renew_sql, out.after);
        out.read_models = change(in, keep_models_sql, out.after, before);
    }
    if (order.relays == relay_fate::go_on) change(in, relays_go_on_sql, out.after);
    if (order.relays == relay_fate::again) change(in, relays_again_sql);
    in.execute(order.is_dry ? "ROLLBACK" : "COMMIT");
    return out;
}

}  // namespace

result<log_renewal> renew_sqlite_log(const std::string& path, const renewal_order& order) {
    if (::access(path.c_str(), F_OK) != 0) {
        return error{errc::not_found, "'" + path + "' does not exist; name the restored file"};
    }
    const auto held = file_lock::acquire(path);
    if (!held) return held.error();
    try {
        if (auto fault = check_sqlite_header(path)) return std::move(*fault);
        sqlite_connection file{path, sqlite_connection::access::read_write};
        if (auto fault = check_sqlite_schema(file, path)) return std::move(*fault);
        file.execute("PRAGMA synchronous = FULL");
        file.execute("BEGIN IMMEDIATE");
        sqlite_statement select{file, sqlite_incarnation_sql};
        const auto before = [&select] {
            auto rows = select.query();
            return rows.next() ? rows.id(0) : message_id{};
        }();
        return renew(file, before, order);
    } catch (const sqlite_failure& failed) {
        return failed.as_error(path);
    }
}

result<log_renewal> renew_postgres_log(const postgres_options& options,
                                       const renewal_order& order) {
    try {
        postgres_connection session{options};
        if (auto fault = find_server_fault(session, options)) return std::move(*fault);
        if (auto fault = find_schema_fault(read_postgres_schema(session), session.place())) {
            return std::move(*fault);
        }
        session.execute("BEGIN");
        auto rows = session.run(postgres_incarnation_sql);
        const auto before = rows.next() ? rows.id(0) : message_id{};
        if (const auto others = count(session, others_sql); others > 0) {
            return error{errc::locked, "PostgreSQL at " + session.place() + ": " +
                                           std::to_string(others) +
                                           " other sessions are connected; stop every process "
                                           "that serves this log first"};
        }
        session.run(come_home_sql);
        return renew(session, before, order);
    } catch (const postgres_failure& failed) {
        return failed.as_error(mask_postgres_url(options.url), postgres_failure::purpose::write);
    }
}

std::optional<error> find_home_fault(postgres_connection& session) {
    auto rows = session.run("SELECT home, log_home() FROM meta WHERE home <> log_home()");
    if (!rows.next()) return std::nullopt;
    return error{errc::foreign_log,
                 "PostgreSQL at " + session.place() + ": this log was served in " + rows.text(0) +
                     " and is in " + rows.text(1) +
                     " now (cluster/database): it was restored from a copy, or moved. With every "
                     "process stopped run: tidemark restored, or tidemark restored --nothing-lost "
                     "if the copy is whole"};
}

}  // namespace tidemark
