#pragma once

#include "tidemark/core/ids.hpp"
#include "tidemark/eventbus/relay.hpp"
#include "tidemark/runtime/projection_type.hpp"
#include "tidemark/runtime/stream_type.hpp"
#include "tidemark/testing/simulated_bus.hpp"
#include "tidemark/testing/simulated_client.hpp"
#include "tidemark/testing/simulated_database.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tidemark::testing {

/// A promise that was not kept: which judge says so, and of what.
struct violation {
    std::string judge;
    std::string text;
};

/// What the judges know of the domain.
struct judged_types {
    std::map<std::string, std::unique_ptr<stream_type>, std::less<>> streams;
    std::vector<std::unique_ptr<projection_type>> projections;
    std::vector<relay_options> relays;
};

/// All events, committed, in the order of their positions.
[[nodiscard]] std::vector<recorded_event> events_of(const simulated_database& database);
/// All events of a stream, committed, in order.
[[nodiscard]] std::vector<recorded_event> events_of(const simulated_database& database,
                                                    const stream_id& stream);
/// Ids of all streams, in the order of their text.
[[nodiscard]] std::vector<stream_id> streams_of(const simulated_database& database,
                                                const std::string& prefix);

// Each looks at a world at rest and answers the first thing that is wrong, or nothing.

/// "answers": every command was told one thing, the same every time, and its answer is stored.
[[nodiscard]] std::optional<violation> judge_answers(
    const simulated_database& database, const std::deque<simulated_operation>& operations);
/// "versions": positions grow with the versions of a stream; what one command caused stands
/// together, once, exactly where its answer says.
[[nodiscard]] std::optional<violation> judge_versions(
    const simulated_database& database, const std::deque<simulated_operation>& operations);
/// "decisions": every answer is what the rules decide on the state that the stream had then.
[[nodiscard]] std::optional<violation> judge_decisions(
    const simulated_database& database, const judged_types& types,
    const std::deque<simulated_operation>& operations);
/// "projections": every read model is the fold of the log.
[[nodiscard]] std::optional<violation> judge_projections(const simulated_database& database,
                                                         const judged_types& types);
/// "sagas": every saga has completed or failed.
[[nodiscard]] std::optional<violation> judge_sagas(const simulated_database& database,
                                                   const judged_types& types);

/// "deliveries": what a relay lets through arrived in the order of its stream, nothing left out;
/// some of it maybe again.
[[nodiscard]] std::optional<violation> judge_order(const simulated_bus& bus,
                                                   const relay_options& relay,
                                                   const simulated_database& database);
/// Events that a relay has still to bring to the bus.
[[nodiscard]] std::uint64_t missing_deliveries(const simulated_bus& bus, const relay_options& relay,
                                               const simulated_database& database);

}  // namespace tidemark::testing
