#include "tidemark/eventstore/log_renewal.hpp"

#include "tidemark/eventstore/file_lock.hpp"
#include "tidemark/eventstore/postgres_connect.hpp"
#include "tidemark/eventstore/postgres_connection.hpp"
#include "tidemark/eventstore/postgres_migrations.hpp"
#include "tidemark/eventstore/sqlite_schema.hpp"

#include <unistd.h>

#include <string_view>

namespace tidemark {
namespace {

constexpr std::string_view sqlite_renew_sql =
    "UPDATE meta SET incarnation = randomblob(16) WHERE id = 1";
constexpr std::string_view sqlite_incarnation_sql = "SELECT incarnation FROM meta WHERE id = 1";
constexpr std::string_view sqlite_keep_sql =
    "UPDATE models SET incarnation = ?1 WHERE incarnation = ?2 AND name NOT LIKE 'relay:%'";
constexpr std::string_view sqlite_go_on_sql =
    "UPDATE models SET incarnation = ?1 WHERE incarnation = ?2 AND name LIKE 'relay:%'";
constexpr std::string_view sqlite_again_sql =
    "UPDATE models SET name = NULL WHERE name LIKE 'relay:%'";
constexpr std::string_view sqlite_relays_sql =
    "SELECT count(*) FROM models WHERE name LIKE 'relay:%'";

constexpr std::string_view lock_meta_sql = "SELECT incarnation FROM meta FOR UPDATE";
constexpr std::string_view others_sql =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid() AND application_name = current_setting('application_name')";
constexpr std::string_view renew_sql =
    "UPDATE meta SET incarnation = gen_random_uuid() RETURNING incarnation";
constexpr std::string_view come_home_sql = "UPDATE meta SET home = log_home()";
constexpr std::string_view keep_sql =
    "WITH moved AS (UPDATE models SET incarnation = $1 WHERE incarnation = $2 "
    "AND name NOT LIKE 'relay:%' RETURNING 1) SELECT count(*) FROM moved";
constexpr std::string_view go_on_sql =
    "UPDATE models SET incarnation = $1 WHERE incarnation = $2 AND name LIKE 'relay:%'";
constexpr std::string_view again_sql = "UPDATE models SET name = NULL WHERE name LIKE 'relay:%'";
constexpr std::string_view relays_sql = "SELECT count(*) FROM models WHERE name LIKE 'relay:%'";

message_id read_incarnation(sqlite_connection& file) {
    sqlite_statement select{file, sqlite_incarnation_sql};
    auto rows = select.query();
    return rows.next() ? rows.id(0) : message_id{};
}

log_renewal renew(sqlite_connection& file, const renewal_order& order) {
    log_renewal out;
    file.execute("BEGIN IMMEDIATE");
    out.before = out.after = read_incarnation(file);
    out.relays = static_cast<std::uint64_t>(file.query_integer(std::string{sqlite_relays_sql}));
    if (!order.is_whole) {
        file.execute(std::string{sqlite_renew_sql});
        out.after = read_incarnation(file);
        sqlite_statement keep{file, sqlite_keep_sql};
        out.read_models = static_cast<std::uint64_t>(keep.run({out.after, out.before}));
        sqlite_statement go_on{file, sqlite_go_on_sql};
        if (order.relays == relay_fate::go_on) go_on.run({out.after, out.before});
        if (order.relays == relay_fate::again) file.execute(std::string{sqlite_again_sql});
    }
    file.execute(order.is_dry ? "ROLLBACK" : "COMMIT");
    return out;
}

std::uint64_t count(postgres_connection& session, std::string_view sql,
                    std::initializer_list<postgres_value> with = {}) {
    auto rows = session.run(sql, with);
    return rows.next() ? rows.number(0) : 0;
}

result<log_renewal> renew(postgres_connection& session, const renewal_order& order) {
    log_renewal out;
    session.execute("BEGIN");
    auto found = session.run(lock_meta_sql);
    if (found.next()) out.before = out.after = found.id(0);
    if (const auto others = count(session, others_sql); others > 0) {
        session.execute("ROLLBACK");
        return error{errc::locked, "PostgreSQL at " + session.place() + ": " +
                                       std::to_string(others) +
                                       " other sessions are connected; stop every process that "
                                       "serves this log first"};
    }
    out.relays = count(session, relays_sql);
    session.run(come_home_sql);
    if (!order.is_whole) {
        auto renewed = session.run(renew_sql);
        if (renewed.next()) out.after = renewed.id(0);
        out.read_models = count(session, keep_sql, {out.after, out.before});
        if (order.relays == relay_fate::go_on) session.run(go_on_sql, {out.after, out.before});
        if (order.relays == relay_fate::again) session.run(again_sql);
    }
    session.execute(order.is_dry ? "ROLLBACK" : "COMMIT");
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
        return renew(file, order);
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
        return renew(session, order);
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
