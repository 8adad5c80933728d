#include "tidemark/runtime/projection_runner.hpp"

#include "tidemark/async/backoff.hpp"
#include "tidemark/async/spawn.hpp"
#include "tidemark/core/planted.hpp"
#include "tidemark/observability/log.hpp"

#include <algorithm>
#include <utility>

namespace tidemark {

namespace {

/// Steps of a rebuild between two looks at the live model.
constexpr int rebuild_steps = 8;
constexpr duration wait_poll = std::chrono::milliseconds{2};

}  // namespace

projection_runner::projection_runner(execution& ex, std::size_t shard, storage& events,
                                     std::unique_ptr<projection_type> type,
                                     projection_options options, const runtime_metrics& metrics)
    : execution_{ex},
      shard_{shard},
      events_{events},
      type_{std::move(type)},
      options_{options},
      lag_events_{metrics.projection_lag_events.with({type_->name()})},
      lag_seconds_{metrics.projection_lag.with({type_->name()})},
      errors_{metrics.projection_errors.with({type_->name()})},
      live_{std::string{type_->name()}, {}, 0} {
    status_.name = type_->name();
    status_.state = "starting";
}

void projection_runner::start() {
    token_ = events_.on_commit(wake_.notifier());
    spawn(gate_, execution_.shard(shard_), run());
}

awaitable<void> projection_runner::stop() {
    is_stopping_ = true;
    wake_.notify();
    co_await gate_.close();
    token_.reset();
    report("stopped");
}

void projection_runner::rebuild() {
    is_rebuild_wanted_ = true;
    wake_.notify();
}

awaitable<bool> projection_runner::wait_for(position at, duration span) {
    const auto until = execution_.clock().steady() + span;
    const auto waiter = execution_.make_timer(shard_);
    for (;;) {
        if (status().position >= at) co_return true;
        if (execution_.clock().steady() >= until || is_stopping_) co_return false;
        co_await waiter->wait(wait_poll);
    }
}

projection_status projection_runner::status() const {
    const std::scoped_lock lock{status_mutex_};
    return status_;
}

void projection_runner::report(std::string state, std::string reason) {
    const std::scoped_lock lock{status_mutex_};
    status_.state = std::move(state);
    status_.reason = std::move(reason);
}

awaitable<void> projection_runner::run() {
    for (;;) {
        auto opened = co_await open(live_);
        if (opened || is_stopping_) break;
        co_await failed(live_, opened.error(), nullptr);
    }
    while (!is_stopping_) {
        if (is_rebuild_wanted_ && !beside_) {
            is_rebuild_wanted_ = false;
            feed fresh{live_.model + ".rebuild", {}, 0};
            auto erased = co_await events_.erase_model(fresh.model);
            auto opened = co_await open(fresh);
            if (erased && opened) beside_ = std::move(fresh);
        }
        const auto end = co_await step(live_, std::nullopt);
        if (beside_) co_await rebuild_some();
        if (end == step_end::caught_up && !beside_ && !is_rebuild_wanted_) {
            co_await wake_.wait_for(execution_, options_.poll);
        }
    }
}

awaitable<result<void>> projection_runner::open(feed& into) {
    auto kept = co_await events_.load_checkpoint(into.model);
    if (!kept) co_return kept.error();
    auto status = co_await events_.status();
    if (!status) co_return status.error();
    incarnation_ = status->incarnation;
    if (!kept->incarnation.is_none() && kept->incarnation != incarnation_) {
        co_return error{errc::foreign_log, "projection " + into.model + " was built from log " +
                                               kept->incarnation.to_string() +
                                               ", but this is log " + incarnation_.to_string() +
                                               "; rebuild it"};
    }
    into.at = *kept;
    {
        const std::scoped_lock lock{status_mutex_};
        if (&into == &live_) status_.position = into.at.position;
    }
    report("running");
    co_return result<void>{};
}

awaitable<result<event_page>> projection_runner::read(const feed& from,
                                                      std::optional<position> until) {
    // Also with a single source the whole log is read: every position is seen, so that waiting for
    // one is possible.
    auto page = co_await events_.read_all(from.at.position, options_.batch_max);
    if (!page || !until) co_return page;
    std::erase_if(page->events, [&](const auto& event) { return event.position > *until; });
    page->seen = std::min(page->seen, *until);
    co_return page;
}

awaitable<projection_runner::step_end> projection_runner::step(feed& into,
                                                               std::optional<position> until) {
    auto page = co_await read(into, until);
    if (!page) {
        co_await failed(into, page.error(), nullptr);
        co_return step_end::failed;
    }
    if (!until) measure(*page);
    if (planted::is(planted::bug::checkpoint_is_horizon)) page->seen = page->horizon;
    if (page->seen <= into.at.position) co_return step_end::caught_up;
    std::vector<recorded_event> heard;
    for (auto& event : page->events) {
        if (hears(*type_, event)) heard.push_back(std::move(event));
    }
    auto culprit = heard.size();
    auto applied = co_await apply(into, heard, page->seen, culprit);
    if (!applied && culprit < heard.size() && culprit > 0) {
        // What stands before the culprit is good: keep it, then the culprit is alone.
        const std::vector<recorded_event> good{
            heard.begin(), heard.begin() + static_cast<std::ptrdiff_t>(culprit)};
        auto none = good.size();
        auto kept = co_await apply(into, good, good.back().position, none);
        if (kept) co_return step_end::moved;
    }
    if (!applied) {
        const auto* at_fault = culprit < heard.size() ? &heard[culprit] : nullptr;
        co_await failed(into, applied.error(), at_fault);
        co_return step_end::failed;
    }
    into.failures = 0;
    co_return step_end::moved;
}

awaitable<result<void>> projection_runner::apply(feed& into,
                                                 const std::vector<recorded_event>& events,
                                                 position seen, std::size_t& culprit) {
    const checkpoint to{seen, incarnation_};
    std::optional<error> thrown;
    auto change = [&](read_model& model) {
        for (std::size_t i = 0; i < events.size(); ++i) {
            auto done = type_->project(model, events[i]);
            if (done) continue;
            culprit = i;
            thrown = done.error();
            throw std::system_error{make_error_code(errc::user_code_threw)};
        }
    };
    std::function<void(read_model&)> changing = std::ref(change);
    auto moved = co_await events_.update(into.model, into.at, to, std::move(changing));
    if (!moved && thrown) co_return *thrown;
    if (!moved) {
        if (moved.error().code() == errc::stale) {
            // Another worker moved the checkpoint: go on from where it is.
            auto opened = co_await open(into);
            if (opened) co_return opened;
        }
        co_return moved;
    }
    into.at = to;
    if (&into == &live_) {
        const std::scoped_lock lock{status_mutex_};
        status_.position = seen;
        status_.state = beside_ ? "rebuilding" : "running";
        status_.reason.clear();
    }
    co_return moved;
}

awaitable<void> projection_runner::failed(feed& into, const error& why,
                                          const recorded_event* culprit) {
    ++into.failures;
    errors_.add();
    std::string reason = why.message();
    if (culprit != nullptr) {
        reason = "event " + culprit->message.name + " at position " +
                 std::to_string(culprit->position.value()) + " (stream " + culprit->stream.text() +
                 ", version " + std::to_string(culprit->version.value()) + "): " + reason;
    }
    log::error("projection failed", {"projection", into.model}, {"reason", reason},
               {"failures", into.failures});
    report("retrying", reason);
    if (culprit != nullptr && options_.on_failure == projection_failure::park &&
        into.failures >= options_.attempts_max) {
        auto parked = co_await park(into, *culprit, why);
        if (parked) co_return;
    }
    const backoff_policy policy{options_.retry_first, 2, options_.retry_cap,
                                backoff_policy::jitter::equal};
    const auto pause = backoff(policy, into.failures, execution_.random().next());
    const auto until = execution_.clock().steady() + pause;
    while (!is_stopping_ && execution_.clock().steady() < until) {
        co_await wake_.wait_for(execution_, until - execution_.clock().steady());
    }
}

/// Parks first, then moves on: a crash in between parks the same document again.
awaitable<result<void>> projection_runner::park(feed& into, const recorded_event& event,
                                                const error& why) {
    const auto beside = into.model + ".parked";
    auto kept = co_await events_.load_checkpoint(beside);
    if (!kept) co_return kept.error();
    const auto position_text = std::to_string(event.position.value());
    auto change = [&](read_model& model) {
        document letter;
        letter.key = std::string(20 - position_text.size(), '0') + position_text;
        letter.body = event.message.payload;
        letter.indexes = {{"name", event.message.name},
                          {"stream", event.stream.text()},
                          {"reason", why.message().substr(0, 500)}};
        model.put(std::move(letter));
    };
    std::function<void(read_model&)> changing = std::ref(change);
    const checkpoint to{event.position, incarnation_};
    auto stored = co_await events_.update(beside, *kept, to, std::move(changing));
    if (!stored) co_return stored;
    std::size_t nobody = 0;
    const std::vector<recorded_event> nothing;
    auto moved = co_await apply(into, nothing, event.position, nobody);
    if (!moved) co_return moved;
    into.failures = 0;
    const std::scoped_lock lock{status_mutex_};
    ++status_.parked;
    co_return moved;
}

awaitable<void> projection_runner::rebuild_some() {
    report("rebuilding");
    for (int i = 0; i < rebuild_steps && beside_->at.position < live_.at.position; ++i) {
        const auto end = co_await step(*beside_, live_.at.position);
        if (end == step_end::failed || is_stopping_) co_return;
    }
    co_await swap_if_equal();
}

awaitable<void> projection_runner::swap_if_equal() {
    if (beside_->at.position != live_.at.position) co_return;
    auto swapped = co_await events_.swap(live_.model, beside_->model);
    if (!swapped) {
        co_await failed(*beside_, swapped.error(), nullptr);
        co_return;
    }
    beside_.reset();
    report("running");
    log::info("projection rebuilt", {"projection", live_.model},
              {"position", live_.at.position.value()});
}

void projection_runner::measure(const event_page& page) {
    const auto behind = page.horizon.value() - std::min(page.horizon.value(), page.seen.value());
    double seconds = 0;
    if (!page.events.empty()) {
        const auto age = execution_.clock().now() - page.events.front().recorded_at;
        seconds = std::max(0.0, std::chrono::duration<double>(age).count());
    }
    lag_events_.set(static_cast<double>(behind));
    lag_seconds_.set(seconds);
    const std::scoped_lock lock{status_mutex_};
    status_.horizon = page.horizon;
    status_.lag_seconds = seconds;
}

}  // namespace tidemark
