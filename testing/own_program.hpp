#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tidemark::testing {

/// How a program ended and what it printed on its standard output.
struct program_end {
    int exit_code = -1;
    std::string output;
};

/// Runs this very program once more, with other arguments and environment variables set besides its
/// own, and waits for it. Throws `std::system_error` if the system does not let it.
[[nodiscard]] program_end run_own_program(
    const std::vector<std::string>& arguments,
    const std::vector<std::pair<std::string, std::string>>& variables = {});

}  // namespace tidemark::testing
