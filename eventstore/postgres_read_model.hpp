#pragma once

#include "tidemark/eventstore/postgres_options.hpp"
#include "tidemark/eventstore/projection_store.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace pqxx {

class transaction_base;

}  // namespace pqxx

namespace tidemark {

/// What a projection with tables of its own writes to: a libpqxx transaction that also moves its
/// checkpoint, so that rows and checkpoint are committed together or not at all. Lives for one
/// batch. Names that are not qualified mean the projection's own schema, then `public`.
class postgres_read_model final : public projection_rows {
  public:
    static constexpr std::string_view kind = "PostgreSQL tables";

    postgres_read_model(pqxx::transaction_base& transaction, std::string schema, bool is_fresh)
        : transaction_{transaction}, schema_{std::move(schema)}, is_fresh_{is_fresh} {}

    /// For statements of any kind. Committing or aborting it is the store's: what is tried here
    /// ends this batch with an error and changes nothing.
    [[nodiscard]] pqxx::transaction_base& sql() const { return transaction_; }
    /// The schema this batch writes to: the live one, or the one that is built beside it.
    [[nodiscard]] const std::string& schema() const { return schema_; }
    /// The schema was made in this transaction and is empty. `P::prepare(postgres_read_model&)` is
    /// called then, before the first event, and creates the tables.
    [[nodiscard]] bool is_fresh() const { return is_fresh_; }

  private:
    pqxx::transaction_base& transaction_;
    std::string schema_;
    bool is_fresh_;
};

/// Projections with tables of their own in PostgreSQL: in the event store's database or in any
/// other, at a server of any supported version. A model is a schema, "balances.v1" the schema
/// `balances_v1`, with the projection's tables and `tidemark_checkpoint`. A rebuild fills the
/// schema `balances_v1_rebuild`, and swapping renames both: readers of `balances_v1.rows` see the
/// old rows until then and the new ones from then on. Needs CREATE on the database.
///
/// One connection a thread; a lost one is replaced at the next call. Thread-safe; outlives the
/// runtime and what awaits its calls. At most 1,024 calls wait; one more is `overloaded`.
class postgres_projection_store final : public projection_store {
  public:
    /// Contacts nobody. Of `options` the connection's part counts: url, password, timeouts.
    explicit postgres_projection_store(postgres_options options, std::size_t connections = 2);
    ~postgres_projection_store() override;
    postgres_projection_store(const postgres_projection_store&) = delete;
    postgres_projection_store& operator=(const postgres_projection_store&) = delete;

    [[nodiscard]] std::string_view kind() const override { return postgres_read_model::kind; }
    [[nodiscard]] awaitable<result<checkpoint>> load_checkpoint(std::string name) override;
    /// The failure of a statement is the code's (`user_code_threw`) if the same statement would
    /// fail again, and otherwise `unavailable`: deadlocks, time-outs, a lost server.
    [[nodiscard]] awaitable<result<void>> update(
        std::string name, checkpoint from, checkpoint to,
        std::function<void(projection_rows&)> change) override;
    [[nodiscard]] awaitable<result<void>> swap(std::string live, std::string beside) override;
    /// Drops the schema, if it is a projection's.
    [[nodiscard]] awaitable<result<void>> erase_model(std::string name) override;

    /// The schema of a model; empty if its name makes none (longer than 59 bytes).
    [[nodiscard]] static std::string schema_of(std::string_view name);

  private:
    class sessions;
    std::unique_ptr<sessions> sessions_;
};

}  // namespace tidemark
