#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// What the JSON reader and writer know about text: which bytes stand for themselves, what is
/// valid UTF-8, how a byte sequence is shown in an error.
namespace tidemark::json_text {

/// How many bytes at the start of `text` are ASCII and mean themselves inside a JSON string: no
/// control character, no quote, no backslash. Eight bytes a step.
[[nodiscard]] std::size_t plain_prefix(std::string_view text);

/// Length of the UTF-8 sequence at the start of `text`: 1 to 4; 0 if `text` is empty or starts
/// with bytes that are not UTF-8 (overlong, a surrogate, beyond U+10FFFF, cut short).
[[nodiscard]] std::size_t utf8_length(std::string_view text);

/// True if all of `text` is UTF-8.
[[nodiscard]] bool is_utf8(std::string_view text);

/// Appends `code_point` (not a surrogate, at most U+10FFFF) as UTF-8.
void append_utf8(std::string& out, std::uint32_t code_point);

/// Appends `text` as a JSON string with its quotes. Escapes the quote, the backslash and control
/// characters, nothing else, so that equal text has equal bytes. Returns false, with an unfinished
/// string appended, if `text` is not UTF-8.
[[nodiscard]] bool append_quoted(std::string& out, std::string_view text);

/// `text` fit for an error message: at most `bytes_max` bytes cut at a character, "…" where
/// something was cut, control characters and bytes that are not UTF-8 as \xNN.
[[nodiscard]] std::string excerpt(std::string_view text, std::size_t bytes_max = 40);

}  // namespace tidemark::json_text
