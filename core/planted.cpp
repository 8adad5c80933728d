#include "tidemark/core/planted.hpp"

#if defined(TIDEMARK_PLANTED_BUGS)

#include <array>
#include <cstdlib>
#include <string_view>

namespace tidemark::planted {

namespace {

constexpr std::array<std::string_view, 5> names{"expected_version_without_event_id",
                                                "refusals_not_stored", "effect_key_from_version",
                                                "undo_without_settling", "checkpoint_is_horizon"};

}  // namespace

bool is(bug which) {
    static const char* const chosen = std::getenv("TIDEMARK_PLANTED_BUG");
    return chosen != nullptr && names[static_cast<std::size_t>(which)] == chosen;
}

}  // namespace tidemark::planted

#endif
