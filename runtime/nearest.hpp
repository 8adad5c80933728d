#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tidemark {

/// The candidate a mistyped word was probably meant to be: the one with the fewest inserted,
/// deleted, replaced or swapped letters, at most a third of the word (and at least one) of them.
/// Nothing if none is that close; of several equally close ones the first.
[[nodiscard]] std::optional<std::string> nearest(std::string_view word,
                                                 std::span<const std::string> candidates);

}  // namespace tidemark
