#pragma once

#include <string>
#include <string_view>

namespace tidemark {

/// The text with what PostgreSQL cannot keep (bytes that are not UTF-8, zeros) replaced by '?':
/// errors of user code come with any bytes, and parking an effect must not fail for them.
[[nodiscard]] std::string storable_text(std::string_view text);

}  // namespace tidemark
