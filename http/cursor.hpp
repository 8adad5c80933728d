#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tidemark::http {

/// Where a page of a list ended, as callers hand it back: text for a query that says nothing of the
/// key it was made from, so that nobody builds one by hand.
[[nodiscard]] std::string to_cursor(std::string_view key);

/// The key of a cursor; nothing for a text that `to_cursor` never makes.
[[nodiscard]] std::optional<std::string> parse_cursor(std::string_view text);

}  // namespace tidemark::http
