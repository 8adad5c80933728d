#include "tidemark/eventstore/postgres_migrations.hpp"

#include "tidemark/eventstore/postgres_connect.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace tidemark {
namespace {

constexpr std::string_view lock_sql = "SELECT pg_advisory_xact_lock($1, 0)";
constexpr std::string_view rights_sql =
    "SELECT current_user::text, current_database()::text, "
    "has_database_privilege(current_database(), 'CREATE'), n.oid IS NOT NULL, "
    "pg_get_userbyid(n.nspowner)::text, has_schema_privilege(n.oid, 'USAGE'), "
    "has_schema_privilege(n.oid, 'CREATE'), c.oid IS NOT NULL, "
    "coalesce(to_regclass('migrations') = c.oid, false) "
    "FROM (SELECT 1) AS always(one) LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = $1 "
    "LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = 'migrations'";
constexpr std::string_view select_steps_sql =
    "SELECT version, name, checksum, applied_at FROM migrations ORDER BY version";
constexpr std::string_view insert_step_sql =
    "INSERT INTO migrations(version, name, checksum, applied_at) "
    "VALUES($1, $2, $3, (extract(epoch FROM clock_timestamp()) * 1000000)::int8)";
constexpr std::string_view table_script =
    "CREATE TABLE IF NOT EXISTS migrations(version integer PRIMARY KEY, name text NOT NULL, "
    "checksum text NOT NULL, applied_at bigint NOT NULL, "
    "applied_by text NOT NULL DEFAULT session_user)";

const postgres_migration* find_known(std::uint32_t version) {
    const auto known = postgres_migrations();
    return version >= 1 && version <= known.size() ? &known[version - 1] : nullptr;
}

/// What the user of a session may do where a store is, or is to be.
struct schema_rights {
    std::string user;
    std::string database;
    bool creates_schemas = false;
    bool has_schema = false;
    std::string owner;
    bool uses_schema = false;
    bool creates_in_schema = false;
    bool has_steps = false;
    /// By their name alone.
    bool finds_steps = false;
};

schema_rights read_rights(postgres_connection& connection, const std::string& schema) {
    auto rows = connection.run(rights_sql, {schema});
    if (!rows.next()) return {};
    return {.user = rows.text(0),
            .database = rows.text(1),
            .creates_schemas = rows.boolean(2),
            .has_schema = rows.boolean(3),
            .owner = rows.text(4),
            .uses_schema = rows.boolean(5),
            .creates_in_schema = rows.boolean(6),
            .has_steps = rows.boolean(7),
            .finds_steps = rows.boolean(8)};
}

/// A schema that a user may not use, or whose search path leads elsewhere, is as good as not there
/// to the server, which would say that its tables are missing.
bool has_readable_steps(postgres_connection& connection, const std::string& schema) {
    const auto may = read_rights(connection, schema);
    if (may.has_schema && !may.uses_schema) {
        throw postgres_failure{
            std::string{no_usage_state}, postgres_moment::after_send,
            "user '" + may.user + "' may not use schema '" + schema + "' of '" + may.owner + "'"};
    }
    if (may.has_steps && !may.finds_steps) {
        throw postgres_failure{
            std::string{wrong_path_state}, postgres_moment::after_send,
            "the search_path of user '" + may.user + "' does not lead to schema '" + schema + "'"};
    }
    return may.has_steps;
}

/// Throws unless this user may migrate.
void demand_migrator(postgres_connection& connection, const std::string& schema) {
    const auto may = read_rights(connection, schema);
    if (!may.has_schema && !may.creates_schemas) {
        throw postgres_failure{std::string{no_schema_right_state}, postgres_moment::after_send,
                               "there is no schema '" + schema + "', and user '" + may.user +
                                   "' may not create one in database '" + may.database + "'"};
    }
    if (may.has_schema && !may.creates_in_schema) {
        throw postgres_failure{std::string{not_migrator_state}, postgres_moment::after_send,
                               "migrations are pending, and user '" + may.user +
                                   "' may not apply them: schema '" + schema + "' belongs to '" +
                                   may.owner + "'"};
    }
}

std::vector<postgres_step> read_steps(postgres_connection& connection, const std::string& schema) {
    std::vector<postgres_step> steps;
    if (has_readable_steps(connection, schema)) {
        auto rows = connection.run(select_steps_sql);
        while (rows.next()) {
            postgres_step step{.version = static_cast<std::uint32_t>(rows.integer(0)),
                               .name = rows.text(1),
                               .is = postgres_step::state::applied,
                               .applied_at = rows.at(3)};
            const auto* known = find_known(step.version);
            if (known == nullptr) {
                step.is = postgres_step::state::newer;
            } else if (checksum_of(*known) != rows.bytes(2)) {
                step.is = postgres_step::state::edited;
            }
            steps.push_back(std::move(step));
        }
    }
    for (const auto& known : postgres_migrations()) {
        if (std::ranges::find(steps, known.version, &postgres_step::version) != steps.end()) {
            continue;
        }
        steps.push_back({.version = known.version, .name = std::string{known.name}});
    }
    std::ranges::sort(steps, {}, &postgres_step::version);
    return steps;
}

/// Of all stores of the database: each chooses what the others have not.
void begin_locked(postgres_connection& connection) {
    connection.execute("BEGIN");
    connection.run(lock_sql, {postgres_value::int4(migration_lock)});
}

/// Makes the schema, unless it is there: then nobody needs the right to make one.
void make_schema(postgres_connection& connection, const std::string& schema) {
    demand_migrator(connection, schema);
    constexpr std::string_view find_sql = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname=$1";
    if (connection.run(find_sql, {schema}).size() == 0) {
        connection.execute("CREATE SCHEMA " + schema);
    }
    connection.execute("SET LOCAL search_path = " + schema + ", pg_catalog, pg_temp");
    connection.execute(std::string{table_script});
}

void apply(postgres_connection& connection, const postgres_step& step) {
    const auto& known = *find_known(step.version);
    connection.execute(std::string{known.sql});
    connection.run(insert_step_sql, {postgres_value::int4(static_cast<std::int32_t>(step.version)),
                                     known.name, checksum_of(known)});
}

std::optional<error> find_blocking(const std::vector<postgres_step>& steps,
                                   const std::string& place) {
    for (const auto& step : steps) {
        const auto named =
            place + ": migration " + std::to_string(step.version) + " '" + step.name + "' ";
        if (step.is == postgres_step::state::newer) {
            return error{errc::schema_mismatch,
                         named + "is unknown to this program; run the newer one that applied it"};
        }
        if (step.is == postgres_step::state::edited) {
            return error{errc::schema_mismatch,
                         named +
                             "was applied with another text than this program has; run the "
                             "program that applied it, or restore a backup"};
        }
    }
    return std::nullopt;
}

/// Applies the next pending step in a transaction; nothing if there is none.
std::optional<postgres_step> apply_next(postgres_connection& connection, const std::string& schema,
                                        std::optional<error>& fault) {
    begin_locked(connection);
    const auto steps = read_steps(connection, schema);
    fault = find_blocking(steps, connection.place());
    const auto next = std::ranges::find(steps, postgres_step::state::pending, &postgres_step::is);
    if (fault || next == steps.end()) {
        connection.execute("ROLLBACK");
        return std::nullopt;
    }
    make_schema(connection, schema);
    apply(connection, *next);
    connection.execute("COMMIT");
    return *next;
}

/// A right that is missing here is that of the schema's owner, not of a role.
postgres_failure while_migrating(const postgres_failure& failed) {
    constexpr std::string_view not_permitted = "42501";
    if (failed.sqlstate() != not_permitted) return failed;
    return {std::string{not_migrator_state}, postgres_moment::after_send, failed.what()};
}

result<std::vector<postgres_step>> rehearse(postgres_connection& connection,
                                            const std::string& schema) {
    begin_locked(connection);
    auto steps = read_steps(connection, schema);
    if (auto fault = find_blocking(steps, connection.place())) return std::move(*fault);
    std::erase_if(steps, [](const auto& one) { return one.is != postgres_step::state::pending; });
    if (!steps.empty()) make_schema(connection, schema);
    for (const auto& step : steps) apply(connection, step);
    connection.execute("ROLLBACK");
    return steps;
}

}  // namespace

