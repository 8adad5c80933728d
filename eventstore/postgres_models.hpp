#pragma once

#include "tidemark/eventstore/postgres_connection.hpp"
#include "tidemark/eventstore/read_model.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

/// Read models and checkpoints in PostgreSQL. A view of one connection for one call; `incarnation`
/// is the log's. Every function is one transaction of its own and throws `postgres_failure`.
class postgres_models {
  public:
    postgres_models(postgres_connection& connection, message_id incarnation)
        : connection_{connection}, incarnation_{incarnation} {}

    [[nodiscard]] checkpoint load_checkpoint(const std::string& name);
    [[nodiscard]] result<void> update(const std::string& name, const checkpoint& from,
                                      const checkpoint& to,
                                      const std::function<void(read_model&)>& change);
    [[nodiscard]] std::optional<document> find_document(const std::string& name,
                                                        const std::string& key);
    [[nodiscard]] std::vector<document> query(const std::string& name, const document_query& asked);
    [[nodiscard]] result<void> swap(const std::string& live, const std::string& beside);
    void erase_model(const std::string& name);
    [[nodiscard]] std::vector<read_model_store::model_summary> list_models();
    /// Deletes some documents of models that were replaced or erased; true if more are left. Of
    /// several processes each takes models of its own.
    [[nodiscard]] bool clear_step();

  private:
    struct stored_model {
        std::int64_t row = 0;
        checkpoint at;
    };
    [[nodiscard]] stored_model lock_model(const std::string& name);
    /// 0 if another process made the model meanwhile.
    [[nodiscard]] std::int64_t insert_model(const std::string& name);
    [[nodiscard]] result<void> change_model(const stored_model& stored, const std::string& name,
                                            const checkpoint& to,
                                            const std::function<void(read_model&)>& change);
    [[nodiscard]] result<void> swap_locked(const std::string& live, const std::string& beside);

    postgres_connection& connection_;
    message_id incarnation_;
};

class postgres_parts;

/// Begins to delete the documents of models that were replaced or erased, between other calls.
void clear_models(postgres_parts& parts);

}  // namespace tidemark
