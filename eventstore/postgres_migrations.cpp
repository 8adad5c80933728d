#include "tidemark/eventstore/postgres_migrations.hpp"

#include "tidemark/eventstore/postgres_connect.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace tidemark {
namespace {

/// First half of the key of the lock that migrations take: "tidm".
constexpr std::int32_t lock_class = 0x7469646d;
constexpr std::string_view lock_sql = "SELECT pg_advisory_xact_lock($1, hashtext($2))";
constexpr std::string_view find_table_sql =
    "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = $1 AND c.relname = 'migrations'";
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

std::vector<postgres_step> read_steps(postgres_connection& connection, const std::string& schema) {
    std::vector<postgres_step> steps;
    if (connection.run(find_table_sql, {schema}).size() > 0) {
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

void begin_locked(postgres_connection& connection, const std::string& schema) {
    connection.execute("BEGIN");
    connection.run(lock_sql, {postgres_value::int4(lock_class), schema});
}

/// Makes the schema, unless it is there: then nobody needs the right to make one.
void make_schema(postgres_connection& connection, const std::string& schema) {
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
    begin_locked(connection, schema);
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

result<std::vector<postgres_step>> rehearse(postgres_connection& connection,
                                            const std::string& schema) {
    begin_locked(connection, schema);
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
        auto as_error = failed.as_error(place, postgres_failure::purpose::read);
        return error{as_error.code(), at + ": " + as_error.message()};
    }
}

std::optional<error> find_server_fault(postgres_connection& connection,
                                       const postgres_options& options) {
    constexpr int oldest = 150000;
    constexpr std::string_view settings_sql =
        "SELECT current_setting('fsync') = 'on', current_setting('synchronous_commit') <> 'off', "
        "pg_is_in_recovery(), current_setting('server_version')";
    auto rows = connection.run(settings_sql);
    if (!rows.next()) return std::nullopt;
    const auto place = "PostgreSQL at " + connection.place();
    if (connection.server_version() < oldest) {
        return error{errc::bad_setting, place + " is version " + rows.text(3) +
                                            "; Tidemark needs 15 or newer: upgrade the server"};
    }
    if (rows.boolean(2) && !options.is_read_only) {
        return error{errc::unavailable,
                     place + " is a standby and takes no writes; name the primary in store.url"};
    }
    for (const auto& [column, name] : {std::pair{0, "fsync"}, std::pair{1, "synchronous_commit"}}) {
        if (rows.boolean(column) || options.allows_unsafe_durability || options.is_read_only) {
            continue;
        }
        return error{errc::bad_setting,
                     place + " has " + name +
                         " = off, so a power cut loses commits it has "
                         "acknowledged; turn it on, or set postgres.unsafe_durability = true"};
    }
    return std::nullopt;
}

}  // namespace tidemark
