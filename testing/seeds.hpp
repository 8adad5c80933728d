#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace tidemark::testing {

/// The seed asked for on the command line (`--seed=N`) or by the environment (`TIDEMARK_SEED`), the
/// command line first. Throws `std::invalid_argument` if it is no number.
[[nodiscard]] std::optional<std::uint64_t> asked_seed();

/// The seeds a property is tried with: 1 to `count`, or to `TIDEMARK_SEEDS` if that is set; only
/// the one that `asked_seed` names, if any.
[[nodiscard]] std::vector<std::uint64_t> seeds(std::size_t count);

}  // namespace tidemark::testing
