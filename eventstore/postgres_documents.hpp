#pragma once

#include "tidemark/eventstore/postgres_connection.hpp"
#include "tidemark/eventstore/read_model.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

/// The read model handed to a projection: documents read in this batch are remembered, and writes
/// gather until they are searched for, or too many, or the batch ends; then a few statements carry
/// them all. Lives for one transaction. Remembers a failure of the database, so that a projection
/// that swallows the exception cannot commit half a batch.
class postgres_documents final : public read_model {
  public:
    postgres_documents(postgres_connection& connection, std::int64_t model, message_id incarnation)
        : connection_{connection}, model_{model}, incarnation_{incarnation} {}

    std::optional<document> get(std::string_view key) override;
    void put(document doc) override;
    void erase(std::string_view key) override;
    std::vector<document> find(std::string_view index, std::string_view value,
                               std::size_t limit) override;
    void prefetch(const std::vector<std::string>& keys) override;
    [[nodiscard]] read_model& beside(std::string_view name) override;

    /// Sends what has gathered.
    void flush();
    /// Sends what has gathered here and in the collections beside, and counts the documents there.
    void finish();
    /// Documents more than before.
    [[nodiscard]] std::int64_t added() const { return added_; }
    [[nodiscard]] const std::optional<postgres_failure>& failure() const;

  private:
    /// A document as the database has it and as it is to be.
    struct entry {
        std::optional<document> stored;
        std::optional<document> wanted;
        bool is_loaded = false;
        bool is_changed = false;
    };
    using entries = std::map<std::string, entry, std::less<>>;
    struct index_rows;

    [[nodiscard]] entry& at(std::string_view key);
    void load_missing();
    void write_indexes() const;
    void write_documents();
    void bound_memory();
    template <class Work>
    decltype(auto) guarded(const Work& work);

    postgres_connection& connection_;
    std::int64_t model_;
    message_id incarnation_;
    std::map<std::string, std::unique_ptr<postgres_documents>, std::less<>> besides_;
    entries entries_;
    std::size_t changed_ = 0;
    std::int64_t added_ = 0;
    std::optional<postgres_failure> failure_;
};

/// Reads key, body, indexes from column 0 on.
[[nodiscard]] document read_document(const postgres_rows& row);

}  // namespace tidemark
