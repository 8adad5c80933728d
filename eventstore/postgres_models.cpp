#include "tidemark/eventstore/postgres_models.hpp"

#include "tidemark/eventstore/postgres_documents.hpp"
#include "tidemark/eventstore/refusals.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace tidemark {
namespace {

/// Documents deleted in one step of clearing: some milliseconds.
constexpr int clear_step_documents = 2'000;
/// Documents are always asked for by key. Of a model that has just begun PostgreSQL knows nothing,
/// and would plan to look through all of it, with a plan that it keeps while the model grows.
constexpr const char* begin_change = "BEGIN; SET LOCAL enable_seqscan = off";

/// Ends a transaction that nobody else has ended. The connection is given up if that fails.
void rollback(postgres_connection& connection) {
    try {
        if (connection.in_transaction()) connection.execute("ROLLBACK");
    } catch (const postgres_failure&) {
        // The pool closes what is left inside a transaction.
        return;
    }
}

std::optional<error> run_change(const std::string& name, postgres_documents& model,
                                const std::function<void(read_model&)>& change) {
    try {
        if (change) change(model);
        model.finish();
        return std::nullopt;
    } catch (const std::exception& e) {
        return change_threw(name, e.what());
    } catch (...) {
        return change_threw(name, "something that is no std::exception");
    }
}

std::string_view query_sql(const document_query& asked) {
    const auto is_bounded = !asked.after_key.empty();
    if (asked.index.empty() && !asked.descending) {
        return "SELECT d.key, d.body, d.indexes FROM models m JOIN documents d ON d.model = m.id "
               "WHERE m.name = $1 AND d.key > $2 ORDER BY d.key LIMIT $3";
    }
    if (asked.index.empty()) {
        return is_bounded ? "SELECT d.key, d.body, d.indexes FROM models m JOIN documents d "
                            "ON d.model = m.id WHERE m.name = $1 AND d.key < $2 "
                            "ORDER BY d.key DESC LIMIT $3"
                          : "SELECT d.key, d.body, d.indexes FROM models m JOIN documents d "
                            "ON d.model = m.id WHERE m.name = $1 AND $2 = '' "
                            "ORDER BY d.key DESC LIMIT $3";
    }
    if (!asked.descending) {
        return "SELECT d.key, d.body, d.indexes FROM models m JOIN document_indexes i "
               "ON i.model = m.id JOIN documents d ON d.model = m.id AND d.key = i.key "
               "WHERE m.name = $1 AND i.key > $2 AND i.name = $4 AND i.value = $5 "
               "ORDER BY i.key LIMIT $3";
    }
    return is_bounded ? "SELECT d.key, d.body, d.indexes FROM models m JOIN document_indexes i "
                        "ON i.model = m.id JOIN documents d ON d.model = m.id AND d.key = i.key "
                        "WHERE m.name = $1 AND i.key < $2 AND i.name = $4 AND i.value = $5 "
                        "ORDER BY i.key DESC LIMIT $3"
                      : "SELECT d.key, d.body, d.indexes FROM models m JOIN document_indexes i "
                        "ON i.model = m.id JOIN documents d ON d.model = m.id AND d.key = i.key "
                        "WHERE m.name = $1 AND $2 = '' AND i.name = $4 AND i.value = $5 "
                        "ORDER BY i.key DESC LIMIT $3";
}

}  // namespace

checkpoint postgres_models::load_checkpoint(const std::string& name) {
    auto rows = connection_.run("SELECT position, incarnation FROM models WHERE name = $1", {name});
    if (!rows.next()) return {.position = {}, .incarnation = incarnation_};
    return {.position = position{rows.number(0)}, .incarnation = rows.id(1)};
}

postgres_models::stored_model postgres_models::lock_model(const std::string& name) {
    auto rows = connection_.run(
        "SELECT id, position, incarnation FROM models WHERE name = $1 FOR UPDATE", {name});
    if (!rows.next()) return {.row = 0, .at = {.position = {}, .incarnation = incarnation_}};
    return {.row = rows.integer(0),
            .at = {.position = position{rows.number(1)}, .incarnation = rows.id(2)}};
}

std::int64_t postgres_models::insert_model(const std::string& name) {
    auto rows = connection_.run(
        "INSERT INTO models(name, position, incarnation, documents) VALUES($1, 0, $2, 0) "
        "ON CONFLICT (name) DO NOTHING RETURNING id",
        {name, incarnation_});
    return rows.next() ? rows.integer(0) : 0;
}

