#pragma once

#include "tidemark/cli/app.hpp"
#include "tidemark/core/error.hpp"

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark::cli {

/// Ends a verb: what is wrong, where it came from, what to do, and the exit code. Printed once, by
/// `main`.
class failure : public std::runtime_error {
  public:
    struct text {
        /// "CLI-003"; explained by `explain`.
        std::string code;
        std::string what;
        std::string from;
        std::string fix;
    };
    failure(exit_code code, text said);

    [[nodiscard]] exit_code code() const { return code_; }
    [[nodiscard]] const text& said() const { return said_; }
    /// As `what()`, naming the program that the user ran instead of "tidemark".
    [[nodiscard]] std::string told_by(std::string_view program) const;

  private:
    exit_code code_;
    text said_;
};

/// What is told of a stored message that this program cannot read; `what` names it.
[[nodiscard]] failure undecodable(const std::string& what, const std::string& from);

/// The failure of an error of the machinery.
[[nodiscard]] failure to_failure(const error& why, const std::string& from);

/// What a code of the command line or the configuration means; nothing for an unknown one.
[[nodiscard]] std::optional<std::string_view> explain_code(std::string_view code);
[[nodiscard]] std::vector<std::string> all_codes();

}  // namespace tidemark::cli
