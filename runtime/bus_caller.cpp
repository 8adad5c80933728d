#include "tidemark/runtime/bus_caller.hpp"

#include "tidemark/async/spawn.hpp"
#include "tidemark/async/timeout.hpp"
#include "tidemark/eventbus/headers.hpp"
#include "tidemark/observability/log.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace tidemark {
namespace {

const log::source caller_log{"commands"};

/// Replies of one poll, and replies between two commits: what comes again after a crash.
constexpr std::size_t poll_max = 500;
constexpr std::size_t uncommitted_max = 1'000;
/// How soon the loop looks up from a poll that brings nothing, to commit or to stop.
constexpr duration patience_uncommitted = std::chrono::milliseconds{100};
constexpr duration patience_idle = std::chrono::seconds{1};
/// A pause looks up so often whether it is to stop.
constexpr duration pause_step = std::chrono::milliseconds{50};

bus_caller_options checked(bus_caller_options options) {
    const auto is_named = is_topic_name(options.topic) && is_topic_name(options.reply_topic) &&
                          options.topic != options.reply_topic;
    const auto is_bounded = options.outstanding_max > 0 && options.deadline > duration{0} &&
                            options.payload_bytes_max > 0;
    if (is_named && is_bounded) return options;
    throw std::invalid_argument{
        "who asks over topic \"" + options.topic + "\" for replies on \"" + options.reply_topic +
        "\" needs two different topics of letters, digits, '.', '_' and '-', and an "
        "outstanding_max, deadline and payload_bytes_max above 0"};
}

message_id id_of(const call& how, execution& on) {
    if (how.key().empty()) return on.fresh_id();
    return how.id().is_none() ? message_id::derive({"command", how.scope(), how.key()}) : how.id();
}

}  // namespace

/// A seat is given back when its owner leaves, or is unwound.
class bus_caller::place {
  public:
    place(bus_caller& of, const message_id& ask) : of_{of}, ask_{ask} {}
    place(const place&) = delete;
    place& operator=(const place&) = delete;
    ~place() {
        const std::scoped_lock lock{of_.mutex_};
        of_.seats_.erase(ask_);
        of_.waiting_.set(static_cast<double>(of_.seats_.size()));
    }

  private:
    bus_caller& of_;
    message_id ask_;
};

bus_caller::bus_caller(execution& on, event_bus& bus, bus_caller_options options,
                       const runtime_metrics& metrics)
    : on_{on},
      bus_{bus},
      options_{checked(std::move(options))},
      metrics_{metrics},
      duration_{metrics.bus_ask_duration.with({options_.topic})},
      waiting_{metrics.bus_asks_waiting.with({options_.topic})},
      dropped_{metrics.bus_replies_dropped.with({options_.topic})} {
    status_.topic = options_.topic;
    status_.reply_topic = options_.reply_topic;
}

void bus_caller::start() { spawn(inside_, on_.shard(options_.shard), run()); }

awaitable<void> bus_caller::stop() {
    is_stopping_.store(true);
    {
        const std::scoped_lock lock{mutex_};
        for (auto& [ask, waits] : seats_) {
            waits->is_over = true;
            waits->news.notify();
        }
    }
    if (is_polling_.load()) member_->close();
    co_await inside_.close();
}

bus_caller_status bus_caller::status() const {
    const std::scoped_lock lock{mutex_};
    auto out = status_;
    out.is_open = is_open_.load();
    out.waiting = seats_.size();
    out.failures_in_row = failures_.load();
    return out;
}

awaitable<void> bus_caller::run() {
    co_await open();
    std::size_t uncommitted = 0;
    while (!is_stopping_.load()) co_await poll(uncommitted);
    if (!member_) co_return;
    // Replies that come again are dropped, so whether this is taken does not matter.
    if (uncommitted > 0) {
        auto committing = member_->commit();
        co_await with_timeout(on_, std::move(committing), patience_idle);
    }
    member_->close();
}

