#include "tidemark/eventbus/consumer_lag.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace tidemark {

consumer_lag::consumer_lag(std::string topic, std::string group, const runtime_metrics& metrics)
    : topic_{std::move(topic)},
      group_{std::move(group)},
      messages_{metrics.bus_consumer_lag_messages},
      seconds_by_{metrics.bus_consumer_lag} {}

void consumer_lag::look(const std::vector<event_bus::consumer::place>& places, bool holds_batch,
                        duration now) {
    forget_all_but(places);
    seconds_ = 0;
    for (const auto& each : places) {
        auto& known = find(each.partition);
        const auto taken = holds_batch ? each.begun : each.next;
        known.clock.saw(each.end, now);
        const std::chrono::duration<double> behind = known.clock.behind(taken, now);
        known.messages.set(static_cast<double>(each.end - std::min(taken, each.end)));
        known.seconds.set(behind.count());
        seconds_ = std::max(seconds_, behind.count());
    }
}

consumer_lag::partition& consumer_lag::find(std::uint64_t number) {
    const auto found = partitions_.find(number);
    if (found != partitions_.end()) return found->second;
    const auto name = std::to_string(number);
    partition fresh{
        {}, messages_.with({topic_, group_, name}), seconds_by_.with({topic_, group_, name})};
    return partitions_.emplace(number, std::move(fresh)).first->second;
}

/// Whoever reads them now knows how far behind they are.
void consumer_lag::forget_all_but(const std::vector<event_bus::consumer::place>& places) {
    std::erase_if(partitions_, [&places](const auto& known) {
        const auto& [number, shown] = known;
        if (std::ranges::find(places, number, &event_bus::consumer::place::partition) !=
            places.end()) {
            return false;
        }
        shown.messages.set(0);
        shown.seconds.set(0);
        return true;
    });
}

}  // namespace tidemark
