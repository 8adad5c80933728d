#include "tidemark/eventbus/relay_fsm.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace tidemark {

relay_action::any relay_fsm::start() { return load(); }

relay_action::any relay_fsm::load() {
    if (is_stopping_) return end();
    page_.clear();
    in_flight_.clear();
    must_renew_ = must_wait_ = false;
    park_reason_.reset();
    phase_ = phase::loading;
    return relay_action::load{};
}

relay_action::any relay_fsm::loaded(const checkpoint& stored, const checkpoint& log) {
    stored_ = stored;
    seen_ = reached_ = stored.position;
    unsaved_ = 0;
    must_save_ = false;
    if (stored.incarnation != log.incarnation) {
        return park(
            "the checkpoint was taken from log " + stored.incarnation.to_string() +
            " but this log is " + log.incarnation.to_string() +
            "; restore that log, or erase the checkpoint to publish this one from the start");
    }
    if (stored.position > log.position) {
        return park("the checkpoint stands at position " + std::to_string(stored.position.value()) +
                    " but the log ends at " + std::to_string(log.position.value()) +
                    ": it was restored from a time before; restore a newer one, or erase the "
                    "checkpoint to publish this one from the start");
    }
    return read();
}

relay_action::any relay_fsm::held_elsewhere() {
    if (is_stopping_) return end();
    failures_ = 0;
    phase_ = phase::standing_by;
    return relay_action::stand_by{};
}

relay_action::any relay_fsm::read() {
    if (is_stopping_) return end();
    page_.clear();
    is_at_end_ = false;
    phase_ = phase::reading;
    return relay_action::read{reached_};
}

relay_action::any relay_fsm::failed(const error& why) {
    if (why.code() == errc::stale) {
        after_wait_ = phase::loading;
        return back_off();
    }
    if (!why.is_retryable()) return park(std::string{to_string(why.code())} + ": " + why.message());
    after_wait_ = phase_;
    return back_off();
}

relay_action::any relay_fsm::arrived(std::vector<relay_entry> page, position seen) {
    failures_ = 0;
    if (is_stopping_) return save_or_go_on();
    seen_ = std::max(seen, reached_);
    page_.clear();
    for (auto& each : page) {
        const auto state = each.wanted ? fate::open : fate::done;
        page_.push_back({std::move(each), state});
    }
    if (!is_page_done()) return publish();
    is_at_end_ = seen_ == reached_;
    pass_decided();
    return save_or_go_on();
}

relay_action::any relay_fsm::idle() {
    phase_ = phase::waiting;
    return relay_action::idle{};
}

relay_action::any relay_fsm::publish() {
    in_flight_.clear();
    relay_action::publish next;
    for (std::size_t i = 0; i < page_.size(); ++i) {
        if (page_[i].state == fate::done) continue;
        in_flight_.push_back(i);
        next.events.push_back(page_[i].entry.at);
        if (std::exchange(page_[i].was_sent, true)) ++repeated_;
    }
    phase_ = phase::publishing;
    return next;
}

relay_action::any relay_fsm::reported(const std::vector<delivery_report>& reports) {
    for (std::size_t i = 0; i < in_flight_.size(); ++i) {
        const auto outcome = i < reports.size() ? reports[i].outcome : delivery::possibly_persisted;
        auto& each = page_[in_flight_[i]];
        if (outcome == delivery::persisted) {
            each.state = fate::done;
            continue;
        }
        must_wait_ = true;
        must_renew_ = must_renew_ || outcome == delivery::fatal;
        if (outcome == delivery::refused && !park_reason_) {
            park_reason_ = "the bus refused the event at position " +
                           std::to_string(each.entry.at.value()) + " (key " + each.entry.key +
                           "): " + reports[i].reason;
        }
    }
    in_flight_.clear();
    if (!must_wait_) failures_ = 0;
    reopen_followers();
    pass_decided();
    return save_or_go_on();
}

/// Behind what is on the bus nothing is looked at again.
void relay_fsm::pass_decided() {
    const auto to = decided();
    unsaved_ += std::erase_if(page_, [to](const item& each) { return each.entry.at <= to; });
    reached_ = to;
}

bool relay_fsm::must_advance() const {
    if (reached_ == stored_.position) return false;
    // Whatever else happens, it does not publish again what is there.
    const auto is_troubled = must_wait_ || must_renew_ || park_reason_.has_value();
    return is_troubled || must_save_ || is_stopping_ || unsaved_ >= unsaved_max_;
}

relay_action::any relay_fsm::save_or_go_on() { return must_advance() ? advance() : go_on(); }

void relay_fsm::reopen_followers() {
    std::set<std::string_view> late;
    bool all = false;
    for (auto& each : page_) {
        if (!each.entry.wanted) continue;
        if (each.state == fate::open) {
            late.insert(each.entry.key);
            all = all || must_renew_;
        } else if (all || late.contains(each.entry.key)) {
            each.state = fate::open;
        }
    }
}

position relay_fsm::decided() const {
    auto last = reached_;
    for (const auto& each : page_) {
        if (each.state == fate::open) return last;
        last = each.entry.at;
    }
    return std::max(last, seen_);
}

bool relay_fsm::is_page_done() const {
    for (const auto& each : page_) {
        if (each.state == fate::open) return false;
    }
    return true;
}

relay_action::any relay_fsm::advance() {
    target_ = reached_;
    phase_ = phase::advancing;
    return relay_action::advance{stored_, {target_, stored_.incarnation}};
}

relay_action::any relay_fsm::advanced() {
    stored_.position = target_;
    unsaved_ = 0;
    must_save_ = false;
    return go_on();
}

relay_action::any relay_fsm::go_on() {
    if (is_stopping_) return end();
    if (park_reason_) return park(*std::exchange(park_reason_, std::nullopt));
    if (std::exchange(must_renew_, false)) {
        phase_ = phase::renewing;
        return relay_action::renew{};
    }
    if (std::exchange(must_wait_, false)) {
        after_wait_ = phase::publishing;
        return back_off();
    }
    if (!is_page_done()) return publish();
    return is_at_end_ ? idle() : read();
}

relay_action::any relay_fsm::renewed() {
    if (is_stopping_) return end();
    must_wait_ = false;
    after_wait_ = phase::publishing;
    return back_off();
}

relay_action::any relay_fsm::back_off() {
    if (is_stopping_) return end();
    ++failures_;
    phase_ = phase::backing_off;
    return relay_action::back_off{failures_};
}

relay_action::any relay_fsm::park(std::string reason) {
    if (is_stopping_) return end();
    may_resume_ = false;
    phase_ = phase::parked;
    return relay_action::park{std::move(reason)};
}

relay_action::any relay_fsm::waited() {
    if (is_stopping_ && phase_ == phase::waiting && must_advance()) return advance();
    if (is_stopping_) return end();
    if (phase_ == phase::parked) {
        if (may_resume_) return load();
        return relay_action::park{{}};
    }
    if (phase_ == phase::waiting) return read();
    if (phase_ == phase::standing_by) return load();
    switch (after_wait_) {
        case phase::reading:
            return read();
        case phase::publishing:
            return publish();
        case phase::advancing:
            return advance();
        default:
            return load();
    }
}

relay_action::any relay_fsm::end() {
    phase_ = phase::stopped;
    return relay_action::stop{};
}

}  // namespace tidemark
