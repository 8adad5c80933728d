#pragma once

#include "tidemark/cli/app.hpp"
#include "tidemark/cli/output.hpp"
#include "tidemark/runtime/settings.hpp"

#include <string>
#include <vector>

namespace tidemark::cli {

/// One line of `check` and `bus check`.
struct finding {
    std::string name;
    bool is_ok = true;
    std::string seen;
    /// What to do if it is not ok.
    std::string fix;
};

/// Prints them; `failed` if one is bad.
[[nodiscard]] exit_code report(const output& out, const std::vector<finding>& found);

/// What the database says about itself: server, schema, and who holds readers back. For a
/// "postgres:" URL.
[[nodiscard]] std::vector<finding> check_postgres(const settings& values);

}  // namespace tidemark::cli
