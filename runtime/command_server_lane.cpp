// What a server does with one command: execute, reply, or set aside.
#include "tidemark/core/thrown.hpp"
#include "tidemark/observability/log.hpp"
#include "tidemark/runtime/command_server.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <utility>

namespace tidemark {
namespace {

const log::source server_log{"commands"};

/// A pause looks up so often whether it is to stop.
constexpr duration pause_step = std::chrono::milliseconds{50};

/// Reply topics that were refused, and for how long they are not tried again.
constexpr std::size_t shunned_max = 100;
constexpr duration shunned_for = std::chrono::seconds{10};

/// What may be different the next time. A version that the caller expects is judged once.
bool may_pass(errc code, const bus_command& asked) {
    return is_retryable(code) || (code == errc::conflict && !asked.expected);
}

bus_reply reply_of(const command_result& told, const stream_id& stream) {
    const auto is_repeated = told.outcome.is_repeated();
    if (told.told) return reply_of(*told.told, is_repeated);
    answer first;
    first.stream = stream;
    if (told.outcome.is_committed()) {
        const auto& proof = told.outcome.receipt();
        first.first_version = first.last_version = proof.version;
        first.position = proof.position;
    } else {
        first.outcome = answer::kind::refused;
        first.reason = told.outcome.rejection().code;
        first.message = told.outcome.rejection().message;
    }
    return reply_of(first, is_repeated);
}

}  // namespace

awaitable<void> command_server::serve_lane(std::string key) {
    auto& waiting = lanes_.find(key)->second;
    while (!waiting.empty()) {
        auto& next = waiting.front();
        co_await serve(next);
        bytes_ -= next.bytes;
        waiting.pop_front();
        in_flight_.fetch_sub(1);
        series_.in_flight.set(static_cast<double>(in_flight_.load()));
        changed_.notify();
    }
    lanes_.erase(key);
}

awaitable<void> command_server::serve(job& next) {
    if (!next.from) {
        co_await set_aside(next, next.wrong);
        co_return;
    }
    auto told = std::optional<bus_reply>{};
    if (next.command) {
        auto answered = co_await answer(*next.command);
        told = std::move(answered);
    } else {
        told = reply_of(next.wrong);
    }
    if (!told) {
        has_left_some_ = true;
        co_return;
    }
    auto reason = shunned(next.from->topic);
    auto published = publication::refused;
    if (reason.empty()) {
        auto reply = message_of(*told, *next.from);
        series_.replies_waiting.add(1);
        const auto heard = co_await publish(std::move(reply), reason);
        series_.replies_waiting.add(-1);
        published = heard;
        if (heard == publication::refused) shun(next.from->topic, reason);
    }
    if (published == publication::given_up) has_left_some_ = true;
    if (published == publication::confirmed) count(next, *told);
    if (published != publication::refused) co_return;
    error why{errc::not_found, "the reply (" + std::string{to_string(told->kind)} +
                                   ") to topic \"" + next.from->topic +
                                   "\" was refused: " + reason};
    co_await set_aside(next, std::move(why));
}

/// Why replies to this topic are not tried for a while; empty if they are.
std::string command_server::shunned(const std::string& topic) const {
    const auto found = shunned_.find(topic);
    if (found == shunned_.end() || found->second.until <= on_.clock().steady()) return {};
    return found->second.reason;
}

/// The bus takes its time to find that a topic is not there, and others would wait behind it.
void command_server::shun(const std::string& topic, const std::string& reason) {
    if (shunned_.size() >= shunned_max) shunned_.clear();
    shunned_[topic] = {on_.clock().steady() + shunned_for, reason};
}

/// Nothing if it stops before there is something to tell.
awaitable<std::optional<bus_reply>> command_server::answer(const bus_command& asked) {
    const auto latest = on_.clock().now() + options_.deadline_max;
    const auto deadline = std::min(asked.deadline.value_or(latest), latest);
    try {
        co_return co_await carry_out(asked, deadline);
    } catch (...) {
        co_return reply_of(error{errc::user_code_threw, "the command threw: " + thrown_text()});
    }
}

awaitable<std::optional<bus_reply>> command_server::carry_out(const bus_command& asked,
                                                              instant deadline) {
    std::optional<error> last;
    std::optional<error> unknown;
    for (std::uint32_t attempts = 1;; ++attempts) {
        const auto left = deadline - on_.clock().now();
        if (left <= duration{0}) {
            if (unknown) last = unknown;
            auto late = co_await too_late(asked, attempts > 1, std::move(last));
            co_return late;
        }
        if (attempts > 1) {
            if (is_stopping_.load()) co_return std::nullopt;
            series_.retries.add();
            const std::scoped_lock lock{mutex_};
            ++status_.retries;
        }
        const auto told = co_await attempt(asked, left);
        if (!told.outcome.is_error()) co_return reply_of(told, asked.stream);
        const auto& why = told.outcome.error();
        if (!may_pass(why.code(), asked)) co_return reply_of(why);
        last = why;
        if (why.code() == errc::unknown_outcome) unknown = why;
        server_log.debug("command will be tried again", {"topic", options_.topic},
                         {"command", asked.from.command.to_string()}, {"attempts", attempts},
                         {"reason", why.message()}, log::fields(asked.from.trace));
        const auto most = std::max(deadline - on_.clock().now(), duration::zero());
        co_await pause(attempts, most);
    }
}

awaitable<command_result> command_server::attempt(const bus_command& asked, duration span) {
    const auto* const type = streams_.type_of(asked.stream.category());
    auto command = type->decode_command(asked.message);
    const auto& id = asked.from.command;
    if (!command) {
        const outcome told{id, command.error()};
        co_return command_result{told, {}, false};
    }
    auto envelope = std::make_unique<command_envelope>();
    envelope->command = std::move(*command);
    envelope->id = id;
    envelope->scope = options_.scope;
    envelope->key = id.to_string();
    envelope->expected = asked.expected;
    envelope->deadline = on_.clock().steady() + span;
    envelope->trace = asked.from.trace;
    auto to = asked.stream;
    co_return co_await streams_.deliver(std::move(to), std::move(envelope));
}

/// The deadline is over. An answer that is stored is told all the same, whoever has stored it.
awaitable<bus_reply> command_server::too_late(const bus_command& asked, bool was_started,
                                              std::optional<error> last) {
    auto scope = options_.scope;
    const auto id = asked.from.command.to_string();
    auto known = co_await answers_.find_answer(std::move(scope), id);
    if (known && *known && (*known)->stream == asked.stream) co_return reply_of(**known, true);
    if (known && *known) {
        co_return reply_of(error{errc::key_reused, "command id " + id + " was used for " +
                                                       (*known)->stream.text() + " before"});
    }
    if (!known) {
        co_return reply_of(
            error{errc::unknown_outcome, "command " + id +
                                             " is past its deadline, and whether it was "
                                             "answered is not known: " +
                                             known.error().message()});
    }
    if (last && last->code() == errc::unknown_outcome) co_return reply_of(*last);
    auto late = reply_of(error{errc::timed_out, "command " + id +
                                                    " was not carried out before its "
                                                    "deadline" +
                                                    (last ? ": " + last->message() : "")});
    if (!was_started) late.kind = reply_kind::expired;
    co_return late;
}

awaitable<void> command_server::set_aside(job& what, error why) {
    while (!has_letter_topic_ && !is_stopping_.load()) {
        auto made = co_await bus_.ensure_topic(options_.dead_letter_topic);
        // Other partitions than configured are as good for letters.
        has_letter_topic_ = made || made.error().code() == errc::schema_mismatch;
        if (!has_letter_topic_) co_await pause(1, options_.retry.cap);
    }
    const log::field about = what.from ? log::fields(what.from->trace) : log::no_field;
    server_log.warn("command set aside", {"topic", options_.topic}, {"reason", why.message()},
                    about);
    dead_letter_note note;
    note.code = to_string(why.code());
    note.reason = why.message();
    note.consumer = options_.topic;
    note.group = options_.group;
    note.at = on_.clock().now();
    note.attempts = 1;
    auto letter = std::move(what.message);
    if (what.command) letter.payload = std::move(what.command->message.payload);
    cut_to(letter, options_.limits.bytes_max, options_.limits.headers_max);
    std::string reason;
    auto addressed = dead_lettered(std::move(letter), note, options_.dead_letter_topic);
    const auto published = co_await publish(std::move(addressed), reason);
    if (published == publication::given_up) {
        has_left_some_ = true;
        co_return;
    }
    if (published == publication::refused) {
        server_log.error("dead letter refused, the message is dropped", {"topic", options_.topic},
                         {"reason", reason});
    }
    series_.dead_letters.add();
    const std::scoped_lock lock{mutex_};
    ++status_.dead_letters;
    status_.reason = why.message();
}

/// Until the bus has it, or never will.
awaitable<command_server::publication> command_server::publish(bus_message message,
                                                               std::string& reason) {
    for (std::uint32_t attempts = 1;; ++attempts) {
        std::vector<bus_message> batch;
        batch.push_back(message);
        const auto reports = co_await bus_.publish(std::move(batch));
        const auto& told = reports.front();
        if (told.outcome == delivery::persisted) co_return publication::confirmed;
        reason = told.reason;
        if (told.outcome == delivery::refused) co_return publication::refused;
        if (is_stopping_.load()) co_return publication::given_up;
        co_await pause(attempts, options_.retry.cap);
    }
}

awaitable<void> command_server::pause(std::uint32_t failures, duration at_most) {
    const executor home = co_await boost::asio::this_coro::executor;
    const auto waiter = on_.make_timer(home);
    const auto span = std::min(at_most, backoff(options_.retry, failures, on_.random().next()));
    const auto until = on_.clock().steady() + span;
    while (!is_stopping_.load() && on_.clock().steady() < until) {
        co_await waiter->wait(std::min(pause_step, until - on_.clock().steady()));
    }
}

void command_server::count(const job& done, const bus_reply& reply) {
    const std::chrono::duration<double> took = on_.clock().steady() - done.arrived;
    series_.duration.observe(took.count());
    const auto kind = reply.is_repeated ? std::string_view{"repeated"} : to_string(reply.kind);
    server_log.debug("command served", {"topic", options_.topic},
                     {"command", done.from->command.to_string()}, {"outcome", kind},
                     {"code", reply.code}, {"seconds", took.count()},
                     log::fields(done.from->trace));
    const std::scoped_lock lock{mutex_};
    if (reply.is_repeated) {
        ++status_.repeated;
        series_.repeated.add();
    } else if (reply.kind == reply_kind::committed) {
        ++status_.committed;
        series_.committed.add();
    } else if (reply.kind == reply_kind::refused) {
        ++status_.refused;
        series_.refused.add();
    } else if (reply.kind == reply_kind::expired) {
        ++status_.expired;
        series_.expired.add();
    } else {
        ++status_.failed;
        series_.failed.add();
    }
}

}  // namespace tidemark
