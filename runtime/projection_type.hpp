#pragma once

#include "tidemark/core/error.hpp"
#include "tidemark/eventstore/projection_store.hpp"
#include "tidemark/eventstore/recorded_event.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

/// A projection, type-erased. Stateless, lives as long as the runtime. Exceptions of user code do
/// not leave it, unless they come out of a database of its own.
class projection_type {
  public:
    virtual ~projection_type() = default;
    [[nodiscard]] virtual std::string_view name() const = 0;
    /// Categories it hears; others, saga streams among them, are passed over.
    [[nodiscard]] virtual const std::vector<std::string>& sources() const = 0;
    /// What it writes to: "documents", or the `projection_store::kind` it needs.
    [[nodiscard]] virtual std::string_view rows_kind() const { return "documents"; }
    /// Called once per transaction before the first event: makes what is not there yet.
    virtual void prepare(projection_rows& /*rows*/) const {}
    /// `rows` is of `rows_kind`. The storage's own exceptions may leave it: the transaction decides
    /// what they mean.
    [[nodiscard]] virtual result<void> project(projection_rows& rows,
                                               const recorded_event& event) const = 0;
    /// Whether `project` has a type for an event of this name, of one of its sources.
    [[nodiscard]] virtual bool knows(const recorded_event& event) const = 0;
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
    /// Idle look for events of other processes, and for what operators said to them.
    duration poll = std::chrono::seconds{1};
    /// Where it writes; null: documents in the event store. Outlives the runtime.
    projection_store* into = nullptr;
};

/// How a projection is doing, for operators.
struct projection_status {
    std::string name;
    /// "starting", "running", "rebuilding", "retrying", "paused", "stopped".
    std::string state;
    tidemark::position position;
    /// Last position of the log that was seen when it read last.
    tidemark::position horizon;
    /// Positions between its own and the horizon; 0 if no event stands there.
    std::uint64_t lag_events = 0;
    /// Age of the oldest event that it has not seen.
    double lag_seconds = 0;
    /// Events in "<name>.parked".
    std::uint64_t parked = 0;
    /// While it is rebuilt: how far the new model is.
    tidemark::position rebuilt;
    /// Why it retries, or who paused it and why.
    std::string reason;
};

}  // namespace tidemark
