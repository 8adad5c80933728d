#include "tidemark/eventstore/sqlite_models.hpp"

#include "tidemark/eventstore/refusals.hpp"
#include "tidemark/eventstore/stored_lists.hpp"

#include <exception>
#include <map>
#include <memory>
#include <utility>

namespace tidemark {
namespace {

/// Documents deleted in one step of clearing: some milliseconds.
constexpr int clear_step_documents = 500;

}  // namespace

document read_document(const sqlite_rows& row) {
    return {.key = row.text(0), .body = row.text(1), .indexes = split_indexes(row.bytes(2))};
}

/// The read model handed to a projection. Remembers a failure of the storage, so that a projection
/// that swallows the exception cannot commit half a batch.
class sqlite_models::writes : public read_model {
    template <class Work>
    decltype(auto) guarded(const Work& work) {
        try {
            return work();
        } catch (const sqlite_failure& failed) {
            failure_ = failed;
            const auto as_error = failed.as_error("the read model's");
            throw std::system_error{make_error_code(as_error.code()), as_error.message()};
        }
    }

  public:
    writes(sqlite_models& statements, std::int64_t row) : statements_{statements}, row_{row} {}

    std::optional<document> get(std::string_view key) override {
        return guarded([&]() -> std::optional<document> {
            auto rows = statements_.select_document_.query({row_, key});
            if (!rows.next()) return std::nullopt;
            return read_document(rows);
        });
    }
    void put(document doc) override {
        guarded([&] {
            remove(doc.key);
            statements_.upsert_document_.run(
                {row_, doc.key, doc.body, sqlite_value::blob(join_indexes(doc.indexes))});
            for (const auto& [name, value] : doc.indexes) {
                statements_.insert_index_.run({row_, name, value, doc.key});
            }
            ++added_;
        });
    }
    void erase(std::string_view key) override {
        guarded([&] { remove(key); });
    }
    std::vector<document> find(std::string_view index, std::string_view value,
                               std::size_t limit) override {
        return guarded([&] {
            std::vector<document> found;
            auto rows = statements_.select_by_index_.query({row_, index, value, limit});
            while (rows.next()) found.push_back(read_document(rows));
            return found;
        });
    }

    read_model& beside(std::string_view name) override {
        const auto known = besides_.find(name);
        if (known != besides_.end()) return *known->second;
        return guarded([&]() -> read_model& {
            const std::string key{name};
            auto stored = statements_.find(key);
            if (stored.row == 0) stored.row = statements_.insert(key);
            auto made = std::make_unique<writes>(statements_, stored.row);
            return *besides_.emplace(key, std::move(made)).first->second;
        });
    }
    /// Counts what was added to the collections beside.
    void finish() {
        guarded([&] {
            for (auto& [name, one] : besides_) {
                one->finish();
                statements_.count_.run({one->added_, one->row_});
            }
        });
    }

    [[nodiscard]] std::int64_t added() const { return added_; }
    [[nodiscard]] const std::optional<sqlite_failure>& failure() const {
        for (const auto& [name, one] : besides_) {
            if (one->failure()) return one->failure();
        }
        return failure_;
    }

  private:
    void remove(std::string_view key) {
        std::map<std::string, std::string> indexes;
        {
            auto rows = statements_.select_document_.query({row_, key});
            if (!rows.next()) return;
            indexes = split_indexes(rows.bytes(2));
        }
        for (const auto& [name, value] : indexes) {
            statements_.delete_index_.run({row_, name, value, key});
        }
        statements_.delete_document_.run({row_, key});
        --added_;
    }

