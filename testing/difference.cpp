#include "tidemark/testing/difference.hpp"

#include <algorithm>
#include <cstddef>
#include <ostream>

namespace tidemark::testing {
namespace {

using lines = std::vector<std::string>;
using table = std::vector<std::vector<std::size_t>>;

/// Length of the longest common subsequence of the rests of both lists.
table shared_lengths(const lines& a, const lines& b) {
    table lengths(a.size() + 1, std::vector<std::size_t>(b.size() + 1, 0));
    for (auto i = a.size(); i-- > 0;) {
        for (auto j = b.size(); j-- > 0;) {
            lengths[i][j] = a[i] == b[j] ? lengths[i + 1][j + 1] + 1
                                         : std::max(lengths[i + 1][j], lengths[i][j + 1]);
        }
    }
    return lengths;
}

}  // namespace

std::string joined(const lines& all) {
    if (all.empty()) return "nothing";
    std::string text;
    for (const auto& line : all) text += (text.empty() ? "" : "\n") + line;
    return text;
}

std::string difference(const lines& expected, const lines& actual) {
    const auto shared = shared_lengths(expected, actual);
    std::string text = "(- expected, + actual)";
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < expected.size() || j < actual.size()) {
        if (i < expected.size() && j < actual.size() && expected[i] == actual[j]) {
            text += "\n    " + expected[i++];
            ++j;
        } else if (i < expected.size() &&
                   (j == actual.size() || shared[i + 1][j] >= shared[i][j + 1])) {
            text += "\n  - " + expected[i++];
        } else {
            text += "\n  + " + actual[j++];
        }
    }
    if (expected.empty()) text += "\n  - nothing";
    if (actual.empty()) text += "\n  + nothing";
    return text;
}

std::ostream& print_text(std::ostream& out, const std::string& text) { return out << text; }

}  // namespace tidemark::testing
