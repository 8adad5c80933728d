#pragma once

#include <string>
#include <string_view>

namespace tidemark::http {

/// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD, so that
/// the outcome is always valid JSON.
void append_json_string(std::string& out, std::string_view text);

/// Appends `"name":"value"`, preceded by a comma unless `out` ends in an opening brace.
void append_json_member(std::string& out, std::string_view name, std::string_view value);

}  // namespace tidemark::http
