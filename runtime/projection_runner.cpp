#include "tidemark/runtime/projection_runner.hpp"

#include "tidemark/async/spawn.hpp"
#include "tidemark/core/planted.hpp"
#include "tidemark/observability/log.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace tidemark {

namespace {

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
      documents_{events},
      target_{options.into != nullptr ? *options.into : documents_},
      controls_{events, ex.clock()},
      lag_events_{metrics.projection_lag_events.with({type_->name()})},
      lag_seconds_{metrics.projection_lag.with({type_->name()})},
      paused_{metrics.projection_paused.with({type_->name()})},
      parked_{metrics.projection_parked.with({type_->name()})},
      errors_{metrics.projection_errors.with({type_->name()})},
      live_{std::string{type_->name()}, {}, 0} {
    status_.name = type_->name();
    status_.state = "starting";
    if (type_->rows_kind() == target_.kind()) return;
    throw std::logic_error{"projection \"" + status_.name + "\" writes " +
                           std::string{type_->rows_kind()} + ", but is registered to write into " +
                           std::string{target_.kind()} +
                           "; give project<> the store of its rows in .into"};
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

void projection_runner::look_at_control() {
    is_control_due_ = true;
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
    co_await open_live();
    co_await count_parked();
    while (!is_stopping_) {
        const auto is_resting = co_await is_paused();
        if (is_resting) {
            co_await rest_paused();
        } else {
            co_await advance();
        }
    }
}

awaitable<void> projection_runner::open_live() {
    while (!is_stopping_) {
        auto opened = co_await open(live_);
        is_open_ = opened.has_value();
        if (is_open_) co_return;
        const auto is_foreign = opened.error().code() == errc::foreign_log;
        if (is_foreign && is_rebuild_wanted_.exchange(false)) {
            auto cleared = co_await clear(live_.model);
            if (cleared) continue;
            opened = cleared.error();
            is_rebuild_wanted_ = true;
        }
        co_await failed(live_, opened.error(), nullptr);
    }
}

awaitable<void> projection_runner::advance() {
    if (is_rebuild_wanted_ && !beside_) co_await begin_rebuild();
    const auto end = co_await step(live_, std::nullopt);
    if (beside_) co_await rebuild_some();
    if (end == step_end::caught_up && !beside_ && !is_rebuild_wanted_) {
        co_await wake_.wait_for(execution_, options_.poll);
    }
}

awaitable<bool> projection_runner::is_paused() {
    const auto now = execution_.clock().steady();
    if (!is_control_due_.exchange(false) && now < control_at_) co_return is_paused_;
    control_at_ = now + options_.poll;
    std::string name{type_->name()};
    auto said = co_await controls_.load(std::move(name));
    // Unknown: it stays as it is. What it does next fails as well, and says so.
    if (!said) co_return is_paused_;
    const auto was_paused = std::exchange(is_paused_, said->is_paused);
    paused_.set(is_paused_ ? 1 : 0);
    if (is_paused_) {
        const auto& who = said->who;
        report("paused", "by " + who.actor + (who.reason.empty() ? "" : ": " + who.reason));
    } else if (was_paused) {
        report(beside_ ? "rebuilding" : "running");
    }
    if (is_paused_ != was_paused) {
        log::info(is_paused_ ? "projection paused" : "projection resumed",
                  {"projection", live_.model}, {"actor", said->who.actor},
                  {"reason", said->who.reason});
    }
    co_return is_paused_;
}

/// Nothing moves, but how far it falls behind is still told.
awaitable<void> projection_runner::rest_paused() {
    auto next = co_await events_.read_all(live_.at.position, 1);
    if (next) measure(*next);
    co_await wake_.wait_for(execution_, options_.poll);
}

awaitable<result<void>> projection_runner::open(feed& into) {
    auto kept = co_await target_.load_checkpoint(into.model);
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
    if (kept->position > status->last_position) {
        co_return error{errc::foreign_log,
                        "projection " + into.model + " has seen position " +
                            std::to_string(kept->position.value()) + ", but the log ends at " +
                            std::to_string(status->last_position.value()) +
                            ": it was restored from an older copy; rebuild the projection"};
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
    if (&into == &live_) measure(*page);
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
    auto change = [&](projection_rows& rows) {
        type_->prepare(rows);
        for (std::size_t i = 0; i < events.size(); ++i) {
            culprit = i;
            auto done = type_->project(rows, events[i]);
            if (done) continue;
            thrown = done.error();
            throw std::system_error{make_error_code(errc::user_code_threw)};
        }
        culprit = events.size();
    };
    std::function<void(projection_rows&)> changing = std::ref(change);
    auto moved = co_await target_.update(into.model, into.at, to, std::move(changing));
    if (!moved && moved.error().code() == errc::user_code_threw) {
        co_return thrown ? *thrown : moved.error();
    }
    // A storage that failed meanwhile has made the code throw: no event is to blame.
    if (!moved) culprit = events.size();
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

void projection_runner::measure(const event_page& page) {
    // Positions without an event may stand at the end of the log: nothing is behind there.
    const auto from = live_.at.position.value();
    const auto is_behind = !page.events.empty() && page.horizon.value() > from;
    const auto behind = is_behind ? page.horizon.value() - from : 0;
    double seconds = 0;
    if (!page.events.empty()) {
        const auto age = execution_.clock().now() - page.events.front().recorded_at;
        seconds = std::max(0.0, std::chrono::duration<double>(age).count());
    }
    lag_events_.set(static_cast<double>(behind));
    lag_seconds_.set(seconds);
    const std::scoped_lock lock{status_mutex_};
    status_.horizon = page.horizon;
    status_.lag_events = behind;
    status_.lag_seconds = seconds;
}

}  // namespace tidemark
