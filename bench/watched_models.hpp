#pragma once

#include "tidemark/eventstore/read_model.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace bench {

/// Read models that also tell when each event's transaction had committed. What takes an event in
/// calls `note` from within the transaction. One consumer's; read what it tells from `committed`
/// only, which runs wherever the consumer does.
class watched_models final : public tidemark::read_model_store {
  public:
    using clock = std::chrono::steady_clock;
    /// The events of one transaction, by position in their log, once it has committed.
    using listener = std::function<void(const std::vector<std::uint64_t>&, clock::time_point)>;

    watched_models(tidemark::read_model_store& real, listener committed)
        : real_{real}, committed_{std::move(committed)} {}

    void note(tidemark::position at) { pending_.push_back(at.value()); }

    tidemark::awaitable<tidemark::result<tidemark::checkpoint>> load_checkpoint(
        std::string name) override {
        return real_.load_checkpoint(std::move(name));
    }
    tidemark::awaitable<tidemark::result<void>> update(
        std::string name, tidemark::checkpoint from, tidemark::checkpoint to,
        std::function<void(tidemark::read_model&)> change) override {
        std::function<void(tidemark::read_model&)> noted =
            [this, change = std::move(change)](tidemark::read_model& rows) {
                pending_.clear();
                change(rows);
            };
        auto done = co_await real_.update(std::move(name), from, to, std::move(noted));
        if (done && !pending_.empty()) committed_(pending_, clock::now());
        pending_.clear();
        co_return done;
    }
    tidemark::awaitable<tidemark::result<std::optional<tidemark::document>>> find_document(
        std::string name, std::string key) override {
        return real_.find_document(std::move(name), std::move(key));
    }
    tidemark::awaitable<tidemark::result<std::vector<tidemark::document>>> query(
        std::string name, tidemark::document_query query) override {
        return real_.query(std::move(name), std::move(query));
    }
    tidemark::awaitable<tidemark::result<void>> swap(std::string live,
                                                     std::string beside) override {
        return real_.swap(std::move(live), std::move(beside));
    }
    tidemark::awaitable<tidemark::result<void>> erase_model(std::string name) override {
        return real_.erase_model(std::move(name));
    }
    tidemark::awaitable<tidemark::result<std::vector<model_summary>>> list_models() override {
        return real_.list_models();
    }

  private:
    tidemark::read_model_store& real_;
    const listener committed_;
    /// Of the transaction under way; it and the call that awaits it take turns.
    std::vector<std::uint64_t> pending_;
};

}  // namespace bench
