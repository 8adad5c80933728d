// One attempt of each kind of effect: the part of `effect_runner` that does the work.
#include "tidemark/async/timeout.hpp"
#include "tidemark/core/thrown.hpp"
#include "tidemark/runtime/effect_runner.hpp"

#include <utility>

namespace tidemark {

namespace {

constexpr std::size_t caused_events_max = 1000;
constexpr std::size_t caused_bytes_max = 32UL * 1024 * 1024;

error no_store(const stream_id& stream) {
    return error{errc::not_found, "no store of category \"" + std::string{stream.category()} +
                                      "\" is registered (stream " + stream.text() +
                                      "); register it with runtime.store<…>()"};
}

/// A saga hears of every answer, also of an empty one, and must know which step it answers.
result<std::unique_ptr<any_command>> answer_of_request(const held_effect& held,
                                                       const std::optional<encoded_message>& told) {
    answer first;
    first.stream = held.work.source;
    std::vector<recorded_event> messages;
    if (told) {
        recorded_event message;
        message.message = *told;
        messages.push_back(std::move(message));
    }
    return held.source_type->answer_command(held.work, first, messages);
}

awaitable<void> perform_into(
    const erased_performer& perform, encoded_message request, request_context context,
    std::shared_ptr<std::optional<result<std::optional<encoded_message>>>> out) {
    try {
        auto answered = co_await perform(std::move(request), std::move(context));
        out->emplace(std::move(answered));
    } catch (...) {
        out->emplace(error{errc::user_code_threw, "performer threw: " + thrown_text()});
    }
}

}  // namespace

effect_runner::attempt_end effect_runner::judged(const error& why) {
    using kind = attempt_end::kind;
    switch (why.code()) {
        case errc::stale:
            return {kind::lost, why};
        case errc::shutting_down:
        case errc::overloaded:
            return {kind::not_begun, why};
        case errc::unknown_message:
        case errc::malformed_payload:
        case errc::key_reused:
        case errc::too_large:
        case errc::not_found:
        case errc::invalid_argument:
            return {kind::hopeless, why};
        default:
            return {kind::failed, why};
    }
}

envelope_ptr effect_runner::envelope_for(const held_effect& held,
                                         std::unique_ptr<any_command> command,
                                         duration timeout) const {
    auto kept = std::make_unique<command_envelope>();
    auto& envelope = *kept;
    envelope.command = std::move(command);
    envelope.id = held.work.effect.id;
    envelope.scope = held.work.source.text();
    envelope.key = held.work.effect.id.to_string();
    envelope.deadline = shard_.steady() + timeout;
    envelope.trace = held.work.effect.trace;
    return kept;
}

awaitable<effect_runner::attempt_end> effect_runner::attempt(const held_effect& held,
                                                             const effect_options& options) {
    if (held.source_type == nullptr) co_return judged(no_store(held.work.source));
    switch (held.work.effect.kind) {
        case effect_kind::send:
            co_return co_await attempt_send(held, options);
        case effect_kind::request:
            co_return co_await attempt_request(held, options);
        case effect_kind::settle:
            co_return co_await attempt_settle(held, options);
        case effect_kind::timer:
            co_return co_await attempt_timer(held, options);
    }
    co_return attempt_end{};
}

awaitable<effect_runner::attempt_end> effect_runner::attempt_send(const held_effect& held,
                                                                  const effect_options& options) {
    const auto& effect = held.work.effect;
    const auto* target = router_.type_of(effect.target.category());
    if (target == nullptr) co_return judged(no_store(effect.target));
    auto command = target->decode_command(effect.message);
    if (!command) co_return judged(command.error());
    const bool is_awaited = held.source_type->wants_answers();
    auto envelope = envelope_for(held, std::move(*command), options.timeout);
    if (!is_awaited) envelope->completes.push_back({effect.id, held.work.token});
    auto told = co_await router_.deliver(effect.target, std::move(envelope));
    if (told.outcome.is_error()) co_return judged(told.outcome.error());
    if (is_awaited && told.told) {
        std::vector<message_id> nothing;
        co_return co_await bring_answer(held, std::move(*told.told), std::move(nothing));
    }
    using kind = attempt_end::kind;
    if (told.outcome.is_repeated())
        co_return attempt_end{kind::to_complete, error{errc::stale, ""}};
    co_return attempt_end{};
}

awaitable<effect_runner::attempt_end> effect_runner::attempt_request(
    const held_effect& held, const effect_options& options) {
    const auto& effect = held.work.effect;
    const auto* perform = router_.performer_of(effect.message.name);
    if (perform == nullptr) {
        co_return judged(error{errc::not_found, "no performer of \"" + effect.message.name +
                                                    "\" is registered; register it with "
                                                    "runtime.perform<…>()"});
    }
    request_context context{effect.id, held.work.attempt, held.work.source, effect.trace};
    auto out = std::make_shared<std::optional<result<std::optional<encoded_message>>>>();
    auto work = perform_into(*perform, effect.message, std::move(context), out);
    co_await finish_within(shard_.world(), std::move(work), options.timeout);
    if (!out->has_value()) co_return judged(timed_out_after(options.timeout));
    auto& answered = **out;
    if (!answered) {
        // What a performer reports is about the outside world: always worth another attempt,
        // unless it says that its request can never succeed.
        auto end = judged(answered.error());
        using kind = attempt_end::kind;
        if (end.what == kind::lost || end.what == kind::not_begun) end.what = kind::failed;
        co_return end;
    }
    using kind = attempt_end::kind;
    const bool is_awaited = held.source_type->wants_answers();
    if (!is_awaited && !answered->has_value()) {
        co_return attempt_end{kind::to_complete, error{errc::stale, ""}};
    }
    auto command = is_awaited ? answer_of_request(held, *answered)
                              : held.source_type->decode_command(**answered);
    if (!command) co_return judged(command.error());
    std::vector<message_id> nothing;
    co_return co_await deliver_back(held, std::move(*command), std::move(nothing));
}

/// Refuses the send for ever under its own command id, or finds the answer it was given. Goes past
/// the target's live instance on purpose: no version changes.
awaitable<effect_runner::attempt_end> effect_runner::attempt_settle(const held_effect& held,
                                                                    const effect_options& options) {
    const auto& effect = held.work.effect;
    append_request refusal;
    refusal.stream = effect.target;
    refusal.trace = effect.trace;
    refusal.command = command_record{.scope = held.work.source.text(),
                                     .id = options.settles.to_string(),
                                     .payload_hash = payload_hash(effect.message),
                                     .outcome = answer::kind::refused,
                                     .reason = std::string{settled_reason},
                                     .message = "refused by its saga before it was decided"};
    auto batch = std::make_shared<std::vector<append_request>>();
    batch->push_back(std::move(refusal));
    auto outcomes = co_await shard_.events().append(std::move(batch));
    auto& outcome = outcomes.front();
    if (const auto* failed = std::get_if<error>(&outcome)) co_return judged(*failed);
    answer first;
    first.outcome = answer::kind::refused;
    first.stream = effect.target;
    first.reason = settled_reason;
    if (auto* known = std::get_if<append_answered>(&outcome)) first = std::move(known->first);
    std::vector<message_id> closes{options.settles};
    co_return co_await bring_answer(held, std::move(first), std::move(closes));
}

awaitable<effect_runner::attempt_end> effect_runner::attempt_timer(const held_effect& held,
                                                                   const effect_options& options) {
    const auto& work = held.work;
    auto command = held.source_type->decode_command(work.effect.message);
    if (!command) co_return judged(command.error());
    auto envelope = envelope_for(held, std::move(*command), options.timeout);
    envelope->fires.push_back({work.timer_name, work.effect.id});
    auto told = co_await router_.deliver(work.source, std::move(envelope));
    if (told.outcome.is_error()) co_return judged(told.outcome.error());
    using kind = attempt_end::kind;
    if (told.outcome.is_repeated())
        co_return attempt_end{kind::to_complete, error{errc::stale, ""}};
    co_return attempt_end{};
}

awaitable<result<std::vector<recorded_event>>> effect_runner::caused_events(const answer& first) {
    if (first.outcome == answer::kind::refused || first.first_version == first.last_version) {
        co_return std::vector<recorded_event>{};
    }
    const auto count = first.last_version.value() - first.first_version.value();
    if (count > caused_events_max) {
        co_return error{errc::too_large, "the answer of " + first.stream.text() + " has " +
                                             std::to_string(count) + " events, more than " +
                                             std::to_string(caused_events_max)};
    }
    std::vector<recorded_event> caused;
    std::size_t bytes = 0;
    while (caused.size() < count) {
        const auto after = caused.empty() ? first.first_version : caused.back().version;
        auto page = co_await shard_.events().read(first.stream, after, count - caused.size());
        if (!page) co_return page.error();
        if (page->empty()) break;
        for (auto& event : *page) {
            bytes += event.message.payload.size();
            caused.push_back(std::move(event));
        }
        if (bytes > caused_bytes_max) {
            co_return error{errc::too_large, "the events of the answer of " + first.stream.text() +
                                                 " are longer than " +
                                                 std::to_string(caused_bytes_max) + " bytes"};
        }
    }
    co_return caused;
}

awaitable<effect_runner::attempt_end> effect_runner::bring_answer(const held_effect& held,
                                                                  answer first,
                                                                  std::vector<message_id> closes) {
    auto events = co_await caused_events(first);
    if (!events) co_return judged(events.error());
    auto command = held.source_type->answer_command(held.work, first, *events);
    if (!command) co_return judged(command.error());
    co_return co_await deliver_back(held, std::move(*command), std::move(closes));
}

awaitable<effect_runner::attempt_end> effect_runner::deliver_back(
    const held_effect& held, std::unique_ptr<any_command> command, std::vector<message_id> closes) {
    auto envelope = envelope_for(held, std::move(command), shard_.options().deadline);
    const auto text = held.work.effect.id.to_string();
    envelope->id = message_id::derive({"answer", text});
    envelope->key = "answer:" + text;
    envelope->completes.push_back({held.work.effect.id, held.work.token});
    envelope->closes = std::move(closes);
    auto told = co_await router_.deliver(held.work.source, std::move(envelope));
    if (told.outcome.is_error()) co_return judged(told.outcome.error());
    using kind = attempt_end::kind;
    if (told.outcome.is_repeated())
        co_return attempt_end{kind::to_complete, error{errc::stale, ""}};
    co_return attempt_end{};
}

}  // namespace tidemark
