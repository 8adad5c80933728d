#include "tidemark/eventbus/bus_consumer.hpp"

#include "tidemark/async/spawn.hpp"
#include "tidemark/async/timeout.hpp"
#include "tidemark/core/thrown.hpp"
#include "tidemark/observability/log.hpp"

#include <algorithm>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace tidemark {
namespace {

const log::source consumer_log{"consumer"};

/// When nothing comes for so long, the bus is told what has taken effect.
constexpr duration silence = std::chrono::milliseconds{50};

consumer_options checked(consumer_options options) {
    if (options.group.empty()) options.group = options.name;
    if (options.dead_letter_topic.empty()) options.dead_letter_topic = options.topic + ".dlq";
    const auto is_complete = !options.name.empty() && !options.topic.empty() && options.apply;
    const auto is_bounded = options.batch_max > 0 && options.attempts_max > 0 &&
                            options.kept_max > 0 && options.poll_interval > duration{0} &&
                            options.commit_interval > duration{0};
    if (is_complete && is_bounded && options.dead_letter_topic != options.topic) return options;
    throw std::invalid_argument{
        "consumer \"" + options.name + "\" of topic \"" + options.topic +
        "\": it needs a name, a topic, an effect, a dead-letter topic of its own, and a "
        "batch_max, attempts_max, kept_max, poll_interval and commit_interval above 0"};
}

consumer_rules rules_of(const consumer_options& options) {
    consumer_rules out;
    out.name = options.name;
    out.group = options.group;
    out.apply = options.apply;
    out.reads = options.reads;
    out.check = options.check;
    out.attempts_max = options.attempts_max;
    out.retry = options.retry;
    out.kept_max = options.kept_max;
    return out;
}

/// Undoes a transaction that was only tried.
struct dry_run_ended : std::exception {};

}  // namespace

bus_consumer::bus_consumer(execution& on, read_model_store& effects, event_bus& bus,
                           consumer_options options, const runtime_metrics& metrics)
    : on_{on},
      effects_{effects},
      bus_{bus},
      options_{checked(std::move(options))},
      rules_{rules_of(options_)},
      letters_to_{options_.dead_letter_topic == "-" ? "" : options_.dead_letter_topic},
      fsm_{options_.commit_batches_max},
      series_{metrics.bus_consumed.with({options_.topic, options_.group, "applied"}),
              metrics.bus_consumed.with({options_.topic, options_.group, "duplicate"}),
              metrics.bus_consumed.with({options_.topic, options_.group, "failed"}),
              metrics.bus_consumed.with({options_.topic, options_.group, "refused"}),
              metrics.bus_dead_letters.with({options_.topic, options_.group}),
              metrics.bus_rebalances.with({options_.topic, options_.group}),
              metrics.bus_waiting_streams.with({options_.topic, options_.group}),
              metrics.dlq_entries.with({options_.name}),
              metrics.dlq_oldest_age.with({options_.name})},
      lag_{options_.topic, options_.group, metrics} {
    status_.name = options_.name;
    status_.topic = options_.topic;
    status_.group = options_.group;
}

void bus_consumer::start() { spawn(inside_, on_.shard(options_.shard), run()); }

awaitable<void> bus_consumer::stop() {
    is_stopping_.store(true);
    wake_.notify();
    // Only a poll is cut short: what it would bring comes again. With a commit to come it is short.
    if (is_polling_.load() && !is_uncommitted_.load()) member_->close();
    co_await inside_.close();
}

consumer_status bus_consumer::status() const {
    const std::scoped_lock lock{mutex_};
    return status_;
}

awaitable<void> bus_consumer::run() {
    auto action = fsm_.start();
    while (!std::holds_alternative<consumer_action::stop>(action)) {
        show_progress(action);
        auto next = co_await perform_safely(std::move(action));
        action = std::move(next);
    }
    show_progress(action);
    if (member_) member_->close();
}

awaitable<consumer_action::any> bus_consumer::perform_safely(consumer_action::any action) {
    try {
        co_return co_await perform(std::move(action));
    } catch (...) {
        co_return failed(
            error{errc::user_code_threw, "consumer \"" + options_.name + "\": " + thrown_text()});
    }
}

awaitable<consumer_action::any> bus_consumer::perform(consumer_action::any action) {
    pass_on_orders();
    if (std::holds_alternative<consumer_action::open>(action)) co_return co_await open();
    if (std::holds_alternative<consumer_action::poll>(action)) co_return co_await poll();
    if (std::holds_alternative<consumer_action::store>(action)) co_return co_await store();
    if (std::holds_alternative<consumer_action::fetch>(action)) co_return co_await fetch();
    if (std::holds_alternative<consumer_action::commit>(action)) co_return co_await commit();
    if (std::holds_alternative<consumer_action::tend>(action)) co_return co_await tend();
    if (const auto* wait = std::get_if<consumer_action::back_off>(&action)) {
        co_return co_await back_off(wait->failures);
    }
    const auto& reason = std::get<consumer_action::park>(action).reason;
    if (!reason.empty()) {
        consumer_log.error("consumer parked", {"consumer", options_.name}, {"reason", reason});
    }
    co_return co_await stay_parked();
}

