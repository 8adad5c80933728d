#pragma once

#include "tidemark/eventbus/event_bus.hpp"
#include "tidemark/eventbus/lag_clock.hpp"
#include "tidemark/observability/catalog.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tidemark {

/// How far a consumer is behind in each partition it reads, shown in its metrics: messages that
/// have not taken effect, and for how long the oldest of them has been known to be there
/// (`lag_clock`). A partition that is no longer read shows 0. Belongs to one consumer.
class consumer_lag {
  public:
    consumer_lag(std::string topic, std::string group, const runtime_metrics& metrics);

    /// `holds_batch`: what the last poll brought has not taken effect.
    void look(const std::vector<event_bus::consumer::place>& places, bool holds_batch,
              duration now);
    /// The greatest of all partitions at the last look.
    [[nodiscard]] double seconds() const { return seconds_; }

  private:
    struct partition {
        lag_clock clock;
        metrics::gauge messages;
        metrics::gauge seconds;
    };
    [[nodiscard]] partition& find(std::uint64_t number);
    void forget_all_but(const std::vector<event_bus::consumer::place>& places);

    const std::string topic_;
    const std::string group_;
    const metrics::gauge_family messages_;
    const metrics::gauge_family seconds_by_;
    std::map<std::uint64_t, partition> partitions_;
    double seconds_ = 0;
};

}  // namespace tidemark