    sqlite_models& statements_;
    std::int64_t row_;
    std::int64_t added_ = 0;
    std::optional<sqlite_failure> failure_;
    std::map<std::string, std::unique_ptr<writes>, std::less<>> besides_;
};

sqlite_models::sqlite_models(sqlite_connection& connection, message_id incarnation)
    : connection_{connection},
      incarnation_{incarnation},
      select_model_{connection, "SELECT id, position, incarnation FROM models WHERE name = ?"},
      insert_model_{connection,
                    "INSERT INTO models(name, position, incarnation, documents) "
                    "VALUES(?, 0, ?, 0) RETURNING id"},
      move_{connection,
            "UPDATE models SET position = ?, incarnation = ?, documents = documents + ? "
            "WHERE id = ?"},
      count_{connection, "UPDATE models SET documents = documents + ? WHERE id = ?"},
      rename_{connection, "UPDATE models SET name = ? WHERE name = ?"},
      forget_{connection, "UPDATE models SET name = NULL WHERE name = ?"},
      select_forgotten_{connection, "SELECT id FROM models WHERE name IS NULL LIMIT 1"},
      delete_indexes_{connection,
                      "DELETE FROM document_indexes WHERE (model, name, value, key) IN (SELECT "
                      "model, name, value, key FROM document_indexes WHERE model = ? LIMIT ?)"},
      delete_documents_{connection,
                        "DELETE FROM documents WHERE (model, key) IN (SELECT model, key "
                        "FROM documents WHERE model = ? LIMIT ?)"},
      delete_model_{connection, "DELETE FROM models WHERE id = ?"},
      select_document_{connection,
                       "SELECT key, body, indexes FROM documents WHERE model = ? AND key = ?"},
      upsert_document_{connection,
                       "INSERT INTO documents(model, key, body, indexes) VALUES(?, ?, ?, ?)"},
      delete_document_{connection, "DELETE FROM documents WHERE model = ? AND key = ?"},
      insert_index_{connection,
                    "INSERT INTO document_indexes(model, name, value, key) VALUES(?, ?, ?, ?)"},
      delete_index_{connection,
                    "DELETE FROM document_indexes "
                    "WHERE model = ? AND name = ? AND value = ? AND key = ?"},
      select_by_index_{connection,
                       "SELECT d.key, d.body, d.indexes FROM document_indexes i "
                       "JOIN documents d ON d.model = i.model AND d.key = i.key "
                       "WHERE i.model = ? AND i.name = ? AND i.value = ? ORDER BY i.key LIMIT ?"} {}

result<void> sqlite_models::update(const std::string& name, const checkpoint& from,
                                   const checkpoint& to,
                                   const std::function<void(read_model&)>& change) {
    auto stored = find(name);
    if (stored.at != from) return moved_checkpoint(name, stored.at, from);
    connection_.execute("SAVEPOINT projection");
    if (stored.row == 0) stored.row = insert(name);
    writes model{*this, stored.row};
    auto thrown = run_change(name, model, change);
    if (model.failure()) throw sqlite_failure{*model.failure()};
    if (thrown) connection_.execute("ROLLBACK TO projection");
    if (!thrown) move_.run({to.position, to.incarnation, model.added(), stored.row});
    connection_.execute("RELEASE projection");
    if (thrown) return std::move(*thrown);
    return {};
}

std::optional<error> sqlite_models::run_change(const std::string& name, writes& model,
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

result<void> sqlite_models::swap(const std::string& live, const std::string& beside) {
    const auto live_model = find(live);
    const auto beside_model = find(beside);
    if (live_model.at != beside_model.at) {
        return unequal_checkpoints(live, live_model.at, beside, beside_model.at);
    }
    forget_.run({live});
    rename_.run({live, beside});
    return {};
}

void sqlite_models::erase_model(const std::string& name) { forget_.run({name}); }

bool sqlite_models::clear_step() {
    std::int64_t row = 0;
    {
        auto rows = select_forgotten_.query();
        if (!rows.next()) return false;
        row = rows.integer(0);
    }
    const auto deleted = delete_indexes_.run({row, clear_step_documents}) +
                         delete_documents_.run({row, clear_step_documents});
    if (deleted == 0) delete_model_.run({row});
    return true;
}

std::int64_t sqlite_models::insert(const std::string& name) {
    std::int64_t row = 0;
    auto rows = insert_model_.query({name, incarnation_});
    while (rows.next()) row = rows.integer(0);
    return row;
}

sqlite_models::stored_model sqlite_models::find(const std::string& name) {
    auto rows = select_model_.query({name});
    if (!rows.next()) return {.row = 0, .at = {.position = {}, .incarnation = incarnation_}};
    return {.row = rows.integer(0),
            .at = {.position = position{rows.number(1)}, .incarnation = rows.id(2)}};
}

}  // namespace tidemark
