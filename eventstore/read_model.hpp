#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/core/error.hpp"
#include "tidemark/core/version.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

/// A document of a read model: JSON text and the values it can be found by.
struct document {
    std::string key;
    std::string body;
    /// Declared index name → value; compared as bytes.
    std::map<std::string, std::string> indexes;
    friend bool operator==(const document&, const document&) = default;
};

/// What a projection writes to, inside the transaction that also moves the checkpoint: documents
/// (`read_model`) on every store, or tables of its own (`projection_store`).
class projection_rows {
  public:
    virtual ~projection_rows() = default;
};

/// Documents to write to: a small keyed-document collection inside the transaction that also
/// moves the checkpoint. Lives for one batch, on the store's thread. Reads see the batch's own
/// writes. Throws `std::system_error` with an `errc` when the storage fails (the batch is undone).
class read_model : public projection_rows {
  public:
    [[nodiscard]] virtual std::optional<document> get(std::string_view key) = 0;
    virtual void put(document doc) = 0;
    virtual void erase(std::string_view key) = 0;
    /// Documents with that index value, in key order.
    [[nodiscard]] virtual std::vector<document> find(std::string_view index, std::string_view value,
                                                     std::size_t limit) = 0;
    /// These keys are asked for next. A hint: a database fetches them together. At most some
    /// thousands.
    virtual void prefetch(const std::vector<std::string>& /*keys*/) {}
    /// Another collection, written in the same transaction; made if it is not there. Its checkpoint
    /// is not looked at. Whoever writes it does so beside this one and never under its own name.
    /// Lives as long as this one.
    [[nodiscard]] virtual read_model& beside(std::string_view name) = 0;
};

/// How far a consumer has read, and of which log.
struct checkpoint {
    tidemark::position position;
    message_id incarnation;
    friend bool operator==(const checkpoint&, const checkpoint&) = default;
};

/// Queries against a read model from outside a projection.
struct document_query {
    /// Empty: all documents in key order.
    std::string index;
    std::string value;
    /// Only keys after this one (before it when `descending`); the opaque cursor of pages.
    std::string after_key;
    std::size_t limit = 100;
    bool descending = false;
};

/// Read models and checkpoints, by name ("balances.v1"). A name is a collection of documents and
/// one checkpoint; bus consumers and the relay use the checkpoint alone.
class read_model_store {
  public:
    virtual ~read_model_store() = default;

    /// A name never updated is at position 0 of this log.
    [[nodiscard]] virtual awaitable<result<checkpoint>> load_checkpoint(std::string name) = 0;

    /// Runs `change` and moves the checkpoint from `from` to `to` in one transaction: both or
    /// neither. `stale` if the stored checkpoint is not `from` (another worker moved it). An
    /// exception out of `change` undoes everything and comes back as `user_code_threw`. `change`
    /// runs on the store's thread, ≤ 5 ms a batch; it must not block or call back into the store.
    [[nodiscard]] virtual awaitable<result<void>> update(
        std::string name, checkpoint from, checkpoint to,
        std::function<void(read_model&)> change) = 0;

    [[nodiscard]] virtual awaitable<result<std::optional<document>>> find_document(
        std::string name, std::string key) = 0;
    [[nodiscard]] virtual awaitable<result<std::vector<document>>> query(std::string name,
                                                                         document_query query) = 0;

    /// Replaces collection and checkpoint of `live` by those of `beside`, if both checkpoints are
    /// equal: one transaction. `stale` if they are not.
    [[nodiscard]] virtual awaitable<result<void>> swap(std::string live, std::string beside) = 0;
    /// Forgets collection and checkpoint.
    [[nodiscard]] virtual awaitable<result<void>> erase_model(std::string name) = 0;
    struct model_summary {
        std::string name;
        tidemark::position position;
        std::uint64_t documents = 0;
    };
    [[nodiscard]] virtual awaitable<result<std::vector<model_summary>>> list_models() = 0;
};

}  // namespace tidemark
