#pragma once

#include "tidemark/core/error.hpp"
#include "tidemark/eventstore/read_model.hpp"
#include "tidemark/eventstore/recorded_event.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

/// A projection, type-erased. Stateless, lives as long as the runtime. Exceptions of user code do
/// not leave it.
class projection_type {
  public:
    virtual ~projection_type() = default;
    [[nodiscard]] virtual std::string_view name() const = 0;
    /// Categories it hears; others, saga streams among them, are passed over.
    [[nodiscard]] virtual const std::vector<std::string>& sources() const = 0;
    [[nodiscard]] virtual result<void> project(read_model& model,
                                               const recorded_event& event) const = 0;
    /// The same projection for a replay beside the live one, telling nobody (no metrics) what it
    /// does. Null: this one already does nothing but write documents.
    [[nodiscard]] virtual std::unique_ptr<projection_type> unobserved() const { return nullptr; }
};

/// Whether the event stands in a category that the projection listens to.
[[nodiscard]] inline bool hears(const projection_type& type, const recorded_event& event) {
    const auto category = event.stream.category();
    return std::ranges::any_of(type.sources(), [&](const auto& one) { return one == category; });
}

/// What becomes of an event that a projection throws at.
enum class projection_failure : std::uint8_t {
    /// The projection stops there, loudly, and tries again with growing pauses.
    stop,
    /// The event is parked in the collection "<name>.parked" and the projection goes on.
    park,
};

struct projection_options {
    projection_failure on_failure = projection_failure::stop;
    /// Events in one transaction.
    std::size_t batch_max = 500;
    /// Attempts at one event before it is parked (`park`); `stop` never gives up.
    std::uint32_t attempts_max = 5;
    duration retry_first = std::chrono::milliseconds{100};
    duration retry_cap = std::chrono::seconds{30};
    /// Idle look for events of other processes.
    duration poll = std::chrono::seconds{1};
};

/// How a projection is doing, for operators.
struct projection_status {
    std::string name;
    /// "starting", "running", "rebuilding", "retrying", "stopped".
    std::string state;
    tidemark::position position;
    /// Last position of the log that was seen when it read last.
    tidemark::position horizon;
    double lag_seconds = 0;
    std::uint64_t parked = 0;
    std::string reason;
};

}  // namespace tidemark
