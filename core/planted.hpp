#pragma once

#include <cstdint>

namespace tidemark::planted {

/// Bugs that the simulation must catch. Compiled in only with the build option `planted_bugs`,
/// where the environment variable `TIDEMARK_PLANTED_BUG` (its enumerator's name) turns one on;
/// otherwise `is` is constant false and the code is the correct one.
enum class bug : std::uint8_t {
    /// An append decided on tentative state names the version alone, not its predecessor's event.
    expected_version_without_event_id,
    /// A refused command under a key leaves no answer behind.
    refusals_not_stored,
    /// The key of an effect comes from the stream's version instead of the command id.
    effect_key_from_version,
    /// A failing saga sends its undos without settling what is unanswered.
    undo_without_settling,
    /// A reader checkpoints the horizon instead of the last event it saw.
    checkpoint_is_horizon,
};

#if defined(TIDEMARK_PLANTED_BUGS)
[[nodiscard]] bool is(bug which);
#else
[[nodiscard]] constexpr bool is(bug) { return false; }
#endif

}  // namespace tidemark::planted
