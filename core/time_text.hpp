#pragma once

#include "tidemark/core/version.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace tidemark {

/// ISO 8601 in UTC with microseconds: "2024-05-01T09:30:00.000000Z". Years outside 0000 to 9999
/// are written with a sign and six digits, as ECMAScript does.
[[nodiscard]] std::string to_text(instant at);

/// Reads what `to_text` writes; the fraction may be absent or have one to six digits. Nothing for
/// any other text, for a date that does not exist and beyond the range of `instant`.
[[nodiscard]] std::optional<instant> parse_instant(std::string_view text);

}  // namespace tidemark
