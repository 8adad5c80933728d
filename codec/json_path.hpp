#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tidemark {

/// The path ("$.items[1].qty") of the value that starts at, or was about to start at, `offset` of
/// `text`. Everything before `offset` must be the beginning of a JSON document. Paths are worked
/// out only when something is wrong, so that reading and writing need not keep track of them.
[[nodiscard]] std::string json_path(std::string_view text, std::size_t offset);

/// Appends one member name to a path: `.name` for names like identifiers, otherwise `["name"]`,
/// shortened if very long.
void append_json_path(std::string& path, std::string_view name);

}  // namespace tidemark