std::string checksum_of(const postgres_migration& step) {
    return message_id::derive({"postgres migration", step.sql}).to_string();
}

std::vector<postgres_step> read_postgres_schema(postgres_connection& connection) {
    return read_steps(connection, connection.schema());
}

std::optional<error> find_schema_fault(const std::vector<postgres_step>& steps,
                                       const std::string& place) {
    if (auto fault = find_blocking(steps, place)) return fault;
    const auto pending =
        std::ranges::count(steps, postgres_step::state::pending, &postgres_step::is);
    if (pending == 0) return std::nullopt;
    return error{errc::schema_mismatch, place + ": " + std::to_string(pending) + " of " +
                                            std::to_string(steps.size()) +
                                            " migrations are pending; run: tidemark migrate up"};
}

result<std::vector<postgres_step>> migrate_postgres(const postgres_options& options,
                                                    bool is_dry_run) {
    const auto place = mask_postgres_url(options.url);
    std::string at = "connecting";
    try {
        postgres_connection connection{options};
        if (auto fault = find_server_fault(connection, options)) return std::move(*fault);
        at = "migrating";
        if (is_dry_run) return rehearse(connection, options.schema);
        std::vector<postgres_step> applied;
        std::optional<error> fault;
        while (auto step = apply_next(connection, options.schema, fault)) {
            applied.push_back(std::move(*step));
        }
        if (fault) return std::move(*fault);
        return applied;
    } catch (const postgres_failure& failed) {
        auto as_error = while_migrating(failed).as_error(place, postgres_failure::purpose::read);
        return error{as_error.code(), at + ": " + as_error.message()};
    }
}

