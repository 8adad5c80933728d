#pragma once

#include "tidemark/eventstore/read_model.hpp"
#include "tidemark/eventstore/sqlite_connection.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tidemark {

/// Read models and checkpoints in SQLite, the writing half. Lives on the writer's thread; every
/// function runs inside its transaction and throws `sqlite_failure`.
class sqlite_models {
  public:
    sqlite_models(sqlite_connection& connection, message_id incarnation);

    [[nodiscard]] result<void> update(const std::string& name, const checkpoint& from,
                                      const checkpoint& to,
                                      const std::function<void(read_model&)>& change);
    [[nodiscard]] result<void> swap(const std::string& live, const std::string& beside);
    void erase_model(const std::string& name);
    /// Deletes some documents of models that were replaced or erased; true if more are left.
    [[nodiscard]] bool clear_step();

  private:
    class writes;
    struct stored_model {
        std::int64_t row = 0;
        checkpoint at;
    };

    [[nodiscard]] stored_model find(const std::string& name);
    [[nodiscard]] std::int64_t insert(const std::string& name);
    [[nodiscard]] std::optional<error> run_change(const std::string& name, writes& model,
                                                  const std::function<void(read_model&)>& change);

    sqlite_connection& connection_;
    message_id incarnation_;
    sqlite_statement select_model_;
    sqlite_statement insert_model_;
    sqlite_statement move_;
    sqlite_statement count_;
    sqlite_statement rename_;
    sqlite_statement forget_;
    sqlite_statement select_forgotten_;
    sqlite_statement delete_indexes_;
    sqlite_statement delete_documents_;
    sqlite_statement delete_model_;
    sqlite_statement select_document_;
    sqlite_statement upsert_document_;
    sqlite_statement delete_document_;
    sqlite_statement insert_index_;
    sqlite_statement delete_index_;
    sqlite_statement select_by_index_;
};

/// Reads key, body, indexes from column 0 on.
[[nodiscard]] document read_document(const sqlite_rows& row);

}  // namespace tidemark
