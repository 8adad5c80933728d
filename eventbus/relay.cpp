#include "tidemark/eventbus/relay.hpp"

#include "tidemark/async/spawn.hpp"
#include "tidemark/async/timeout.hpp"
#include "tidemark/core/thrown.hpp"
#include "tidemark/eventbus/headers.hpp"
#include "tidemark/observability/log.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

namespace tidemark {
namespace {

/// How long a stop waits for the bus before it has it decide what is in flight.
constexpr duration stop_patience = std::chrono::seconds{2};

}  // namespace

std::optional<bus_message> publish_as_stored(const recorded_event& event) {
    if (event.message.name.starts_with("tidemark.")) return std::nullopt;
    bus_message message;
    message.payload = event.message.payload;
    return message;
}

relay::relay(execution& on, event_store& log, read_model_store& checkpoints, event_bus& bus,
             relay_options options)
    : on_{on},
      log_{log},
      checkpoints_{checkpoints},
      bus_{bus},
      options_{std::move(options)},
      name_{"relay:" + options_.topic},
      owner_{options_.owner.empty() ? on.fresh_id().to_string() : options_.owner},
      fsm_{options_.unsaved_max} {
    if (options_.topic.empty() || options_.batch_max == 0 || !options_.map) {
        throw std::invalid_argument{"relay of topic \"" + options_.topic +
                                    "\": it needs a topic, a mapping and a batch_max above 0"};
    }
    status_.topic = options_.topic;
}

void relay::start() {
    commits_ = log_.on_commit(wake_.notifier());
    spawn(inside_, on_.shard(options_.shard), run());
}

awaitable<void> relay::stop() {
    is_stopping_.store(true);
    wake_.notify();
    auto closing = inside_.close();
    const auto is_closed = co_await finish_within(on_, std::move(closing), stop_patience);
    if (!is_closed) bus_.hurry();
    co_await inside_.close();
    commits_.reset();
}

void relay::resume() {
    may_resume_.store(true);
    wake_.notify();
}

relay_status relay::status() const {
    const std::scoped_lock lock{mutex_};
    return status_;
}

awaitable<void> relay::run() {
    auto action = fsm_.start();
    while (!std::holds_alternative<relay_action::stop>(action)) {
        show_progress(action);
        auto next = co_await perform_safely(std::move(action));
        action = std::move(next);
    }
    show_progress(action);
    writer_.reset();
    co_await let_go();
}

awaitable<relay_action::any> relay::perform_safely(relay_action::any action) {
    try {
        co_return co_await perform(std::move(action));
    } catch (...) {
        const error why{errc::user_code_threw,
                        "relay of topic \"" + options_.topic + "\": " + thrown_text()};
        co_return failed(why);
    }
}

awaitable<relay_action::any> relay::perform(relay_action::any action) {
    pass_on_orders();
    if (std::holds_alternative<relay_action::load>(action)) co_return co_await load();
    if (const auto* read_on = std::get_if<relay_action::read>(&action)) {
        co_return co_await read(read_on->after);
    }
    if (auto* batch = std::get_if<relay_action::publish>(&action)) {
        co_return co_await publish(std::move(batch->events));
    }
    if (const auto* step = std::get_if<relay_action::advance>(&action)) {
        co_return co_await advance(*step);
    }
    if (const auto* wait = std::get_if<relay_action::back_off>(&action)) {
        co_return co_await back_off(wait->failures);
    }
    if (std::holds_alternative<relay_action::park>(action)) co_return co_await stay_parked();
    if (std::holds_alternative<relay_action::stand_by>(action)) co_return co_await stand_by();
    if (std::holds_alternative<relay_action::renew>(action)) co_return co_await renew();
    co_return co_await wait_for_events();
}

/// Read while the page before it is published.
struct relay::page_ahead {
    position after;
    std::optional<result<event_page>> found;
    event has_come;
};

awaitable<relay_action::any> relay::load() {
    page_.clear();
    ahead_.reset();
    const auto made = co_await bus_.ensure_topic(options_.topic);
    if (!made) co_return failed(made.error());
    auto stored = co_await checkpoints_.load_checkpoint(name_);
    if (!stored) co_return failed(stored.error());
    const auto log = co_await log_.status();
    if (!log) co_return failed(log.error());
    incarnation_ = log->incarnation;
    const checkpoint end{log->last_position, incarnation_};
    auto yielded = co_await hold_or_yield(*stored, *stored);
    if (yielded) {
        elsewhere_ = stored->position;
        co_return std::move(*yielded);
    }
    auto stopped = co_await shut_others_out();
    if (stopped) co_return std::move(*stopped);
    elsewhere_.reset();
    pass_on_orders();
    co_return fsm_.loaded(*stored, end);
}

awaitable<relay_action::any> relay::read(position after) {
    page_.clear();
    auto found = co_await next_page(after);
    if (!found) co_return failed(found.error());
    more_after_.reset();
    if (is_full_page(found->events, options_.batch_max)) more_after_ = found->seen;
    std::vector<relay_entry> entries;
    for (const auto& each : found->events) {
        auto mapped = options_.map(each);
        if (!mapped) {
            entries.push_back({each.position, {}, false});
            continue;
        }
        auto message = addressed(std::move(*mapped), each, incarnation_, options_.topic);
        if (!options_.cloud_events_source.empty()) {
            add_cloud_event(message, each, options_.cloud_events_source);
        }
        message.headers.push_back({std::string{bus_header::token}, std::to_string(lease_.token)});
        entries.push_back({each.position, message.key});
        page_.emplace(each.position, std::move(message));
    }
    pass_on_orders();
    co_return fsm_.arrived(std::move(entries), found->seen);
}

awaitable<result<event_page>> relay::next_page(position after) {
    const auto ahead = std::exchange(ahead_, nullptr);
    if (ahead && ahead->after == after) {
        while (!ahead->found) co_await ahead->has_come.wait();
        // One that is empty may be old: more may have been committed, and its wake-up heard.
        const auto is_empty = *ahead->found && (*ahead->found)->events.empty();
        if (*ahead->found && !is_empty) co_return std::move(**ahead->found);
    }
    auto page = co_await log_.read_all(after, options_.batch_max);
    co_return page;
}

void relay::read_ahead() {
    if (!more_after_) return;
    auto ahead = std::make_shared<page_ahead>();
    ahead->after = *std::exchange(more_after_, std::nullopt);
    if (spawn(inside_, on_.shard(options_.shard), fill(this, ahead))) ahead_ = std::move(ahead);
}

awaitable<void> relay::fill(relay* self, std::shared_ptr<page_ahead> into) {
    try {
        auto page = co_await self->log_.read_all(into->after, self->options_.batch_max);
        into->found = std::move(page);
    } catch (...) {
        into->found = result<event_page>{
            error{errc::user_code_threw, "the log could not be read: " + thrown_text()}};
    }
    into->has_come.notify();
}

awaitable<relay_action::any> relay::publish(std::vector<position> events) {
    read_ahead();
    std::vector<bus_message> batch;
    for (const auto at : events) batch.push_back(page_.at(at));
    const auto began = on_.clock().steady();
    auto publishing = writer_ ? writer_->publish(std::move(batch)) : bus_.publish(std::move(batch));
    auto told = co_await std::move(publishing);
    tell_reported(told, on_.clock().steady() - began);
    const auto reports = co_await find_topic_again(std::move(told), std::move(events));
    {
        const std::scoped_lock lock{mutex_};
        for (const auto& each : reports) {
            if (each.outcome == delivery::persisted)
                ++status_.published;
            else
                status_.reason = each.reason;
        }
    }
    pass_on_orders();
    auto next = fsm_.reported(reports);
    page_.erase(page_.begin(), page_.upper_bound(fsm_.reached()));
    co_return next;
}

/// The relay's own topic may have been deleted: it is made again, or waited for, and what is behind
/// the checkpoint is published there.
awaitable<std::vector<delivery_report>> relay::find_topic_again(
    std::vector<delivery_report> reports, std::vector<position> events) {
    std::vector<delivery_report*> homeless;
    for (std::size_t i = 0; i < std::min(reports.size(), events.size()); ++i) {
        const auto is_ours = page_.at(events[i]).topic == options_.topic;
        if (reports[i].is_topic_missing && is_ours) homeless.push_back(&reports[i]);
    }
    if (homeless.empty()) co_return reports;
    const auto made = co_await bus_.ensure_topic(options_.topic);
    const auto may_come = made || made.error().is_retryable();
    const auto why = made ? "topic \"" + options_.topic + "\" was gone and is there again"
                          : made.error().message();
    log::warn("a relay's topic is gone", {"topic", options_.topic}, {"now", why});
    for (auto* each : homeless) {
        each->outcome = may_come ? delivery::not_persisted : delivery::refused;
        each->reason = why;
    }
    co_return reports;
}

awaitable<relay_action::any> relay::advance(relay_action::advance step) {
    auto yielded = co_await hold_or_yield(step.from, step.to);
    if (yielded) co_return std::move(*yielded);
    page_.erase(page_.begin(), page_.upper_bound(step.to.position));
    pass_on_orders();
    co_return fsm_.advanced();
}

awaitable<relay_action::any> relay::wait_for_events() {
    {
        const std::scoped_lock lock{mutex_};
        status_.failures = 0;
        status_.reason.clear();
    }
    if (!lease_.is_fresh_for(owner_, on_.clock().now(), options_.lease)) {
        auto yielded = co_await hold_or_yield(fsm_.at(), fsm_.at());
        if (yielded) co_return std::move(*yielded);
    }
    const auto until_save = std::max(save_at_ - on_.clock().steady(), duration{0});
    co_await wake_.wait_for(on_, std::min(glance(), until_save));
    pass_on_orders();
    co_return fsm_.waited();
}

/// How long it looks at neither log nor lease, if nothing wakes it.
duration relay::glance() const {
    if (options_.lease <= duration{0}) return options_.poll_interval;
    return std::min(options_.poll_interval, options_.lease / 3);
}

awaitable<relay_action::any> relay::stand_by() {
    page_.clear();
    ahead_.reset();
    writer_.reset();
    {
        const std::scoped_lock lock{mutex_};
        status_.failures = 0;
        status_.reason = "published by " + lease_.owner;
    }
    co_await sit_out(glance());
    pass_on_orders();
    co_return fsm_.waited();
}

/// Waits all of `span`, unless it is to stop: commits wake it too, and do not shorten the wait.
awaitable<void> relay::sit_out(duration span) {
    const auto until = on_.clock().steady() + span;
    while (!is_stopping_.load()) {
        const auto left = until - on_.clock().steady();
        if (left <= duration{0}) co_return;
        co_await wake_.wait_for(on_, left);
    }
}

awaitable<relay_action::any> relay::back_off(std::uint32_t failures) {
    {
        const std::scoped_lock lock{mutex_};
        status_.failures = failures;
    }
    const auto span = backoff(options_.retry, failures, on_.random().next());
    co_await sit_out(span);
    pass_on_orders();
    co_return fsm_.waited();
}

awaitable<relay_action::any> relay::stay_parked() {
    co_await wake_.wait();
    pass_on_orders();
    co_return fsm_.waited();
}

void relay::tell_reported(const std::vector<delivery_report>& reports, duration took) const {
    if (!options_.on_reported) return;
    std::set<delivery> outcomes;
    for (const auto& each : reports) outcomes.insert(each.outcome);
    for (const auto each : outcomes) options_.on_reported(each, took);
}

relay_action::any relay::failed(const error& why) {
    {
        const std::scoped_lock lock{mutex_};
        status_.reason = why.message();
    }
    pass_on_orders();
    return fsm_.failed(why);
}

void relay::pass_on_orders() {
    if (is_stopping_.load()) fsm_.stop();
    if (may_resume_.exchange(false)) fsm_.resume();
    const auto now = on_.clock().steady();
    save_at_ =
        fsm_.has_unsaved() ? std::min(save_at_, now + options_.save_interval) : duration::max();
    if (now >= save_at_) fsm_.save_soon();
    // The lease is renewed with the checkpoint.
    const auto is_held = lease_.owner == owner_;
    if (is_held && !lease_.is_fresh_for(owner_, on_.clock().now(), options_.lease)) {
        fsm_.save_soon();
    }
}

void relay::show_progress(const relay_action::any& next) {
    const std::scoped_lock lock{mutex_};
    status_.phase = fsm_.where();
    // With the phase: whoever sees it parked sees why.
    const auto* parked = std::get_if<relay_action::park>(&next);
    if (parked != nullptr && !parked->reason.empty()) status_.reason = parked->reason;
    status_.checkpoint = elsewhere_.value_or(fsm_.reached());
    status_.repeated = fsm_.repeated();
}

}  // namespace tidemark
