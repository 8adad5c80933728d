#include "tidemark/sagas/saga_view.hpp"

#include "tidemark/codec/json_codec.hpp"
#include "tidemark/runtime/effect_options.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace tidemark {

namespace {

constexpr std::size_t page_events = 1000;

using saga_event = std::variant<saga_input, saga_step, saga_step_outcome, saga_timer, saga_status>;

/// A later word about a step is one that its state does not contradict: late answers of an ended
/// saga are stored as well.
bool can_follow(step_state from, step_state to) {
    const bool is_answer = to == step_state::succeeded || to == step_state::refused;
    if (!is_answer) return true;
    return from == step_state::sent || from == step_state::settling || from == step_state::assumed;
}

std::string title_of(const saga_view::step_line& step) {
    return step.name.empty() ? step.command : step.name;
}

}  // namespace

saga_view_builder::saga_view_builder(stream_id stream) {
    view_.saga = stream.category();
    view_.stream = std::move(stream);
}

result<void> saga_view_builder::add(const recorded_event& event) {
    auto decoded = decode_variant<saga_event>(event.message.name, event.message.payload);
    if (!decoded && view_.version == version{} && decoded.error().code() == errc::unknown_message) {
        return error{errc::invalid_argument, "stream " + event.stream.text() +
                                                 " is not that of a saga: it begins with " +
                                                 event.message.name + "; saga ls lists sagas"};
    }
    if (!decoded) return with_location(decoded.error(), event.stream, event.version);
    if (view_.version == version{}) {
        view_.started_at = event.recorded_at;
        view_.correlation = event.trace.correlation;
    }
    view_.version = event.version;
    view_.updated_at = event.recorded_at;
    saga_view::timeline_line line{event.version, event.recorded_at, {}, {}, {}};
    std::visit([&](const auto& e) { take(e, line); }, *decoded);
    if (view_.timeline.size() == timeline_lines_max) view_.timeline.erase(view_.timeline.begin());
    view_.timeline.push_back(std::move(line));
    return {};
}

void saga_view_builder::take(const saga_input& heard, saga_view::timeline_line& line) {
    line.kind = "input";
    line.name = heard.name;
    if (!heard.timer.empty()) {
        line.text = "timer " + heard.timer + " fired";
        std::erase_if(view_.timers, [&](const auto& t) { return t.name == heard.timer; });
    } else if (!heard.source.empty()) {
        line.text = "answer of " + heard.source;
        if (!heard.step.empty()) line.text += " to " + heard.step;
    } else {
        line.text = "command " + heard.command.to_string();
    }
    if (heard.use == input_use::held) line.text += ", held while settling";
    if (heard.use == input_use::passed_over) line.text += ", passed over while undoing";
}

void saga_view_builder::take(const saga_step& step, saga_view::timeline_line& line) {
    saga_view::step_line out;
    out.index = view_.steps.size();
    out.kind = step.kind;
    out.name = step.name;
    out.command = step.command.name;
    out.target = step.target;
    out.state = step.is_parting ? step_state::held : step_state::sent;
    out.is_pivot = step.is_pivot;
    if (step.undo && !step.is_parting) out.undo = step.undo->name;
    out.sent_at = line.at;
    out.effect = step.effect;
    line.kind = "step";
    line.name = title_of(out);
    line.text = out.command + (step.is_parting ? " held until the failure is certain" : " sent");
    if (!step.target.empty()) line.text += " to " + step.target;
    view_.steps.push_back(std::move(out));
}

void saga_view_builder::take(const saga_step_outcome& moved, saga_view::timeline_line& line) {
    line.kind = "step";
    line.text = to_string(moved.state);
    if (!moved.work_name.empty()) line.text += ": " + moved.work_name;
    if (!moved.reason.empty()) line.text += ": " + moved.reason;
    auto* step = step_of(moved.effect);
    if (step == nullptr) {
        line.name = moved.effect.to_string();
        return;
    }
    line.name = title_of(*step);
    if (!can_follow(step->state, moved.state)) return;
    step->state = moved.state;
    if (!moved.reason.empty()) step->reason = moved.reason;
    switch (moved.state) {
        case step_state::succeeded:
        case step_state::refused:
        case step_state::settled_refused:
            step->answered_at = line.at;
            break;
        case step_state::sent:  // a held one: from now on it is known by what carries it
            step->sent_at = line.at;
            step->effect = moved.work;
            break;
        case step_state::undo_sent:
            step->undo_effect = moved.work;
            break;
        default:
            break;
    }
}

void saga_view_builder::take(const saga_timer& timer, saga_view::timeline_line& line) {
    line.kind = "timer";
    line.name = timer.name;
    line.text = timer.due ? "due " + to_text(*timer.due) : "cancelled";
    std::erase_if(view_.timers, [&](const auto& t) { return t.name == timer.name; });
    if (timer.due) view_.timers.push_back({timer.name, *timer.due});
}

void saga_view_builder::take(const saga_status& status, saga_view::timeline_line& line) {
    line.kind = "status";
    line.name = to_string(status.state);
    line.text = status.reason;
    view_.state = status.state;
    view_.reason = status.state == saga_phase::running ? std::string{} : status.reason;
    if (is_final(status.state)) view_.timers.clear();
}

saga_view::step_line* saga_view_builder::step_of(message_id effect) {
    const auto found = std::ranges::find_if(
        view_.steps, [&](const auto& s) { return s.effect == effect || s.undo_effect == effect; });
    return found == view_.steps.end() ? nullptr : &*found;
}

void saga_view_builder::add(const claimed_effect& pending) {
    auto id = pending.effect.id;
    if (pending.effect.kind == effect_kind::settle) {
        const auto options = decode_effect_options(pending.effect.options);
        if (options) id = options->settles;
    }
    if (auto* step = step_of(id); step != nullptr) {
        step->attempts = std::max(step->attempts, pending.attempt);
    }
}

awaitable<result<saga_view>> view_saga(storage& events, stream_id stream) {
    saga_view_builder builder{stream};
    version at;
    for (;;) {
        auto page = co_await events.read(stream, at, page_events);
        if (!page) co_return page.error();
        for (const auto& event : *page) {
            auto added = builder.add(event);
            if (!added) co_return added.error();
            at = event.version;
        }
        if (!is_full_page(*page, page_events)) break;
    }
    if (at == version{}) {
        co_return error{errc::not_found, "stream " + stream.text() + " has no events"};
    }
    auto pending = co_await events.pending(stream);
    if (!pending) co_return pending.error();
    for (const auto& effect : *pending) builder.add(effect);
    co_return builder.finish();
}

}  // namespace tidemark
