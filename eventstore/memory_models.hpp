#pragma once

#include "tidemark/eventstore/read_model.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace tidemark {

/// Read models and checkpoints in memory. Synchronous, not thread-safe; part of `memory_storage`
/// and of the simulated store.
class memory_models {
  public:
    explicit memory_models(message_id incarnation) : incarnation_{incarnation} {}

    [[nodiscard]] checkpoint load_checkpoint(const std::string& name) const;
    [[nodiscard]] result<void> update(const std::string& name, const checkpoint& from,
                                      const checkpoint& to,
                                      const std::function<void(read_model&)>& change);
    [[nodiscard]] std::optional<document> find_document(const std::string& name,
                                                        const std::string& key) const;
    [[nodiscard]] std::vector<document> query(const std::string& name,
                                              const document_query& asked) const;
    [[nodiscard]] result<void> swap(const std::string& live, const std::string& beside);
    void erase_model(const std::string& name) { models_.erase(name); }
    [[nodiscard]] std::vector<read_model_store::model_summary> list() const;

  private:
    class transaction;
    /// Documents by key, and (index, value, key) of each.
    struct model {
        checkpoint at;
        std::map<std::string, document, std::less<>> documents;
        std::set<std::tuple<std::string, std::string, std::string>> indexes;

        void put(document doc);
        void erase(std::string_view key);
    };

    message_id incarnation_;
    std::map<std::string, model> models_;
};

}  // namespace tidemark
