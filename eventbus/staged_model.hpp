#pragma once

#include "tidemark/eventstore/read_model.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

/// What one event writes, held back until its code has ended: `keep` passes it on, destroying it
/// does not. So one event can fail inside a transaction that others share. Reads see what is held
/// back. Lives within the transaction, on the store's thread.
class staged_model final : public read_model {
  public:
    explicit staged_model(read_model& into) : into_{into} {}

    std::optional<document> get(std::string_view key) override;
    void put(document doc) override;
    void erase(std::string_view key) override;
    std::vector<document> find(std::string_view index, std::string_view value,
                               std::size_t limit) override;
    void prefetch(const std::vector<std::string>& keys) override;
    [[nodiscard]] read_model& beside(std::string_view name) override;

    /// Writes what was held back. Throws what the storage throws.
    void keep();
    /// The storage has failed: whatever the code made of it, the transaction must not go on.
    [[nodiscard]] bool has_storage_failed() const;

  private:
    template <class Work>
    decltype(auto) watched(const Work& work);

    read_model& into_;
    /// Nothing: erased.
    std::map<std::string, std::optional<document>, std::less<>> changed_;
    std::map<std::string, std::unique_ptr<staged_model>, std::less<>> besides_;
    bool has_storage_failed_ = false;
};

}  // namespace tidemark
