#include "tidemark/eventbus/consumer_fsm.hpp"

#include <string>
#include <utility>

namespace tidemark {

consumer_action::any consumer_fsm::start() {
    if (is_stopping_) return end();
    phase_ = phase::opening;
    return consumer_action::open{};
}

consumer_action::any consumer_fsm::opened() {
    failures_ = 0;
    must_tend_ = true;
    return go_on();
}

consumer_action::any consumer_fsm::polled(std::size_t messages, std::size_t limit) {
    failures_ = 0;
    if (std::exchange(must_repeat_commit_, false)) ++uncommitted_;
    messages_ += messages;
    must_commit_ = must_commit_ || messages == 0 || messages_ >= limit * batches_max_;
    if (messages == 0) return go_on();
    has_batch_ = true;
    was_fetched_ = false;
    phase_ = phase::storing;
    return consumer_action::store{};
}

consumer_action::any consumer_fsm::stored(bool is_waiting) {
    failures_ = 0;
    // What was not stored was not committed either: it comes again.
    if (is_waiting && is_stopping_ && was_fetched_) return end();
    if (is_waiting) {
        phase_ = phase::fetching;
        return consumer_action::fetch{};
    }
    has_batch_ = false;
    ++uncommitted_;
    return go_on();
}

consumer_action::any consumer_fsm::fetched() {
    failures_ = 0;
    was_fetched_ = true;
    phase_ = phase::storing;
    return consumer_action::store{};
}

consumer_action::any consumer_fsm::committed() {
    uncommitted_ = 0;
    messages_ = 0;
    must_commit_ = false;
    return go_on();
}

consumer_action::any consumer_fsm::not_committed() {
    // Also after a rebalance: what was polled behind it is not committed by this one.
    must_repeat_commit_ = true;
    uncommitted_ = 0;
    messages_ = 0;
    must_commit_ = false;
    if (is_stopping_) return end();
    return go_on();
}

consumer_action::any consumer_fsm::tended() {
    failures_ = 0;
    return go_on();
}

/// What an operator has resumed goes before the batch at hand, which may wait for its room.
consumer_action::any consumer_fsm::go_on() {
    if (has_batch_ && (is_stopping_ || !must_tend_)) {
        phase_ = phase::storing;
        return consumer_action::store{};
    }
    // A commit is of all that was polled: the batch at hand would be committed with it.
    if (!has_batch_ && uncommitted_ > 0 && (must_commit_ || is_stopping_)) {
        phase_ = phase::committing;
        return consumer_action::commit{};
    }
    must_commit_ = must_commit_ && has_batch_;
    if (is_stopping_) return end();
    if (std::exchange(must_tend_, false)) {
        phase_ = phase::tending;
        return consumer_action::tend{};
    }
    phase_ = phase::polling;
    return consumer_action::poll{};
}

consumer_action::any consumer_fsm::failed(const error& why) {
    failed_ = phase_;
    // What the bus says passes: topics appear, brokers come back.
    const auto is_bus = phase_ == phase::polling;
    if (why.code() == errc::stale && !is_bus) failed_ = phase::opening;
    if (is_stopping_) return end();
    if (!is_bus && !why.is_retryable() && why.code() != errc::stale) {
        may_resume_ = false;
        phase_ = phase::parked;
        return consumer_action::park{std::string{to_string(why.code())} + ": " + why.message()};
    }
    ++failures_;
    phase_ = phase::backing_off;
    return consumer_action::back_off{failures_};
}

consumer_action::any consumer_fsm::waited() {
    if (is_stopping_) return end();
    if (phase_ == phase::parked && !may_resume_) return consumer_action::park{{}};
    return repeat();
}

consumer_action::any consumer_fsm::repeat() {
    if (failed_ == phase::opening) return start();
    if (failed_ == phase::tending) must_tend_ = true;
    return go_on();
}

consumer_action::any consumer_fsm::end() {
    phase_ = phase::stopped;
    return consumer_action::stop{};
}

}  // namespace tidemark