awaitable<consumer_action::any> bus_consumer::open() {
    log_.reset();
    if (options_.log != nullptr) {
        const auto told = co_await options_.log->status();
        if (!told) co_return failed(told.error());
        log_ = told->incarnation;
    }
    auto at = co_await effects_.load_checkpoint(options_.name);
    if (!at) co_return failed(at.error());
    at_ = *at;
    auto counted = co_await count_waiting();
    if (!counted) co_return failed(counted.error());
    if (!member_) member_ = bus_.subscribe(options_.topic, options_.group);
    pass_on_orders();
    co_return fsm_.opened();
}

awaitable<consumer_action::any> bus_consumer::poll() {
    is_polling_.store(true);
    const auto is_uncommitted = is_uncommitted_.load();
    if (is_stopping_.load() && !is_uncommitted) member_->close();
    const auto until = std::min(tend_at_, commit_at_);
    auto left = std::max(until - on_.clock().steady(), duration{0});
    if (is_uncommitted) left = std::min(left, is_stopping_.load() ? duration{0} : silence);
    auto waiting = member_->poll(options_.batch_max);
    auto polled = co_await with_timeout(on_, std::move(waiting), left);
    is_polling_.store(false);
    polled_at_ = on_.clock().steady();
    if (!polled && polled.error().code() != errc::timed_out) {
        is_topic_missing_ = polled.error().code() == errc::not_found;
        co_return failed(polled.error());
    }
    // A poll that was cut short says nothing about a topic that was missing.
    if (member_->assigned() > 0) is_topic_missing_ = false;
    auto messages = polled ? std::move(*polled) : std::vector<bus_message>{};
    const auto size = messages.size();
    screen(std::move(messages));
    {
        const std::scoped_lock lock{mutex_};
        status_.lag_messages = member_->lag();
        if (!is_topic_missing_) status_.failures_in_row = 0;
    }
    pass_on_orders();
    co_return fsm_.polled(size, options_.batch_max);
}

void bus_consumer::screen(std::vector<bus_message> batch) {
    lost_.clear();
    batch_.clear();
    refused_.clear();
    batch_.reserve(batch.size());
    for (auto& each : batch) {
        auto arrived = consumed_from(each, options_.limits);
        if (arrived) {
            batch_.push_back(std::move(*arrived));
        } else {
            refused_.push_back({std::move(each), arrived.error()});
        }
    }
}

awaitable<result<intake>> bus_consumer::change(ledger_work work) {
    return change_at(at_, std::move(work), false);
}

awaitable<result<intake>> bus_consumer::change_at(checkpoint at, ledger_work work, bool is_dry) {
    const auto now = on_.clock().now();
    const auto random = on_.random().next();
    intake done;
    std::optional<error> thrown;
    auto changing = [&](read_model& rows) {
        try {
            consumer_ledger ledger{rows, rules_, now, random};
            work(ledger);
            done = ledger.close();
        } catch (const std::system_error& e) {
            const auto is_ours = e.code().category() == error_category();
            thrown =
                error{is_ours ? static_cast<errc>(e.code().value()) : errc::io_error, e.what()};
            throw;
        }
        if (is_dry) throw dry_run_ended{};
    };
    std::function<void(read_model&)> in_transaction = std::ref(changing);
    // Its place does not move: the streams' places do.
    auto stored = co_await effects_.update(options_.name, at, at, std::move(in_transaction));
    const auto has_thrown = !stored && stored.error().code() == errc::user_code_threw;
    if (has_thrown && is_dry && !thrown) co_return done;
    if (has_thrown && thrown) co_return *thrown;
    if (!stored) co_return stored.error();
    co_return done;
}

awaitable<consumer_action::any> bus_consumer::store() {
    ledger_work work = [this](consumer_ledger& ledger) {
        for (const auto& each : refused_) ledger.refuse(each.message, each.why);
        ledger.take(batch_, log_, lost_);
    };
    auto done = co_await change(std::move(work));
    if (!done) co_return failed(done.error());
    count(*done);
    is_uncommitted_.store(true);
    commit_within(options_.commit_interval);
    refused_.clear();
    missing_ = std::move(done->missing);
    std::vector<consumed_event> left;
    for (const auto index : done->waiting) left.push_back(std::move(batch_[index]));
    batch_ = std::move(left);
    if (batch_.empty()) member_->settled();
    pass_on_orders();
    co_return fsm_.stored(!batch_.empty());
}

awaitable<consumer_action::any> bus_consumer::fetch() {
    for (auto& gap : missing_) {
        auto place = gap.place;
        auto found = co_await fetch_one(std::move(gap));
        if (!found) co_return failed(found.error());
        if (!*found) lost_.insert(std::move(place));
    }
    missing_.clear();
    pass_on_orders();
    co_return fsm_.fetched();
}

