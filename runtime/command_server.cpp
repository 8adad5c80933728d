#include "tidemark/runtime/command_server.hpp"

#include "tidemark/async/spawn.hpp"
#include "tidemark/async/timeout.hpp"
#include "tidemark/observability/log.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace tidemark {
namespace {

const log::source server_log{"commands"};

/// Messages of one poll.
constexpr std::size_t poll_max = 100;
/// How soon the loop looks up from a poll that brings nothing: what was replied to is then
/// committed, or it stops.
constexpr duration patience_uncommitted = std::chrono::milliseconds{50};
constexpr duration patience_idle = std::chrono::seconds{1};
/// What is not committed when it stops comes again, and is answered from the store.
constexpr duration patience_at_end = std::chrono::seconds{2};

command_server_options checked(command_server_options options) {
    if (options.group.empty()) options.group = options.topic;
    if (options.reply_prefix.empty()) options.reply_prefix = options.topic + ".replies";
    if (options.dead_letter_topic.empty()) options.dead_letter_topic = options.topic + ".dlq";
    const auto is_named = is_topic_name(options.topic) && is_topic_name(options.reply_prefix) &&
                          is_topic_name(options.dead_letter_topic) && !options.scope.empty();
    const auto is_apart = options.reply_prefix != options.topic &&
                          options.dead_letter_topic != options.topic &&
                          !options.dead_letter_topic.starts_with(options.reply_prefix);
    const auto is_bounded = options.commands_max > 0 && options.bytes_max > 0 &&
                            options.uncommitted_max > 0 && options.deadline_max > duration{0};
    if (is_named && is_apart && is_bounded) return options;
    throw std::invalid_argument{
        "commands of topic \"" + options.topic +
        "\": they need a topic, a prefix of the reply topics and a dead-letter topic, all "
        "different, of letters, digits, '.', '_' and '-'; a scope; and a commands_max, bytes_max, "
        "uncommitted_max and deadline_max above 0"};
}

}  // namespace

command_server::command_server(execution& on, command_router& streams, event_store& answers,
                               event_bus& bus, command_server_options options,
                               const runtime_metrics& metrics)
    : on_{on},
      streams_{streams},
      answers_{answers},
      bus_{bus},
      options_{checked(std::move(options))},
      series_{metrics.bus_commands.with({options_.topic, "committed"}),
              metrics.bus_commands.with({options_.topic, "refused"}),
              metrics.bus_commands.with({options_.topic, "repeated"}),
              metrics.bus_commands.with({options_.topic, "failed"}),
              metrics.bus_commands.with({options_.topic, "expired"}),
              metrics.bus_commands.with({options_.topic, "dead_letter"}),
              metrics.bus_command_duration.with({options_.topic}),
              metrics.bus_commands_in_flight.with({options_.topic}),
              metrics.bus_command_retries.with({options_.topic}),
              metrics.bus_replies_waiting.with({options_.topic}),
              metrics.bus_rebalances.with({options_.topic, options_.group})} {
    status_.topic = options_.topic;
    status_.group = options_.group;
}

void command_server::start() { spawn(inside_, on_.shard(options_.shard), run()); }

void command_server::stop_taking() {
    is_stopping_.store(true);
    changed_.notify();
    // A poll is cut short only if no commit is to follow: what it would bring comes again.
    if (is_polling_.load() && uncommitted_.load() == 0) member_->close();
}

awaitable<void> command_server::stop() {
    stop_taking();
    co_await inside_.close();
}

command_server_status command_server::status() const {
    const std::scoped_lock lock{mutex_};
    auto out = status_;
    out.in_flight = in_flight_.load();
    out.failures_in_row = failures_.load();
    return out;
}

awaitable<void> command_server::run() {
    co_await open();
    while (!is_stopping_.load()) {
        show();
        if (is_full()) {
            const auto has_changed = co_await changed_.wait_for(on_, patience_idle);
            if (!has_changed) member_->pause();
        } else {
            co_await poll();
        }
        const auto is_at_rest = in_flight_.load() == 0 && !has_left_some_;
        if (is_at_rest && uncommitted_.load() > 0) co_await commit();
    }
    co_await end_begun();
}

/// What can be seen of the topic is tried until it is there.
awaitable<void> command_server::open() {
    while (!is_stopping_.load()) {
        auto made = co_await bus_.ensure_topic(options_.topic);
        if (made) break;
        failed("topic of commands not there", made.error().message());
        // Other partitions than configured are as good: a key has one of them.
        if (made.error().code() == errc::schema_mismatch) break;
        co_await pause(failures_, options_.retry.cap);
    }
    if (is_stopping_.load()) co_return;
    member_ = bus_.subscribe(options_.topic, options_.group);
    failures_ = 0;
    const std::scoped_lock lock{mutex_};
    status_.is_open = true;
}

/// At the bound of what is not committed it is full until all of that has been replied to.
bool command_server::is_full() const {
    const auto begun = in_flight_.load();
    if (begun == 0) return false;
    return begun >= options_.commands_max || bytes_ >= options_.bytes_max ||
           uncommitted_.load() >= options_.uncommitted_max;
}

