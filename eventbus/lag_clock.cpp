#include "tidemark/eventbus/lag_clock.hpp"

#include <algorithm>

namespace tidemark {

void lag_clock::saw(std::uint64_t end, duration now) {
    if (end < end_) looks_.clear();
    if (end == end_) return;
    end_ = end;
    if (!looks_.empty() && now - looks_.back().at < apart_) {
        looks_.back().end = end;
        return;
    }
    while (looks_.size() >= looks_max) thin_out();
    looks_.push_back({end, now});
}

/// Two that follow each other become one: as late an end, as early a time.
void lag_clock::thin_out() {
    apart_ *= 2;
    std::deque<look> kept;
    for (const auto& each : looks_) {
        if (!kept.empty() && each.at - kept.back().at < apart_) {
            kept.back().end = each.end;
        } else {
            kept.push_back(each);
        }
    }
    looks_ = std::move(kept);
}

duration lag_clock::behind(std::uint64_t next, duration now) {
    while (!looks_.empty() && looks_.front().end <= next) looks_.pop_front();
    if (looks_.empty()) {
        apart_ = closest;
        return duration{0};
    }
    return std::max(now - looks_.front().at, duration{0});
}

}  // namespace tidemark
