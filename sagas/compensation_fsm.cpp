#include "tidemark/sagas/compensation_fsm.hpp"

#include "tidemark/core/planted.hpp"

#include <algorithm>
#include <utility>

namespace tidemark {

namespace {

using state = step_state;

/// An answer still says something about the step.
bool is_open(const tracked_step& one) {
    return one.at == state::sent || one.at == state::settling || one.at == state::assumed;
}

bool is_armed(const tracked_step& one) {
    return one.step.undo && !one.step.is_parting &&
           (one.at == state::succeeded || one.at == state::assumed);
}

bool is_at(const std::vector<tracked_step>& steps, state at) {
    return std::ranges::any_of(steps, [at](const auto& one) { return one.at == at; });
}

}  // namespace

compensation_fsm compensation_fsm::restored(saga_phase phase, std::string reason,
                                            bool is_forward_only, std::vector<tracked_step> steps) {
    compensation_fsm out;
    out.phase_ = phase;
    out.reason_ = std::move(reason);
    out.is_forward_only_ = is_forward_only;
    out.steps_ = std::move(steps);
    return out;
}

void compensation_fsm::sent(saga_step step) {
    const auto at = step.is_parting ? state::held : state::sent;
    steps_.push_back({std::move(step), at, {}});
}

saga_changes compensation_fsm::succeeded(message_id effect) {
    saga_changes out;
    auto* one = lookup(effect);
    if (one == nullptr || !is_open(*one) || is_final(phase_)) return out;
    const bool decides = one->step.is_pivot && !one->step.is_parting && is_settling();
    change_step(out, *one, state::succeeded);
    if (phase_ == saga_phase::running || one->step.is_parting) return out;
    if (decides) {
        change_phase(out, saga_phase::running, "the pivot has happened");
        return out;
    }
    go_on(out);
    return out;
}

saga_changes compensation_fsm::refused(message_id effect, std::string_view reason,
                                       bool is_settled) {
    saga_changes out;
    auto* one = lookup(effect);
    if (one == nullptr || !is_open(*one) || is_final(phase_)) return out;
    change_step(out, *one, is_settled ? state::settled_refused : state::refused, reason);
    if (!one->step.is_parting) go_on(out);
    return out;
}

saga_changes compensation_fsm::fail(std::string_view reason) {
    saga_changes out;
    if (phase_ != saga_phase::running) return out;
    if (is_forward_only_) {
        change_phase(out, saga_phase::running,
                     "fail(" + std::string{reason} + ") was overruled by the pivot");
        return out;
    }
    change_phase(out, saga_phase::compensating, reason);
    const bool is_unsettled = planted::is(planted::bug::undo_without_settling);
    for (auto& one : steps_) {
        if (one.at != state::sent || one.step.kind != step_kind::send) continue;
        change_step(out, one, is_unsettled ? state::assumed : state::settling);
    }
    go_on(out);
    return out;
}

saga_changes compensation_fsm::complete() {
    saga_changes out;
    if (phase_ == saga_phase::running) change_phase(out, saga_phase::completed, {});
    return out;
}

saga_changes compensation_fsm::undo_succeeded(message_id effect) {
    saga_changes out;
    auto* one = lookup(effect);
    if (one == nullptr || one->at != state::undo_sent) return out;
    change_step(out, *one, state::undone);
    go_on(out);
    return out;
}

saga_changes compensation_fsm::undo_refused(message_id effect, std::string_view reason) {
    saga_changes out;
    auto* one = lookup(effect);
    if (one == nullptr || one->at != state::undo_sent) return out;
    change_step(out, *one, state::undo_refused, reason);
    change_phase(out, saga_phase::stuck,
                 "undo " + one->step.undo->name + " was refused: " + std::string{reason});
    return out;
}

saga_changes compensation_fsm::resume(bool skip, std::string_view by) {
    saga_changes out;
    if (phase_ != saga_phase::stuck && phase_ != saga_phase::compensating) return out;
    const auto waits = [skip](const tracked_step& one) {
        return one.at == state::undo_refused ||
               one.at == (skip ? state::undo_sent : state::settling);
    };
    if (std::ranges::none_of(steps_, waits)) return out;
    change_phase(out, saga_phase::compensating, by);
    for (auto& one : steps_) {
        if (!waits(one)) continue;
        const auto again = one.at == state::settling ? state::settling : state::undo_sent;
        change_step(out, one, skip ? state::undone : again);
    }
    go_on(out);
    return out;
}

void compensation_fsm::go_on(saga_changes& out) {
    if (phase_ != saga_phase::compensating) return;
    if (is_settling() || is_at(steps_, state::undo_sent)) return;
    unwind(out);
}

void compensation_fsm::unwind(saga_changes& out) {
    for (auto& one : steps_) {
        if (one.at == state::sent && one.step.kind == step_kind::request && !one.step.is_parting) {
            change_step(out, one, state::assumed);
        }
        if (one.at == state::held) change_step(out, one, state::sent);
    }
    const auto last = std::find_if(steps_.rbegin(), steps_.rend(), is_armed);
    if (last != steps_.rend()) {
        change_step(out, *last, state::undo_sent);
    } else {
        change_phase(out, saga_phase::failed, reason_);
    }
}

void compensation_fsm::change(saga_changes& out, saga_change one) {
    apply(one);
    out.push_back(std::move(one));
}

void compensation_fsm::change_step(saga_changes& out, const tracked_step& moved, step_state to,
                                   std::string_view reason) {
    change(out, step_change{moved.step.effect, to, std::string{reason}});
}

void compensation_fsm::change_phase(saga_changes& out, saga_phase to, std::string_view reason) {
    change(out, phase_change{to, std::string{reason}});
}

void compensation_fsm::apply(const saga_change& change) {
    if (const auto* moved = std::get_if<phase_change>(&change)) {
        if (is_final(phase_)) return;
        if (moved->to == saga_phase::running) {  // only ever because of a pivot
            is_forward_only_ = true;
            reason_.clear();
        } else if (phase_ == saga_phase::running) {
            reason_ = moved->reason;
        }
        phase_ = moved->to;
        return;
    }
    const auto& answered = std::get<step_change>(change);
    auto* one = lookup(answered.effect);
    if (one == nullptr) return;
    one->at = answered.to;
    const bool is_pivot = one->step.is_pivot && !one->step.is_parting;
    if (is_pivot && answered.to == state::succeeded && phase_ == saga_phase::running) {
        is_forward_only_ = true;
    }
}

void compensation_fsm::work_is(message_id effect, message_id work) {
    if (auto* one = lookup(effect); one != nullptr) one->work = work;
}

void compensation_fsm::forget() {
    if (is_final(phase_)) {
        steps_.clear();
        return;
    }
    const bool is_running = phase_ == saga_phase::running;
    std::erase_if(steps_, [&](const tracked_step& one) {
        switch (one.at) {
            case state::held:
                return is_running;
            case state::sent:
            case state::settling:
            case state::undo_sent:
            case state::undo_refused:
                return false;
            case state::refused:
            case state::settled_refused:
            case state::undone:
                return true;
            case state::succeeded:
                return is_forward_only_ || !is_armed(one);
            case state::assumed:
                return false;
        }
        return false;
    });
}

bool compensation_fsm::is_settling() const {
    return phase_ == saga_phase::compensating && is_at(steps_, state::settling);
}

bool compensation_fsm::is_unwinding() const {
    return is_at(steps_, state::undo_sent) || is_at(steps_, state::undo_refused);
}

const tracked_step* compensation_fsm::find(message_id effect) const {
    const auto found = std::ranges::find_if(
        steps_, [&](const tracked_step& one) { return one.step.effect == effect; });
    return found == steps_.end() ? nullptr : &*found;
}

const tracked_step* compensation_fsm::find_work(message_id work) const {
    if (work.is_none()) return nullptr;
    const auto found =
        std::ranges::find_if(steps_, [&](const tracked_step& one) { return one.work == work; });
    return found == steps_.end() ? nullptr : &*found;
}

tracked_step* compensation_fsm::lookup(message_id effect) {
    const auto found = std::ranges::find_if(
        steps_, [&](const tracked_step& one) { return one.step.effect == effect; });
    return found == steps_.end() ? nullptr : &*found;
}

}  // namespace tidemark
