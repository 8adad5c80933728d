#include "tidemark/sagas/saga_decision.hpp"

#include "tidemark/codec/json_codec.hpp"
#include "tidemark/runtime/plan.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>

namespace tidemark {

namespace {

/// As the step itself, but without an end: what must happen for the saga to end is tried for ever,
/// at the cap.
effect_options compensation_options(const saga_step& step) {
    auto stored = decode_effect_options(step.options);
    effect_options out = stored ? *stored : effect_options{};
    out.attempts = std::numeric_limits<std::uint32_t>::max();
    return out;
}

saga_message text_of(const any_message& message) {
    auto encoded = encode(message);
    return {std::move(encoded.name), std::move(encoded.payload)};
}

std::optional<saga_message> text_of(const std::optional<any_message>& message) {
    if (!message) return std::nullopt;
    return text_of(*message);
}

stream_id stream_of(std::string_view text) { return stream_id::parse(text).value_or(stream_id{}); }

std::string reason_of(const saga_answer& given) {
    if (!given.is_refused) return {};
    return given.message.empty() ? given.reason : given.reason + ": " + given.message;
}

/// The step that ends the saga, if there is one: the first counts.
const step* ending_of(const std::vector<step>& steps) {
    const auto found = std::ranges::find_if(steps, [](const step& one) {
        return std::holds_alternative<complete_step>(one) || std::holds_alternative<fail_step>(one);
    });
    return found == steps.end() ? nullptr : &*found;
}

}  // namespace

saga_decision::saga_decision(saga_state& state, const saga_code& code, const context& given)
    : state_{state}, code_{code}, given_{given}, seeds_{given.seed} {}

result<void> saga_decision::take(const saga_command& unit) {
    return std::visit([this](const auto& given) { return take(given); }, unit.what());
}

decided saga_decision::finish() {
    if (state_.has_ended() && has_changed_) out_.timers_set.clear();
    return std::move(out_);
}

std::optional<refusal> saga_decision::objection(const plain_input& given, bool is_timer) const {
    if (is_timer) return std::nullopt;
    const auto name = "input " + given.message.name;
    if (!state_.has_begun) {
        if (given.begins) return std::nullopt;
        return refusal{"saga_not_started",
                       name + " came before the input that starts the saga; send that first"};
    }
    if (state_.has_ended()) {
        return refusal{"saga_has_ended", name + " came after the saga had " +
                                             std::string{to_string(state_.fsm.phase())}};
    }
    if (given.begins) {
        return refusal{"saga_already_started",
                       name + " starts a saga, and this one runs; use another id"};
    }
    const bool is_undoing = state_.fsm.phase() != saga_phase::running && !state_.fsm.is_settling();
    if (is_undoing || state_.held.size() >= held_inputs_max) {
        return refusal{"saga_is_compensating", name + " came while the saga undoes what it did (" +
                                                   state_.fsm.reason() + ")"};
    }
    return std::nullopt;
}

result<void> saga_decision::take(const plain_input& given) {
    const auto timer = state_.timer_of(given_.command);
    if (auto no = objection(given, !timer.empty())) {
        out_.refused = std::move(*no);
        return {};
    }
    saga_input input;
    input.name = given.message.name;
    input.payload = given.message.payload;
    input.command = given_.command;
    input.timer = timer;
    if (!timer.empty()) input.source = given_.stream.text();
    return hear(std::move(input), false);
}

result<void> saga_decision::take(const saga_answer& given) {
    if (!state_.has_begun) return {};
    const auto* answered = state_.fsm.find(given.effect);
    if (answered != nullptr && !answered->step.is_parting) {
        return take_step_answer(given, *answered);
    }
    if (const auto* worked = state_.fsm.find_work(given.effect); worked != nullptr) {
        take_work_answer(given, *worked);
        return {};
    }
    // Nobody waits for it any more; operators still see how the step ended.
    if (state_.has_ended()) {
        emit(saga_step_outcome{given.effect,
                               given.is_refused ? step_state::refused : step_state::succeeded,
                               {},
                               {},
                               reason_of(given)});
    }
    return {};
}

result<void> saga_decision::take_step_answer(const saga_answer& given,
                                             const tracked_step& answered) {
    const auto step_name = answered.step.name;
    const auto changes = given.is_refused
                             ? state_.fsm.refused(given.effect, reason_of(given), given.is_settled)
                             : state_.fsm.succeeded(given.effect);
    if (changes.empty()) return {};
    has_changed_ = true;
    auto carried = carry_out(changes);
    if (!carried) return carried;
    for (const auto& one : given.inputs) {
        saga_input input;
        input.name = one.message.name;
        input.payload = one.message.payload;
        input.source = given.source.text();
        input.source_version = one.version;
        input.command = given.effect;
        input.step = step_name;
        auto heard = hear(std::move(input), true);
        if (!heard) return heard;
    }
    return {};
}

/// Of an undo or of a parting step: for the machine alone, never for `react`.
void saga_decision::take_work_answer(const saga_answer& given, const tracked_step& worked) {
    const auto effect = worked.step.effect;
    saga_changes changes;
    if (worked.step.is_parting) {
        changes = given.is_refused ? state_.fsm.refused(effect, reason_of(given))
                                   : state_.fsm.succeeded(effect);
    } else {
        changes = given.is_refused ? state_.fsm.undo_refused(effect, reason_of(given))
                                   : state_.fsm.undo_succeeded(effect);
    }
    if (changes.empty()) return;
    has_changed_ = true;
    (void)carry_out(changes);  // an undo never brings a saga back, so no user code runs
}

result<void> saga_decision::take(const saga_resume& given) {
    const auto by =
        (given.skip ? "passed over by " : "resumed by ") + given.actor + ": " + given.reason;
    const auto changes = state_.fsm.resume(given.skip, by);
    if (changes.empty()) {
        out_.refused = refusal{"saga_has_nothing_to_resume",
                               "the saga is " + std::string{to_string(state_.fsm.phase())} +
                                   " and waits for no operator"};
        return {};
    }
    has_changed_ = true;
    return carry_out(changes);
}

result<void> saga_decision::hear(saga_input input, bool is_answer) {
    if (state_.has_ended()) return {};
    if (state_.fsm.phase() == saga_phase::running) {
        return react(input);
    }
    const bool is_kept =
        state_.fsm.is_settling() && (is_answer || state_.held.size() < held_inputs_max);
    input.use = is_kept ? input_use::held : input_use::passed_over;
    emit(input);
    state_.apply(input);
    return {};
}

result<void> saga_decision::react(const saga_input& input) {
    const auto context = context_of(input);
    emit(input);
    state_.apply(input);
    auto steps = code_.react(*state_.user, {input.name, input.payload}, context);
    if (!steps) return steps.error();
    return carry_out(*steps);
}

result<void> saga_decision::carry_out(const std::vector<step>& steps) {
    const auto* ending = ending_of(steps);
    if (ending != nullptr) {
        if (const auto* failing = std::get_if<fail_step>(ending)) {
            fail(steps, failing->reason);
            return {};
        }
    }
    for (const auto& one : steps) {
        if (const auto* sent = std::get_if<send_step>(&one)) plan(*sent, false);
        if (const auto* asked = std::get_if<request_step>(&one)) plan(*asked, false);
        if (const auto* timer = std::get_if<schedule_effect>(&one)) plan(*timer);
        if (const auto* ended = std::get_if<cancel_effect>(&one)) plan(*ended);
    }
    if (ending == nullptr) return {};
    return carry_out(state_.fsm.complete());
}

void saga_decision::fail(const std::vector<step>& steps, std::string_view reason) {
    if (!state_.fsm.is_forward_only()) {
        for (const auto& one : steps) {
            if (const auto* sent = std::get_if<send_step>(&one)) plan(*sent, true);
            if (const auto* asked = std::get_if<request_step>(&one)) plan(*asked, true);
        }
    }
    (void)carry_out(state_.fsm.fail(reason));  // never brings the saga back: no user code runs
}

result<void> saga_decision::carry_out(const saga_changes& changes) {
    bool is_back = false;
    for (const auto& one : changes) {
        if (const auto* moved = std::get_if<step_change>(&one)) {
            record(*moved);
        } else {
            const auto& phase = std::get<phase_change>(one);
            is_back = is_back || phase.to == saga_phase::running;
            record(phase);
        }
    }
    if (is_back) {
        state_.fsm.forget();
        return hear_held();
    }
    if (state_.has_ended()) {
        for (const auto& [name, timer] : state_.timers) out_.timers_cancelled.push_back(name);
    }
    state_.forget();
    return {};
}

/// A pivot has brought the saga back: it hears what it was kept from.
result<void> saga_decision::hear_held() {
    const auto held = std::exchange(state_.held, {});
    for (const auto& input : held) {
        const saga_message message{input.name, input.payload};
        if (state_.fsm.phase() != saga_phase::running) {
            auto evolved = code_.evolve(*state_.user, message);
            if (!evolved) return evolved.error();
            continue;
        }
        auto steps = code_.react(*state_.user, message, context_of(input));
        if (!steps) return steps.error();
        auto carried = carry_out(*steps);
        if (!carried) return carried;
    }
    return {};
}

void saga_decision::record(const phase_change& change) {
    emit(saga_status{change.to, change.reason});
}

void saga_decision::record(const step_change& change) {
    saga_step_outcome out{change.effect, change.to, {}, {}, change.reason};
    if (const auto* tracked = state_.fsm.find(change.effect); tracked != nullptr) {
        work_on(tracked->step, out);
    }
    emit(out);
    if (!out.work.is_none()) state_.fsm.work_is(change.effect, out.work);
}

/// Does what the step's coming to stand elsewhere asks for.
void saga_decision::work_on(const saga_step& moved, saga_step_outcome& out) {
    const auto kind = moved.kind == step_kind::send ? effect_kind::send : effect_kind::request;
    if (out.state == step_state::settling) {
        auto options = compensation_options(moved);
        options.settles = moved.effect;
        add_effect(effect_kind::settle, moved.target, moved.command, encode_options(options));
    } else if (out.state == step_state::undo_sent) {
        out.work = add_effect(kind, moved.target, *moved.undo,
                              encode_options(compensation_options(moved)));
        out.work_name = moved.undo->name;
    } else if (out.state == step_state::sent) {
        out.work = add_effect(kind, moved.target, moved.command, moved.options);
        out.work_name = moved.command.name;
    } else if (out.state == step_state::assumed && moved.kind == step_kind::request) {
        out_.closes.push_back(moved.effect);
    }
}

void saga_decision::plan(const send_step& s, bool is_parting) {
    effect_options options;
    options.step = s.name;
    saga_step out;
    out.kind = step_kind::send;
    out.target = s.send.target.text();
    out.command = text_of(s.send.command);
    out.undo = text_of(s.undo);
    out.is_pivot = s.is_pivot;
    out.is_parting = is_parting;
    out.name = s.name;
    out.options = encode_options(options);
    plan(std::move(out));
}

void saga_decision::plan(const request_step& s, bool is_parting) {
    auto options = options_of(s.request.options);
    options.step = s.name;
    saga_step out;
    out.kind = step_kind::request;
    out.command = text_of(s.request.value);
    out.undo = text_of(s.undo);
    out.is_pivot = s.is_pivot;
    out.is_parting = is_parting;
    out.name = s.name;
    out.options = encode_options(options);
    plan(std::move(out));
    if (!is_parting) out_.effects.back().sequence_key = s.request.options.sequence_key;
}

void saga_decision::plan(saga_step recorded) {
    if (recorded.is_parting) {
        recorded.effect = next_effect();
        ++next_index_;  // its name is taken; the effect gets another when it is sent
    } else {
        recorded.effect =
            add_effect(recorded.kind == step_kind::send ? effect_kind::send : effect_kind::request,
                       recorded.target, recorded.command, recorded.options);
    }
    emit(recorded);
    state_.fsm.sent(std::move(recorded));
}

void saga_decision::plan(const schedule_effect& timer) {
    const auto* after = std::get_if<duration>(&timer.when);
    const auto due = after != nullptr ? given_.now + *after : std::get<instant>(timer.when);
    std::erase_if(out_.timers_set, [&](const auto& set) { return set.name == timer.name; });
    out_.timers_set.push_back({timer.name, due, encode(timer.command), {}});
    const saga_timer set{timer.name, due,
                         timer_generation(given_.stream, timer.name, given_.command)};
    emit(set);
    state_.apply(set);
}

void saga_decision::plan(const cancel_effect& ended) {
    std::erase_if(out_.timers_set, [&](const auto& set) { return set.name == ended.name; });
    out_.timers_cancelled.push_back(ended.name);
    if (!state_.timers.contains(ended.name)) return;
    const saga_timer cancelled{ended.name, std::nullopt, {}};
    emit(cancelled);
    state_.apply(cancelled);
}

message_id saga_decision::add_effect(effect_kind kind, std::string_view target,
                                     const saga_message& message, std::string options) {
    const auto id = next_effect();
    planned_effect planned;
    planned.kind = kind;
    planned.target = stream_of(target);
    planned.message = {message.name, message.payload};
    planned.index = next_index_++;
    planned.options = std::move(options);
    out_.effects.push_back(std::move(planned));
    return id;
}

message_id saga_decision::next_effect() const {
    return effect_key(given_.stream, given_.command, given_.version, next_index_);
}

template <class Event>
void saga_decision::emit(const Event& event) {
    has_changed_ = true;
    out_.events.push_back(encode(event));
}

version saga_decision::current_version() const { return given_.version.next(out_.events.size()); }

step_context saga_decision::context_of(const saga_input& input) {
    step_context out;
    out.now = given_.now;
    out.stream = given_.stream;
    out.version = current_version();
    out.source = stream_of(input.source);
    out.step = input.step;
    out.command = input.command;
    out.correlation = given_.correlation;
    out.seed = seeds_.next();
    return out;
}

}  // namespace tidemark
