#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/http/header_fields.hpp"
#include "tidemark/http/problem.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tidemark::http {

class event_stream;

/// Yields the events of a streaming answer until it returns or the stream closes. Runs on the
/// server's executor; the stream outlives it. When the stream closes (the client left, was too
/// slow, or the server drains) it is cancelled: a cancellable wait ends with `operation_aborted`,
/// and `push` gives false.
using event_producer = std::function<awaitable<void>(event_stream&)>;

/// What an action answers. The server adds Content-Length, Date, X-Request-ID and the security
/// headers that the action did not set itself.
struct response {
    int status = 200;
    /// Empty means the answer has no Content-Type.
    std::string content_type;
    header_fields headers;
    std::string body;
    /// If set, the answer is this problem: status, body and content type are taken from it.
    std::optional<problem> failure;
    /// If set, the answer is an endless event stream and `body` is not sent.
    event_producer events;
};

/// An answer with a JSON body, which is sent as it stands.
[[nodiscard]] response json(int status, std::string body);
/// An answer in plain UTF-8 text.
[[nodiscard]] response text(int status, std::string body);
/// 204.
[[nodiscard]] response no_content();
/// The answer that tells a problem.
[[nodiscard]] response refuse(problem p);
/// An answer of server-sent events (status 200), written as `producer` yields them.
[[nodiscard]] response stream(event_producer producer);

}  // namespace tidemark::http
