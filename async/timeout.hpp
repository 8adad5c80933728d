#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/core/error.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace tidemark {

/// `T` as a result: itself if it is one.
template <class T>
struct result_of {
    using type = result<T>;
};
template <class T>
struct result_of<result<T>> {
    using type = result<T>;
};
template <class T>
using result_of_t = typename result_of<T>::type;

/// Runs `work` on the caller's executor and cancels it after `span`. Returns when `work` has
/// *ended*, so it may refer to what the caller keeps alive; work that ignores cancellation prolongs
/// the call. True if it ended by itself, false if cancellation ended it. What it throws otherwise
/// is thrown here.
[[nodiscard]] awaitable<bool> finish_within(execution& on, awaitable<void> work, duration span);

/// The error of a call that took longer than `span`.
[[nodiscard]] error timed_out_after(duration span);

template <class T>
awaitable<void> keep_outcome(awaitable<T> work, std::shared_ptr<std::optional<T>> kept) {
    auto outcome = co_await std::move(work);
    kept->emplace(std::move(outcome));
}

/// Awaits `work` for at most `span`; then cancels it and answers `timed_out`. See `finish_within`.
template <class T>
[[nodiscard]] awaitable<result_of_t<T>> with_timeout(execution& on, awaitable<T> work,
                                                     duration span) {
    auto kept = std::make_shared<std::optional<T>>();
    auto keeping = keep_outcome<T>(std::move(work), kept);
    co_await finish_within(on, std::move(keeping), span);
    if (!kept->has_value()) co_return timed_out_after(span);
    co_return std::move(**kept);
}

[[nodiscard]] awaitable<result<void>> with_timeout(execution& on, awaitable<void> work,
                                                   duration span);

}  // namespace tidemark
