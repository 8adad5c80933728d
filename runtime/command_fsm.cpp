#include "tidemark/runtime/command_fsm.hpp"

#include "tidemark/core/assert.hpp"

#include <array>
#include <ostream>
#include <string_view>

namespace tidemark {

command_fsm::action command_fsm::go(state next, action what) {
    state_ = next;
    return what;
}

command_fsm::action command_fsm::conflicted() {
    ++conflicts_;
    if (options_.caller_expects || conflicts_ >= options_.attempts_max) {
        return go(state::done, action::reply_conflict);
    }
    return go(state::waiting, action::reload);
}

command_fsm::action command_fsm::step(input in) {
    switch (state_) {
        case state::waiting:
            return on_waiting(in);
        case state::loading:
            return on_loading(in);
        case state::deciding:
            return on_deciding(in);
        case state::appending:
        case state::unknown:
            return on_sent(in);
        case state::held:
            return on_held(in);
        case state::resolving:
            return on_resolving(in);
        case state::done:
            break;
    }
    TIDEMARK_ASSERT(state_ != state::done, "an answered command takes no input");
    return action::none;
}

command_fsm::action command_fsm::on_waiting(input in) {
    switch (in) {
        case input::begin_cold:
            return go(state::loading, action::load);
        case input::begin_warm:
            return go(state::deciding, action::decide);
        case input::deadline_passed:
            return go(state::done, action::reply_timed_out);
        case input::failed:
            return go(state::done, action::reply_failed);
        case input::answered:
            return go(state::done, action::reply_answered);
        case input::conflict:
            return go(state::done, action::reply_conflict);
        default:
            break;
    }
    TIDEMARK_ASSERT(false, "impossible input of a waiting command");
    return action::none;
}

command_fsm::action command_fsm::on_loading(input in) {
    switch (in) {
        case input::loaded:
            return go(state::deciding, action::decide);
        case input::load_failed:
            return go(state::done, action::reply_failed);
        case input::deadline_passed:
            return go(state::done, action::reply_timed_out);
        default:
            break;
    }
    TIDEMARK_ASSERT(false, "impossible input of a loading command");
    return action::none;
}

command_fsm::action command_fsm::on_deciding(input in) {
    switch (in) {
        case input::decided_something:
            return go(state::appending, action::append);
        case input::decided_nothing:
            return go(state::held, action::hold);
        case input::decide_failed:
            return go(state::done, action::reply_failed);
        case input::deadline_passed:
            return go(state::done, action::reply_timed_out);
        default:
            break;
    }
    TIDEMARK_ASSERT(false, "impossible input of a command being decided");
    return action::none;
}

command_fsm::action command_fsm::on_sent(input in) {
    switch (in) {
        case input::committed:
            return go(state::done, action::reply_committed);
        case input::conflict:
            return conflicted();
        case input::answered:
            return go(state::done, action::reply_answered);
        case input::stale:
            return go(state::done, action::reply_stale);
        case input::failed:
            return go(state::done, action::reply_failed);
        case input::outcome_unknown:
            return go(state::unknown, action::append_again);
        case input::undone:
            return go(state::waiting, action::reload);
        case input::deadline_passed:
            return go(state::resolving, action::reply_unknown);
        default:
            break;
    }
    TIDEMARK_ASSERT(false, "impossible input of a command that was sent");
    return action::none;
}

command_fsm::action command_fsm::on_held(input in) {
    switch (in) {
        case input::released:
            return go(state::done, action::reply_decided);
        case input::undone:
            return go(state::waiting, action::reload);
        case input::deadline_passed:
            return go(state::done, action::reply_timed_out);
        default:
            break;
    }
    TIDEMARK_ASSERT(false, "impossible input of a held command");
    return action::none;
}

command_fsm::action command_fsm::on_resolving(input in) {
    switch (in) {
        case input::outcome_unknown:
            return action::append_again;
        case input::deadline_passed:
            return action::none;
        case input::committed:
        case input::conflict:
        case input::answered:
        case input::stale:
        case input::failed:
        case input::undone:
            return go(state::done, action::none);
        default:
            break;
    }
    TIDEMARK_ASSERT(false, "impossible input of a command being resolved");
    return action::none;
}

std::ostream& operator<<(std::ostream& out, command_fsm::state s) {
    constexpr std::array<std::string_view, 8> names{"waiting", "loading", "deciding",  "appending",
                                                    "held",    "unknown", "resolving", "done"};
    return out << names[static_cast<std::size_t>(s)];
}

std::ostream& operator<<(std::ostream& out, command_fsm::action a) {
    constexpr std::array<std::string_view, 15> names{
        "none",           "load",        "decide",          "append",          "hold",
        "append_again",   "reload",      "reply_committed", "reply_decided",   "reply_answered",
        "reply_conflict", "reply_stale", "reply_failed",    "reply_timed_out", "reply_unknown"};
    return out << names[static_cast<std::size_t>(a)];
}

std::ostream& operator<<(std::ostream& out, command_fsm::input in) {
    constexpr std::array<std::string_view, 16> names{
        "begin_cold",        "begin_warm",      "loaded",        "load_failed",
        "decided_something", "decided_nothing", "decide_failed", "committed",
        "conflict",          "answered",        "stale",         "failed",
        "outcome_unknown",   "released",        "undone",        "deadline_passed"};
    return out << names[static_cast<std::size_t>(in)];
}

}  // namespace tidemark