std::optional<std::string> find_durability_fault(const server_durability& of) {
    if (of.fsync != "on") {
        return "has fsync = " + of.fsync + ", so a power cut loses commits it has acknowledged";
    }
    if (of.full_page_writes != "on") {
        return "has full_page_writes = " + of.full_page_writes +
               ", so a page that a power cut tears is lost";
    }
    if (of.synchronous_commit == "off") {
        return std::string{
            "has synchronous_commit = off, so a power cut loses commits it has acknowledged"};
    }
    const auto reaches_standby =
        of.synchronous_commit == "on" || of.synchronous_commit == "remote_apply";
    if (of.synchronous_standby_names.empty() || reaches_standby) return std::nullopt;
    return "has synchronous_commit = " + of.synchronous_commit +
           " though synchronous_standby_names = '" + of.synchronous_standby_names +
           "', so commits it has acknowledged can be missing on the standby that is promoted";
}

std::optional<error> find_server_fault(postgres_connection& connection,
                                       const postgres_options& options) {
    constexpr int oldest = 150000;
    constexpr std::string_view settings_sql =
        "SELECT current_setting('server_version'), pg_is_in_recovery(), current_setting('fsync'), "
        "current_setting('full_page_writes'), current_setting('synchronous_commit'), "
        "current_setting('synchronous_standby_names')";
    auto rows = connection.run(settings_sql);
    if (!rows.next()) return std::nullopt;
    const auto place = "PostgreSQL at " + connection.place();
    if (connection.server_version() < oldest) {
        return error{errc::bad_setting, place + " is version " + rows.text(0) +
                                            "; Tidemark needs 15 or newer: upgrade the server"};
    }
    if (options.is_read_only) return std::nullopt;
    if (rows.boolean(1)) {
        return error{errc::unavailable,
                     place + " is a standby and takes no writes; name the primary in store.url"};
    }
    if (options.allows_unsafe_durability) return std::nullopt;
    const auto fault = find_durability_fault({.fsync = rows.text(2),
                                              .full_page_writes = rows.text(3),
                                              .synchronous_commit = rows.text(4),
                                              .synchronous_standby_names = rows.text(5)});
    if (!fault) return std::nullopt;
    return error{errc::bad_setting,
                 place + " " + *fault + "; set it to on, or postgres.unsafe_durability = true"};
}

}  // namespace tidemark
