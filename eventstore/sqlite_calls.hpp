#pragma once

#include "tidemark/eventstore/resumption.hpp"
#include "tidemark/eventstore/sqlite_readers.hpp"
#include "tidemark/eventstore/sqlite_writer.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace tidemark {

/// A write whose answer resumes a coroutine after the commit.
template <class T>
class awaited_write final : public sqlite_write {
  public:
    using function = std::function<T(sqlite_writes&, instant)>;
    using failure = std::function<T(const error&)>;

    awaited_write(std::unique_ptr<resumption<T>> caller, function work, failure failed)
        : caller_{std::move(caller)}, work_{std::move(work)}, failed_{std::move(failed)} {}

    void run(sqlite_writes& tables, instant now) override { answer_ = work_(tables, now); }
    void succeed() override { caller_->resume(std::move(*answer_)); }
    void fail(const error& why) override { caller_->resume(failed_(why)); }
    [[nodiscard]] bool has_stored() const override { return is_news && is_news(*answer_); }

    /// Whether the answer is news for readers of the log; empty: never.
    bool (*is_news)(const T&) = nullptr;

  private:
    std::unique_ptr<resumption<T>> caller_;
    function work_;
    failure failed_;
    std::optional<T> answer_;
};

template <class T>
class awaited_query final : public sqlite_query {
  public:
    using function = std::function<T(sqlite_reads&)>;

    awaited_query(std::unique_ptr<resumption<result<T>>> caller, function work)
        : caller_{std::move(caller)}, work_{std::move(work)} {}

    void run(sqlite_reads& tables) override { caller_->resume(work_(tables)); }
    void fail(const error& why) override { caller_->resume(why); }

  private:
    std::unique_ptr<resumption<result<T>>> caller_;
    function work_;
};

}  // namespace tidemark