result<void> postgres_models::update(const std::string& name, const checkpoint& from,
                                     const checkpoint& to,
                                     const std::function<void(read_model&)>& change) {
    try {
        connection_.execute(begin_change);
        auto stored = lock_model(name);
        if (stored.row == 0 && stored.at == from) {
            stored.row = insert_model(name);
            // Somebody else made it and has moved it since.
            if (stored.row == 0) stored = lock_model(name);
        }
        auto outcome = stored.at == from ? change_model(stored, name, to, change)
                                         : result<void>{moved_checkpoint(name, stored.at, from)};
        connection_.execute(outcome ? "COMMIT" : "ROLLBACK");
        return outcome;
    } catch (const postgres_failure& failed) {
        rollback(connection_);
        throw;
    }
}

result<void> postgres_models::change_model(const stored_model& stored, const std::string& name,
                                           const checkpoint& to,
                                           const std::function<void(read_model&)>& change) {
    constexpr std::string_view move_sql =
        "UPDATE models SET position = $2, incarnation = $3, documents = documents + $4 "
        "WHERE id = $1";
    postgres_documents model{connection_, stored.row, incarnation_};
    auto thrown = run_change(name, model, change);
    if (model.failure()) throw postgres_failure{*model.failure()};
    if (thrown) return std::move(*thrown);
    connection_.run(move_sql, {stored.row, to.position, to.incarnation, model.added()});
    return {};
}

std::optional<document> postgres_models::find_document(const std::string& name,
                                                       const std::string& key) {
    constexpr std::string_view find_sql =
        "SELECT d.key, d.body, d.indexes FROM models m JOIN documents d ON d.model = m.id "
        "WHERE m.name = $1 AND d.key = $2";
    auto rows = connection_.run(find_sql, {name, key});
    if (!rows.next()) return std::nullopt;
    return read_document(rows);
}

std::vector<document> postgres_models::query(const std::string& name, const document_query& asked) {
    std::vector<postgres_value> values{name, asked.after_key, asked.limit};
    if (!asked.index.empty()) {
        values.emplace_back(asked.index);
        values.emplace_back(asked.value);
    }
    std::vector<document> page;
    auto rows = connection_.run(query_sql(asked), values);
    while (rows.next()) page.push_back(read_document(rows));
    return page;
}

result<void> postgres_models::swap(const std::string& live, const std::string& beside) {
    try {
        connection_.execute("BEGIN");
        auto outcome = swap_locked(live, beside);
        connection_.execute(outcome ? "COMMIT" : "ROLLBACK");
        return outcome;
    } catch (const postgres_failure&) {
        rollback(connection_);
        throw;
    }
}

result<void> postgres_models::swap_locked(const std::string& live, const std::string& beside) {
    // In the order of their names, as every other swap locks them.
    const auto is_live_first = live < beside;
    const auto first = lock_model(is_live_first ? live : beside);
    const auto second = lock_model(is_live_first ? beside : live);
    const auto& live_model = is_live_first ? first : second;
    const auto& beside_model = is_live_first ? second : first;
    if (live_model.at != beside_model.at) {
        return unequal_checkpoints(live, live_model.at, beside, beside_model.at);
    }
    connection_.run("UPDATE models SET name = NULL WHERE name = $1", {live});
    connection_.run("UPDATE models SET name = $1 WHERE name = $2", {live, beside});
    return {};
}

void postgres_models::erase_model(const std::string& name) {
    connection_.run("UPDATE models SET name = NULL WHERE name = $1", {name});
}

std::vector<read_model_store::model_summary> postgres_models::list_models() {
    constexpr std::string_view list_sql =
        "SELECT name, position, documents FROM models WHERE name IS NOT NULL ORDER BY name";
    std::vector<read_model_store::model_summary> all;
    auto rows = connection_.run(list_sql);
    while (rows.next()) {
        all.push_back({.name = rows.text(0),
                       .position = position{rows.number(1)},
                       .documents = rows.number(2)});
    }
    return all;
}

bool postgres_models::clear_step() {
    constexpr std::string_view clear_sql =
        "WITH gone AS MATERIALIZED (SELECT id FROM models WHERE name IS NULL ORDER BY id LIMIT 1 "
        "FOR UPDATE SKIP LOCKED), "
        "indexes AS (DELETE FROM document_indexes WHERE ctid = ANY(ARRAY(SELECT i.ctid "
        "FROM document_indexes i, gone WHERE i.model = gone.id LIMIT $1)) RETURNING 1), "
        "bodies AS (DELETE FROM documents WHERE ctid = ANY(ARRAY(SELECT d.ctid "
        "FROM documents d, gone WHERE d.model = gone.id LIMIT $1)) RETURNING 1), "
        "counts AS (SELECT (SELECT count(*) FROM indexes) + (SELECT count(*) FROM bodies) AS "
        "rows), "
        "done AS (DELETE FROM models USING counts WHERE id = (SELECT id FROM gone) "
        "AND counts.rows = 0 RETURNING 1) "
        "SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM done) FROM counts";
    auto rows = connection_.run(clear_sql, {clear_step_documents});
    return rows.next() && rows.integer(0) > 0;
}

}  // namespace tidemark
