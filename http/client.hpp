#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/core/error.hpp"
#include "tidemark/http/header_fields.hpp"
#include "tidemark/http/request.hpp"
#include "tidemark/http/sse.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tidemark::http {

/// An `http://` URL, taken apart.
struct url {
    /// Name or address; an IPv6 address without its brackets.
    std::string host;
    std::uint16_t port = 80;
    /// Path and query as they are sent, at least "/".
    std::string target = "/";
    /// "host:port", as sent in Host.
    [[nodiscard]] std::string authority() const;
};

/// `bad_setting` for anything but "http://host[:port][/path][?query]": https needs a proxy.
[[nodiscard]] result<url> parse_url(std::string_view text);

/// A request as a client sends it. Host and Content-Length are added.
struct outgoing {
    http::method method = http::method::get;
    std::string url;
    header_fields headers;
    std::string body;
    /// For connecting, sending and receiving together; nothing takes the client's.
    std::optional<duration> timeout;
};

/// What the server answered, whatever its status.
struct reply {
    int status = 0;
    header_fields headers;
    std::string body;
};

struct client_options {
    duration connect_timeout = std::chrono::seconds{2};
    duration timeout = std::chrono::seconds{10};
    /// A larger answer is `too_large`.
    std::size_t body_bytes_max = 8 * 1024 * 1024;
    /// Idle connections kept for the next request; more are closed.
    std::size_t idle_connections_max = 32;
    /// An event stream that is silent for longer is taken for dead.
    duration silence_max = std::chrono::seconds{45};
};

/// Server-sent events as they arrive. Lives on the client's executor; closes when destroyed.
class event_source {
  public:
    struct state;
    explicit event_source(std::unique_ptr<state> opened);
    event_source(event_source&&) noexcept;
    event_source& operator=(event_source&&) noexcept;
    ~event_source();

    /// The next event; nothing when the server ended the stream. An error when the connection broke
    /// or stayed silent: connect again with `last_id`. One caller at a time.
    [[nodiscard]] awaitable<result<std::optional<sse_event>>> next();
    /// What to send as `Last-Event-ID`.
    [[nodiscard]] const std::string& last_id() const;

  private:
    std::unique_ptr<state> state_;
};

/// A plain HTTP/1.1 client with kept-alive connections. Lives on one executor that runs one thing
/// at a time; outlives its calls. As many connections as there are calls at a time.
///
/// Errors: `bad_setting` (URL), `unavailable` (not connected, nothing was sent), `timed_out`,
/// `too_large`, `io_error` (the answer is not HTTP); `unknown_outcome` when a POST or PATCH was
/// sent and no answer came. A kept connection that the server closed in the meantime is replaced
/// once, unseen, where repeating is harmless: a method that may be repeated, or an Idempotency-Key.
class client {
  public:
    client(execution& world, executor on, client_options options = {});
    client(const client&) = delete;
    client& operator=(const client&) = delete;
    ~client();

    [[nodiscard]] awaitable<result<reply>> fetch(outgoing o);
    /// Opens an event stream. `not_found` or `unavailable`, with the body's text, if the answer is
    /// not 200.
    [[nodiscard]] awaitable<result<event_source>> follow(outgoing o);

  private:
    struct state;
    std::unique_ptr<state> state_;
};

/// The client for command line tools: a thread of its own, calls that block. Not for use on a
/// shard.
class blocking_client {
  public:
    explicit blocking_client(client_options options = {});
    ~blocking_client();

    [[nodiscard]] result<reply> fetch(outgoing o);
    /// Hands every event to `take` until that says false or the stream ends.
    [[nodiscard]] result<void> follow(outgoing o, std::function<bool(const sse_event&)> take);

  private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace tidemark::http
