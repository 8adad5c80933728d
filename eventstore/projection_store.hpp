#pragma once

#include "tidemark/eventstore/read_model.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace tidemark {

/// Where projections write that do not keep documents in the event store: tables of their own, in
/// its database or in another one. A model is known by its name, as in `read_model_store`, whose
/// words these are.
class projection_store {
  public:
    virtual ~projection_store() = default;
    /// What `update` hands out: the `kind` of a `projection_rows`.
    [[nodiscard]] virtual std::string_view kind() const = 0;

    /// Where the model stands; position 0 and no incarnation if there is none.
    [[nodiscard]] virtual awaitable<result<checkpoint>> load_checkpoint(std::string name) = 0;

    /// Runs `change` and moves the checkpoint from `from` to `to` in one transaction: both or
    /// neither; the model is made if it is not there. `stale` if it does not stand at `from`.
    /// `user_code_threw` if `change` threw and the storage is not to blame, otherwise what it says
    /// (`unavailable`, …). `change` runs on the store's thread and may be called once.
    [[nodiscard]] virtual awaitable<result<void>> update(
        std::string name, checkpoint from, checkpoint to,
        std::function<void(projection_rows&)> change) = 0;

    /// Replaces `live` by `beside` in one transaction, if both stand at the same checkpoint;
    /// `stale` if they do not.
    [[nodiscard]] virtual awaitable<result<void>> swap(std::string live, std::string beside) = 0;
    /// Forgets rows and checkpoint.
    [[nodiscard]] virtual awaitable<result<void>> erase_model(std::string name) = 0;
};

}  // namespace tidemark
