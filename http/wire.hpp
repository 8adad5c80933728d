#pragma once

#include "tidemark/http/response.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidemark::http {

/// How the end of an answer is told.
enum class answer_framing {
    /// By Content-Length, or by the status for 204 and 304.
    length,
    /// By a last chunk.
    chunked,
    /// By closing the connection.
    until_close,
};

/// What the head of an answer says beside the answer itself.
struct answer_head {
    std::string_view request_id;
    /// IMF-fixdate.
    std::string_view date;
    answer_framing framing = answer_framing::length;
    bool closes = false;
};

/// Appends status line, headers and blank line. Security headers that the answer did not set are
/// added: no sniffing, no caching, no embedding, no referrer, nothing loaded.
void append_answer_head(std::string& out, const response& reply, const answer_head& head);

/// Turns a problem into body, status and content type; sets Retry-After. Does nothing else.
void settle(response& reply, const problem_place& place);

/// "Sun, 06 Nov 1994 08:49:37 GMT".
[[nodiscard]] std::string http_date(std::int64_t unix_seconds);

/// One chunk of chunked coding.
void append_chunk(std::string& out, std::string_view bytes);

}  // namespace tidemark::http