/// Other partitions than configured are as good, for either topic.
awaitable<void> bus_caller::open() {
    for (const auto* topic : {&options_.reply_topic, &options_.topic}) {
        while (!is_stopping_.load()) {
            auto made = co_await bus_.ensure_topic(*topic);
            if (made || made.error().code() == errc::schema_mismatch) break;
            failed("topic not there", made.error().message());
            co_await pause(failures_.load());
        }
    }
    if (is_stopping_.load()) co_return;
    failures_ = 0;
    member_ = bus_.subscribe(options_.reply_topic, options_.reply_topic);
    const std::scoped_lock lock{mutex_};
    is_open_.store(true);
    for (auto& [ask, waits] : seats_) waits->news.notify();
}

awaitable<void> bus_caller::poll(std::size_t& uncommitted) {
    is_polling_.store(true);
    if (is_stopping_.load()) member_->close();
    auto waiting = member_->poll(poll_max);
    const auto patience = uncommitted > 0 ? patience_uncommitted : patience_idle;
    auto polled = co_await with_timeout(on_, std::move(waiting), patience);
    is_polling_.store(false);
    const auto is_silent = !polled && polled.error().code() == errc::timed_out;
    if (!polled && !is_silent) {
        failed("no replies polled", polled.error().message());
        co_await pause(3);
        co_return;
    }
    // Without partitions a silence says nothing about a topic that was missing.
    if (!is_silent || member_->assigned() > 0) failures_ = 0;
    if (polled) {
        for (const auto& each : *polled) hear(each);
        uncommitted += polled->size();
    }
    if (uncommitted == 0 || (!is_silent && uncommitted < uncommitted_max)) co_return;
    co_await member_->commit();
    uncommitted = 0;
}

void bus_caller::hear(const bus_message& message) {
    const auto named = header_value(message, bus_header::ask);
    const auto ask = message_id::parse(named);
    auto told = reply_from(message);
    const std::scoped_lock lock{mutex_};
    const auto found = ask ? seats_.find(*ask) : seats_.end();
    if (!told || found == seats_.end() || found->second->told) {
        ++status_.dropped;
        dropped_.add();
        return;
    }
    found->second->told = std::move(*told);
    found->second->news.notify();
}

awaitable<outcome> bus_caller::ask_encoded(stream_id to, result<encoded_message> command,
                                           call how) {
    const auto id = id_of(how, on_);
    const auto inside = inside_.try_enter();
    const auto refused = [&id](errc code, std::string why) {
        return outcome{id, error{code, std::move(why)}};
    };
    if (!inside || is_stopping_.load()) {
        co_return refused(errc::shutting_down, "the process is draining and asks for nothing more");
    }
    if (!command) co_return outcome{id, command.error()};
    if (!to.is_valid()) {
        co_return refused(errc::invalid_argument, "\"" + to.text() + "\" is no stream id");
    }
    if (command->payload.size() > options_.payload_bytes_max) {
        co_return refused(errc::too_large, "command " + command->name + " for " + to.text() +
                                               " has " + std::to_string(command->payload.size()) +
                                               " bytes, more than payload_bytes_max (" +
                                               std::to_string(options_.payload_bytes_max) +
                                               ") allows");
    }
    const auto span = how.span().value_or(options_.deadline);
    bus_command asked;
    asked.from = {id, on_.fresh_id(), options_.reply_topic, how.trace()};
    if (asked.from.trace.correlation.is_none()) asked.from.trace.correlation = id;
    asked.stream = std::move(to);
    asked.message = std::move(*command);
    asked.deadline = on_.clock().now() + span;
    asked.expected = how.expected();
    const auto began = on_.clock().steady();
    auto told = co_await ask_safely(std::move(asked), span);
    count(told, on_.clock().steady() - began);
    co_return told;
}

awaitable<outcome> bus_caller::ask_safely(bus_command asked, duration span) {
    const auto id = asked.from.command;
    const auto ask = asked.from.ask;
    auto waits = std::make_shared<seat>();
    auto is_full = false;
    {
        const std::scoped_lock lock{mutex_};
        is_full = seats_.size() >= options_.outstanding_max;
        if (!is_full) seats_.emplace(ask, waits);
        waits->is_over = is_stopping_.load();
        waiting_.set(static_cast<double>(seats_.size()));
    }
    if (is_full) {
        co_return outcome{id, error{errc::overloaded, std::to_string(options_.outstanding_max) +
                                                          " commands wait for replies on \"" +
                                                          options_.reply_topic +
                                                          "\" (outstanding_max); try again later"}};
    }
    const place held{*this, ask};
    auto message = message_of(std::move(asked), options_.topic);
    auto exchanging = exchange(std::move(message), waits);
    auto told = co_await with_timeout(on_, std::move(exchanging), span);
    co_return judged(id, told, *waits);
}

