#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/core/describe.hpp"
#include "tidemark/core/error.hpp"
#include "tidemark/eventstore/read_model.hpp"
#include "tidemark/observability/catalog.hpp"
#include "tidemark/runtime/projection_type.hpp"
#include "tidemark/sagas/saga_events.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tidemark {

class runtime;

/// The projection behind the functions below, and its read model.
inline constexpr std::string_view saga_list_name = "tidemark.sagas.v1";

/// One saga in a list.
struct saga_summary {
    std::string stream;
    /// The category.
    std::string saga;
    saga_phase state{};
    /// Why it fails, failed or is stuck; empty while it runs.
    std::string reason;
    tidemark::instant started_at{};
    /// When it was last told something.
    tidemark::instant updated_at{};
    tidemark::version version;
};
TIDEMARK_STRUCT(saga_summary, stream, saga, state, reason, started_at, updated_at, version)

/// How many sagas of one kind stand where.
struct saga_counts {
    std::string saga;
    std::uint64_t running = 0;
    std::uint64_t compensating = 0;
    std::uint64_t completed = 0;
    std::uint64_t failed = 0;
    std::uint64_t stuck = 0;
};
TIDEMARK_STRUCT(saga_counts, saga, running, compensating, completed, failed, stuck)

/// Registers the list of all sagas whose stores are registered by now; without any it does nothing.
/// Before `start`.
void project_sagas(runtime& on);

/// The projection itself, over the streams of these categories. `metrics` (may be null, outlives
/// it) is told where sagas stand, how long they took and what they undid: what this process
/// projects, a rebuild included.
[[nodiscard]] std::unique_ptr<projection_type> make_saga_list(std::vector<std::string> categories,
                                                              const runtime_metrics* metrics);

struct saga_query {
    std::optional<saga_phase> state;
    /// A category; empty: all.
    std::string saga;
    /// Only streams after this text: the cursor of pages.
    std::string after;
    std::size_t limit = 100;
};
/// Sagas in the order of their streams' text, found by index. As fresh as the projection.
[[nodiscard]] awaitable<result<std::vector<saga_summary>>> list_sagas(read_model_store& from,
                                                                      saga_query query);
/// In the order of the categories; a category without sagas is left out.
[[nodiscard]] awaitable<result<std::vector<saga_counts>>> count_sagas(read_model_store& from);

}  // namespace tidemark