awaitable<result<bool>> bus_consumer::fetch_one(missing_events gap) {
    auto after = gap.after;
    while (after.next() < gap.until) {
        const auto wanted = gap.until.value() - after.value() - 1;
        const auto limit = std::min<std::uint64_t>(wanted, options_.batch_max);
        auto page = co_await options_.log->read(gap.stream, after, limit);
        if (!page) co_return page.error();
        if (page->empty() || page->front().version != after.next()) co_return false;
        after = page->back().version;
        std::vector<consumed_event> fetched;
        for (auto& each : *page) {
            fetched.push_back(consumed_from_log(std::move(each), *log_, options_.topic));
        }
        ledger_work work = [&fetched](consumer_ledger& ledger) {
            ledger.take(fetched, std::nullopt, {});
        };
        auto done = co_await change(std::move(work));
        if (!done) co_return done.error();
        count(*done);
        const std::scoped_lock lock{mutex_};
        status_.fetched += fetched.size();
    }
    co_return true;
}

awaitable<consumer_action::any> bus_consumer::commit() {
    commit_at_ = duration::max();
    auto committed = co_await member_->commit();
    is_uncommitted_.store(false);
    pass_on_orders();
    if (committed) co_return fsm_.committed();
    commit_within(options_.commit_interval);
    if (committed.error().code() != errc::stale && !is_stopping_.load()) {
        const std::scoped_lock lock{mutex_};
        status_.reason = committed.error().message();
    }
    co_return fsm_.not_committed();
}

awaitable<consumer_action::any> bus_consumer::back_off(std::uint32_t failures) {
    const auto span = backoff(options_.retry, failures, on_.random().next());
    const auto until = on_.clock().steady() + span;
    while (on_.clock().steady() < until && !is_stopping_.load() && !must_tend_.load()) {
        co_await rest(until - on_.clock().steady());
    }
    pass_on_orders();
    co_return fsm_.waited();
}

/// True when it was woken; false after that span, or a shorter one. Stays a member meanwhile.
awaitable<bool> bus_consumer::rest(duration at_most) {
    const auto is_woken = co_await wake_.wait_for(on_, std::min(at_most, options_.poll_interval));
    const auto silent = on_.clock().steady() - polled_at_;
    if (member_ && silent >= options_.poll_interval) member_->pause();
    co_return is_woken;
}

awaitable<consumer_action::any> bus_consumer::stay_parked() {
    for (;;) {
        const auto is_woken = co_await rest(options_.poll_interval);
        if (is_woken) break;
    }
    pass_on_orders();
    co_return fsm_.waited();
}

consumer_action::any bus_consumer::failed(const error& why) {
    consumer_log.warn("consumer failed", {"consumer", options_.name}, {"reason", why.message()});
    is_polling_.store(false);
    {
        const std::scoped_lock lock{mutex_};
        status_.reason = why.message();
        ++status_.failures_in_row;
    }
    pass_on_orders();
    return fsm_.failed(why);
}

void bus_consumer::pass_on_orders() {
    if (is_stopping_.load()) fsm_.stop();
    if (may_resume_.exchange(false)) fsm_.resume();
    if (on_.clock().steady() >= commit_at_) fsm_.commit_soon();
    if (must_tend_.exchange(false) || on_.clock().steady() >= tend_at_) fsm_.tend_soon();
}

void bus_consumer::commit_within(duration span) {
    commit_at_ = std::min(commit_at_, on_.clock().steady() + span);
}

void bus_consumer::tend_within(duration span) {
    const auto latest = on_.clock().steady() + std::min(span, options_.poll_interval);
    tend_at_ = tend_at_ > on_.clock().steady() ? std::min(tend_at_, latest) : latest;
}

void bus_consumer::show_progress(const consumer_action::any& next) {
    if (member_) {
        const auto holds_batch = !batch_.empty() || !refused_.empty();
        lag_.look(member_->places(), holds_batch, on_.clock().steady());
    }
    const std::scoped_lock lock{mutex_};
    status_.lag_seconds = lag_.seconds();
    status_.phase = fsm_.where();
    // With the phase: whoever sees it parked sees why.
    const auto* parked = std::get_if<consumer_action::park>(&next);
    if (parked != nullptr && !parked->reason.empty()) status_.reason = parked->reason;
    const auto rebalances = member_ ? member_->rebalances() : 0;
    series_.rebalances.add(rebalances - status_.rebalances);
    status_.rebalances = rebalances;
    status_.partitions = member_ ? member_->assigned() : 0;
}

void bus_consumer::count(const intake& done) {
    const std::scoped_lock lock{mutex_};
    status_.applied += done.applied;
    status_.duplicates += done.duplicates;
    status_.failures += done.failures;
    status_.refused += done.refused;
    series_.applied.add(done.applied);
    series_.duplicates.add(done.duplicates);
    series_.failed.add(done.failures);
    series_.refused.add(done.refused);
    status_.failures_in_row = 0;
    if (!done.reason.empty()) status_.reason = done.reason;
    // What was set aside is tried again, or handed over, soon.
    if (done.kept > 0) tend_within(options_.retry.first);
}

}  // namespace tidemark