/// An error that was not told by the server is unknown if the command may be on the bus.
outcome bus_caller::judged(const message_id& command, const result<bus_reply>& told,
                           const seat& waits) const {
    const std::scoped_lock lock{mutex_};
    if (waits.told) return outcome_of(*waits.told, command);
    if (told) return outcome_of(*told, command);
    if (!waits.is_sent) return {command, told.error()};
    return {command,
            error{errc::unknown_outcome,
                  "no reply to command " + command.to_string() + " on \"" + options_.reply_topic +
                      "\" in time; it may yet be carried out. Ask again with the same id "
                      "to hear the first answer"}};
}

bool bus_caller::is_over(const seat& waits) const {
    const std::scoped_lock lock{mutex_};
    return waits.told || waits.is_over;
}

/// Until it is told something, or told that it is over. The time is the caller's to bound.
awaitable<result<bus_reply>> bus_caller::exchange(bus_message message,
                                                  std::shared_ptr<seat> waits) {
    while (!is_open_.load() && !is_over(*waits)) co_await waits->news.wait();
    for (std::uint32_t attempts = 1; !is_over(*waits); ++attempts) {
        auto refused = co_await send(message, *waits);
        if (!refused) break;
        if (!refused->is_retryable()) co_return *refused;
        const auto random = on_.random().next();
        const auto span = backoff(options_.retry, attempts, random);
        co_await waits->news.wait_for(on_, span);
    }
    while (!is_over(*waits)) co_await waits->news.wait();
    const std::scoped_lock lock{mutex_};
    if (waits->told) co_return *waits->told;
    co_return error{errc::shutting_down, "the process is draining and asks for nothing more"};
}

/// Nothing once the bus has it. While it is being published it may be there.
awaitable<std::optional<error>> bus_caller::send(const bus_message& message, seat& waits) {
    const auto was_sent = waits.is_sent;
    waits.is_sent = true;
    std::vector<bus_message> batch;
    batch.push_back(message);
    const auto reports = co_await bus_.publish(std::move(batch));
    const auto& report = reports.front();
    if (report.outcome == delivery::persisted) co_return std::nullopt;
    const auto may_be_there =
        report.outcome == delivery::possibly_persisted || report.outcome == delivery::fatal;
    waits.is_sent = was_sent || may_be_there;
    const auto is_refused = report.outcome == delivery::refused;
    const auto text =
        "a command was not taken by topic \"" + options_.topic + "\": " + report.reason;
    co_return error{is_refused ? errc::invalid_argument : errc::unavailable, text};
}

awaitable<void> bus_caller::pause(std::uint32_t failures) {
    const executor home = co_await boost::asio::this_coro::executor;
    const auto waiter = on_.make_timer(home);
    const auto span = backoff(options_.retry, failures, on_.random().next());
    const auto until = on_.clock().steady() + span;
    while (!is_stopping_.load() && on_.clock().steady() < until) {
        co_await waiter->wait(std::min(pause_step, until - on_.clock().steady()));
    }
}

void bus_caller::count(const outcome& told, duration took) {
    const auto what = told.is_committed() ? std::string_view{"committed"}
                      : told.is_refused() ? std::string_view{"refused"}
                                          : to_string(told.error().code());
    metrics_.bus_commands_asked.with({options_.topic, std::string{what}}).add();
    const std::chrono::duration<double> seconds = took;
    duration_.observe(seconds.count());
    const std::scoped_lock lock{mutex_};
    ++status_.asked;
    if (!told.is_error()) ++status_.answered;
}

void bus_caller::failed(std::string_view what, const std::string& reason) {
    if (failures_.fetch_add(1) == 0) {
        caller_log.warn(what, {"topic", options_.reply_topic}, {"reason", reason});
    }
    const std::scoped_lock lock{mutex_};
    status_.reason = reason;
}

}  // namespace tidemark
