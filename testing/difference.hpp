#pragma once

#include <iosfwd>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace tidemark::testing {

/// What `then` throws: the difference between what was expected and what came out.
class scenario_mismatch : public std::logic_error {
    using logic_error::logic_error;
};

/// The printed form of a value.
template <class T>
[[nodiscard]] std::string text_of(const T& value) {
    std::ostringstream out;
    out << value;
    return std::move(out).str();
}

/// Lines under each other; "nothing" if there are none.
[[nodiscard]] std::string joined(const std::vector<std::string>& lines);

/// Both lists under each other, line by line: "-" in front of what was expected and is not there,
/// "+" in front of what is there and was not expected; a legend above. For people.
[[nodiscard]] std::string difference(const std::vector<std::string>& expected,
                                     const std::vector<std::string>& actual);

std::ostream& print_text(std::ostream& out, const std::string& text);

}  // namespace tidemark::testing
