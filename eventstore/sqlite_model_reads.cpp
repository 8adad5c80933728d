#include "tidemark/eventstore/sqlite_models.hpp"
#include "tidemark/eventstore/sqlite_reads.hpp"

namespace tidemark {

sqlite_model_reads::sqlite_model_reads(sqlite_connection& connection)
    : select_checkpoint_{connection,
                         "SELECT coalesce(m.position, 0), coalesce(m.incarnation, "
                         "meta.incarnation) FROM meta LEFT JOIN models m ON m.name = ? "
                         "WHERE meta.id = 1"},
      select_document_{connection,
                       "SELECT d.key, d.body, d.indexes FROM models m JOIN documents d "
                       "ON d.model = m.id WHERE m.name = ? AND d.key = ?"},
      select_up_{connection,
                 "SELECT d.key, d.body, d.indexes FROM models m JOIN documents d "
                 "ON d.model = m.id WHERE m.name = ? AND d.key > ? ORDER BY d.key LIMIT ?"},
      select_down_{connection,
                   "SELECT d.key, d.body, d.indexes FROM models m JOIN documents d "
                   "ON d.model = m.id WHERE m.name = ?1 AND d.key < ?2 "
                   "ORDER BY d.key DESC LIMIT ?3"},
      select_index_up_{connection,
                       "SELECT d.key, d.body, d.indexes FROM models m JOIN document_indexes i "
                       "ON i.model = m.id JOIN documents d ON d.model = m.id AND d.key = i.key "
                       "WHERE m.name = ? AND i.name = ? AND i.value = ? AND i.key > ? "
                       "ORDER BY i.key LIMIT ?"},
      select_index_down_{connection,
                         "SELECT d.key, d.body, d.indexes FROM models m JOIN document_indexes i "
                         "ON i.model = m.id JOIN documents d ON d.model = m.id AND d.key = i.key "
                         "WHERE m.name = ?1 AND i.name = ?2 AND i.value = ?3 AND "
                         "i.key < ?4 ORDER BY i.key DESC LIMIT ?5"},
      select_models_{connection,
                     "SELECT name, position, documents FROM models WHERE name IS NOT NULL "
                     "ORDER BY name"} {}

checkpoint sqlite_model_reads::load_checkpoint(const std::string& name) {
    auto rows = select_checkpoint_.query({name});
    if (!rows.next()) return {};
    return {.position = position{rows.number(0)}, .incarnation = rows.id(1)};
}

std::optional<document> sqlite_model_reads::find_document(const std::string& name,
                                                          const std::string& key) {
    auto rows = select_document_.query({name, key});
    if (!rows.next()) return std::nullopt;
    return read_document(rows);
}

std::vector<document> sqlite_model_reads::query(const std::string& name,
                                                const document_query& asked) {
    std::vector<document> page;
    // A blob stands behind every text, so that it bounds nothing.
    const auto bound = asked.descending && asked.after_key.empty() ? sqlite_value::blob("end")
                                                                   : sqlite_value{asked.after_key};
    const auto collect = [&page](sqlite_rows rows) {
        while (rows.next()) page.push_back(read_document(rows));
    };
    if (asked.index.empty()) {
        auto& statement = asked.descending ? select_down_ : select_up_;
        collect(statement.query({name, bound, asked.limit}));
    } else {
        auto& statement = asked.descending ? select_index_down_ : select_index_up_;
        collect(statement.query({name, asked.index, asked.value, bound, asked.limit}));
    }
    return page;
}

std::vector<read_model_store::model_summary> sqlite_model_reads::list_models() {
    std::vector<read_model_store::model_summary> all;
    auto rows = select_models_.query();
    while (rows.next()) {
        all.push_back({.name = rows.text(0),
                       .position = position{rows.number(1)},
                       .documents = rows.number(2)});
    }
    return all;
}

}  // namespace tidemark