awaitable<void> command_server::poll() {
    const auto room = options_.commands_max - in_flight_.load();
    const auto is_idle = uncommitted_.load() == 0;
    is_polling_.store(true);
    if (is_stopping_.load() && is_idle) member_->close();
    auto waiting = member_->poll(std::min(room, poll_max));
    const auto patience = is_idle ? patience_idle : patience_uncommitted;
    auto polled = co_await with_timeout(on_, std::move(waiting), patience);
    is_polling_.store(false);
    if (polled) {
        failures_ = 0;
        for (auto& each : *polled) take(std::move(each));
        co_return;
    }
    if (polled.error().code() == errc::timed_out) {
        // Nothing came; without partitions that says nothing about a topic that was missing.
        if (member_->assigned() > 0) failures_ = 0;
        co_return;
    }
    failed("no commands polled", polled.error().message());
    co_await pause(failures_, options_.retry.cap);
}

awaitable<void> command_server::commit() {
    auto done = co_await member_->commit();
    if (done) {
        failures_ = 0;
        uncommitted_.store(0);
        co_return;
    }
    failed("commands not committed", done.error().message());
    // What was polled since the rebalance has still to be committed.
    if (done.error().code() == errc::stale) {
        co_return;
    }
    co_await pause(failures_, options_.retry.cap);
}

/// The lanes give up by themselves what cannot end now.
awaitable<void> command_server::end_begun() {
    while (in_flight_.load() > 0) co_await changed_.wait();
    show();
    if (!member_) co_return;
    if (uncommitted_.load() > 0 && !has_left_some_) {
        auto committing = member_->commit();
        auto done = co_await with_timeout(on_, std::move(committing), patience_at_end);
        if (!done) failed("commands not committed", done.error().message());
    }
    member_->close();
}

void command_server::take(bus_message message) {
    uncommitted_.fetch_add(1);
    auto next = read(std::move(message));
    const auto bytes = next.bytes;
    auto key = next.command ? next.command->stream.text() : next.message.key;
    const auto [place, is_fresh] = lanes_.try_emplace(key);
    place->second.push_back(std::move(next));
    bytes_ += bytes;
    in_flight_.fetch_add(1);
    if (!is_fresh || spawn(inside_, on_.shard(options_.shard), serve_lane(std::move(key)))) return;
    // It has been told to stop meanwhile.
    has_left_some_ = true;
    bytes_ -= bytes;
    in_flight_.fetch_sub(1);
    lanes_.erase(place);
}

command_server::job command_server::read(bus_message message) const {
    job out;
    out.bytes = size_of(message);
    out.arrived = on_.clock().steady();
    auto from = address_of(message, options_.reply_prefix);
    if (from) out.from = *from;
    const auto& [bytes_max, headers_max] = options_.limits;
    if (out.bytes > bytes_max || message.headers.size() > headers_max) {
        out.wrong =
            error{errc::too_large, "a command of " + std::to_string(out.bytes) + " bytes and " +
                                       std::to_string(message.headers.size()) +
                                       " headers exceeds bytes_max (" + std::to_string(bytes_max) +
                                       ") or headers_max (" + std::to_string(headers_max) + ")"};
    } else if (!from) {
        out.wrong = from.error();
    } else {
        auto command = command_from(message, std::move(*from));
        const auto judged = command ? judge(*command) : result<void>{command.error()};
        if (judged) out.command = std::move(*command);
        if (!judged) out.wrong = judged.error();
    }
    out.message = std::move(message);
    return out;
}

result<void> command_server::judge(const bus_command& command) const {
    const auto* const type = streams_.type_of(command.stream.category());
    if (type == nullptr || type->wants_answers()) {
        return error{errc::not_found, "no aggregate of category \"" +
                                          std::string{command.stream.category()} +
                                          "\" is served here"};
    }
    const auto& served = options_.commands;
    if (!served.empty() && std::ranges::find(served, command.message.name) == served.end()) {
        return error{errc::unknown_message, "command \"" + command.message.name +
                                                "\" is not served over the bus; topic \"" +
                                                options_.topic +
                                                "\" takes those of its server's "
                                                "commands option"};
    }
    auto decoded = type->decode_command(command.message);
    if (!decoded) return decoded.error();
    return {};
}

void command_server::failed(std::string_view what, const std::string& reason) {
    if (failures_.fetch_add(1) == 0) {
        server_log.warn(what, {"topic", options_.topic}, {"reason", reason});
    }
    const std::scoped_lock lock{mutex_};
    status_.reason = reason;
}

void command_server::show() {
    series_.in_flight.set(static_cast<double>(in_flight_.load()));
    const auto rebalances = member_ ? member_->rebalances() : 0;
    const std::scoped_lock lock{mutex_};
    series_.rebalances.add(rebalances - status_.rebalances);
    status_.rebalances = rebalances;
    status_.partitions = member_ ? member_->assigned() : 0;
}

}  // namespace tidemark
