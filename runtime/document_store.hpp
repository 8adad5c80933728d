#pragma once

#include "tidemark/eventstore/projection_store.hpp"

#include <functional>
#include <string>
#include <utility>

namespace tidemark {

/// The documents of an event store, as a place for projections.
class document_store final : public projection_store {
  public:
    explicit document_store(read_model_store& models) : models_{models} {}

    [[nodiscard]] std::string_view kind() const override { return "documents"; }
    [[nodiscard]] awaitable<result<checkpoint>> load_checkpoint(std::string name) override {
        return models_.load_checkpoint(std::move(name));
    }
    [[nodiscard]] awaitable<result<void>> update(
        std::string name, checkpoint from, checkpoint to,
        std::function<void(projection_rows&)> change) override {
        return models_.update(std::move(name), from, to, std::move(change));
    }
    [[nodiscard]] awaitable<result<void>> swap(std::string live, std::string beside) override {
        return models_.swap(std::move(live), std::move(beside));
    }
    [[nodiscard]] awaitable<result<void>> erase_model(std::string name) override {
        return models_.erase_model(std::move(name));
    }

  private:
    read_model_store& models_;
};

}  // namespace tidemark
