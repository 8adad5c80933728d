#include "tidemark/runtime/nearest.hpp"

#include <algorithm>
#include <vector>

namespace tidemark {
namespace {

/// Edits between two words, a swap of neighbours being one (optimal string alignment).
std::size_t edits(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> cost(a.size() + 1,
                                               std::vector<std::size_t>(b.size() + 1));
    for (auto i = std::size_t{0}; i <= a.size(); ++i) {
        for (auto j = std::size_t{0}; j <= b.size(); ++j) {
            if (i == 0 || j == 0) {
                cost[i][j] = i + j;
                continue;
            }
            const auto replaced = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U);
            cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replaced});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
            }
        }
    }
    return cost[a.size()][b.size()];
}

}  // namespace

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
    constexpr std::size_t word_size_max = 128;  // the table is quadratic
    if (word.size() > word_size_max) return std::nullopt;
    auto best = std::max<std::size_t>(1, word.size() / 3) + 1;
    std::optional<std::string> out;
    for (const auto& candidate : candidates) {
        if (candidate.size() > word_size_max) continue;
        if (const auto distance = edits(word, candidate); distance < best) {
            best = distance;
            out = candidate;
        }
    }
    return out;
}

}  // namespace tidemark
