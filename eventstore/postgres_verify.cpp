#include "tidemark/eventstore/postgres_connect.hpp"
#include "tidemark/eventstore/postgres_migrations.hpp"

#include <map>
#include <string>
#include <utility>

namespace tidemark {
namespace {

/// Every object of schema $1 and what it is made of, one line each, without the schema's name ($2
/// is the one that the migrations name in texts).
constexpr std::string_view objects_sql = R"sql(
WITH home AS (SELECT oid FROM pg_namespace WHERE nspname = $1)
SELECT kind || ' ' || name, replace(replace(definition, $1, ''), $2, '') FROM (
  SELECT 'column' AS kind, c.relname || '.' || a.attname AS name,
         format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull || ' ' ||
         a.attidentity::text ||
         coalesce(' ' || pg_get_expr(d.adbin, d.adrelid), '') ||
         coalesce(' ' || l.collname, '') AS definition
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
    WHERE c.relnamespace = (SELECT oid FROM home) AND c.relkind IN ('r', 'v', 'p')
      AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT 'index', c.relname, pg_get_indexdef(c.oid) FROM pg_class c
    WHERE c.relnamespace = (SELECT oid FROM home) AND c.relkind = 'i'
  UNION ALL
  SELECT 'constraint', r.relname || '.' || c.conname, pg_get_constraintdef(c.oid)
    FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
    WHERE c.connamespace = (SELECT oid FROM home)
  UNION ALL
  SELECT 'trigger', r.relname || '.' || t.tgname,
         t.tgenabled::text || ' ' || pg_get_triggerdef(t.oid)
    FROM pg_trigger t JOIN pg_class r ON r.oid = t.tgrelid
    WHERE r.relnamespace = (SELECT oid FROM home) AND NOT t.tgisinternal
  UNION ALL
  SELECT 'function', p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
         pg_get_functiondef(p.oid)
    FROM pg_proc p WHERE p.pronamespace = (SELECT oid FROM home) AND p.prokind = 'f'
  UNION ALL
  SELECT 'view', c.relname, pg_get_viewdef(c.oid) FROM pg_class c
    WHERE c.relnamespace = (SELECT oid FROM home) AND c.relkind = 'v'
  UNION ALL
  SELECT 'sequence', c.relname, s.seqincrement || ' ' || s.seqcache || ' ' || s.seqcycle
    FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid
    WHERE c.relnamespace = (SELECT oid FROM home)
  UNION ALL
  SELECT 'grant', g.privilege_type || ' on ' || h.name || ' to ' ||
         CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee)::text END, ''
    FROM (
      SELECT 'the schema' AS name, n.nspowner AS owner, n.nspacl AS acl
        FROM pg_namespace n WHERE n.oid = (SELECT oid FROM home)
      UNION ALL
      SELECT c.relname, c.relowner, c.relacl FROM pg_class c
        WHERE c.relnamespace = (SELECT oid FROM home)
      UNION ALL
      SELECT c.relname || '.' || a.attname, c.relowner, a.attacl
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = (SELECT oid FROM home) AND NOT a.attisdropped
      UNION ALL
      SELECT p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', p.proowner,
             coalesce(p.proacl, acldefault('f', p.proowner))
        FROM pg_proc p WHERE p.pronamespace = (SELECT oid FROM home)
    ) AS h, aclexplode(h.acl) AS g
    -- Who else may read is nobody's business here.
    WHERE g.grantee <> h.owner AND (g.privilege_type NOT IN ('SELECT', 'USAGE')
                                    OR pg_get_userbyid(g.grantee)::text IN (
                                      'tidemark_writer', 'tidemark_runner', 'tidemark_projector',
                                      'tidemark_reader'))
) AS object
)sql";

using objects = std::map<std::string, std::string>;

objects read_objects(postgres_connection& connection, const std::string& schema) {
    objects found;
    auto rows = connection.run(objects_sql, {schema, connection.schema()});
    while (rows.next()) found.emplace(rows.text(0), rows.text(1));
    return found;
}

/// What the migrations make of an empty schema. Leaves the transaction open.
objects read_wanted(postgres_connection& connection, const std::string& schema) {
    try {
        connection.execute("CREATE SCHEMA " + schema);
    } catch (const postgres_failure& failed) {
        if (failed.sqlstate() != "42501") throw;
        throw postgres_failure{std::string{no_schema_right_state}, postgres_moment::after_send,
                               failed.what()};
    }
    connection.execute("SET LOCAL search_path = " + schema + ", pg_catalog, pg_temp");
    for (const auto& step : postgres_migrations()) connection.execute(std::string{step.sql});
    return read_objects(connection, schema);
}

}  // namespace

result<std::vector<std::string>> verify_postgres(const postgres_options& options) {
    try {
        postgres_connection connection{options};
        const auto steps = read_postgres_schema(connection);
        if (auto fault = find_schema_fault(steps, connection.place())) return std::move(*fault);
        connection.execute("BEGIN");
        auto found = read_objects(connection, options.schema);
        // The table of the steps is the runner's, not a migration's.
        std::erase_if(found, [](const auto& one) {
            const auto& [name, definition] = one;
            return name.find(" migrations.") != name.npos || name == "index migrations_pkey" ||
                   name.starts_with("grant SELECT on migrations to ");
        });
        const auto wanted = read_wanted(connection, options.schema + "_verified");
        connection.execute("ROLLBACK");
        std::vector<std::string> differences;
        for (const auto& [name, definition] : wanted) {
            const auto there = found.find(name);
            if (there == found.end()) differences.push_back(name + " is missing");
            if (there != found.end() && there->second != definition) {
                differences.push_back(name + " was changed");
            }
        }
        for (const auto& [name, definition] : found) {
            if (!wanted.contains(name)) differences.push_back(name + " is not of the migrations");
        }
        return differences;
    } catch (const postgres_failure& failed) {
        return failed.as_error(mask_postgres_url(options.url), postgres_failure::purpose::read);
    }
}

}  // namespace tidemark
