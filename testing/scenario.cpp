#include "tidemark/testing/scenario.hpp"

namespace tidemark::testing::detail {

stream_id scenario_stream(std::string_view category) { return {category, "scenario"}; }

context context_at(std::string_view category, std::uint64_t version) {
    return {.now = scenario_start,
            .stream = scenario_stream(category),
            .version = tidemark::version{version},
            .command = message_id::derive({"scenario", "command"}),
            .causation = message_id::derive({"scenario", "causation"}),
            .correlation = message_id::derive({"scenario", "correlation"}),
            .seed = 1};
}

step_context step_context_at(std::string_view category, std::uint64_t version) {
    return {.now = scenario_start,
            .stream = scenario_stream(category),
            .version = tidemark::version{version},
            .source = {},
            .command = message_id::derive({"scenario", "command"}),
            .correlation = message_id::derive({"scenario", "correlation"}),
            .seed = 1};
}

}  // namespace tidemark::testing::detail
