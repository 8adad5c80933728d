#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/core/error.hpp"
#include "tidemark/http/event_stream.hpp"
#include "tidemark/http/head_scanner.hpp"
#include "tidemark/http/router.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tidemark::http {

/// Where a server listens.
struct listen_address {
    /// A numeric IPv4 or IPv6 address.
    std::string address = "127.0.0.1";
    /// 0 takes any free port; `server::port` tells which.
    std::uint16_t port = 0;
    /// The setting an error message names as the remedy.
    std::string flag = "--port";
};

/// What a client may use up. Every number has a documented answer when it is reached.
struct server_limits {
    /// 414 and 431.
    head_limits head;
    /// 413, decided on Content-Length before any of the body is read.
    std::size_t body_bytes_max = 256 * 1024;
    /// From the first byte of a request to the end of its head: 408.
    duration header_timeout = std::chrono::seconds{5};
    /// From the end of the head to the end of the body: 408.
    duration body_timeout = std::chrono::seconds{15};
    /// Between two requests: the connection is closed.
    duration idle_timeout = std::chrono::seconds{60};
    /// For one answer, or one piece of an event stream, to be taken: the connection is closed.
    duration write_timeout = std::chrono::seconds{15};
    /// How long the rest of a refused request is read and dropped, so that its sender can read the
    /// answer before the connection is reset.
    duration linger_timeout = std::chrono::seconds{1};
    /// `request::deadline`, from the end of the head. The server does not enforce it: actions pass
    /// it on.
    duration request_timeout = std::chrono::seconds{30};
    /// The last one is answered with `Connection: close`.
    std::size_t requests_per_connection_max = 1000;
    /// One more is told 503 and closed.
    std::size_t connections_max = 10'000;
    /// Requests inside actions; one more is answered 429 with `Retry-After`.
    std::size_t requests_max = 1000;
    /// Event streams; one more is answered 429 with `Retry-After`.
    std::size_t streams_max = 256;
    event_stream_limits stream;
};

/// One answered request, for the access log and the metrics.
struct access_record {
    /// As sent; empty if the head could not be read.
    std::string_view method;
    /// Pattern of the route, "unmatched", or "unread" if the head could not be read.
    std::string_view route;
    std::string_view target;
    std::string_view request_id;
    std::string_view traceparent;
    std::string_view remote_address;
    /// Stable code of the problem that the answer is; empty if it is none.
    std::string_view code;
    /// Why the answer is an error: what the machinery said, or else what the caller is told; empty
    /// otherwise.
    std::string_view failure;
    int status = 0;
    /// From the first byte of the request to the last byte of the answer.
    duration took{};
    std::size_t bytes_received = 0;
    std::size_t bytes_sent = 0;
    bool is_stream = false;
};

struct server_options {
    listen_address listen;
    server_limits limits;
    /// Called before the routes; an answer given here is the request's answer. For checks that
    /// concern every route.
    std::function<std::optional<response>(const request&)> admit;
    /// Called once per request after its answer, refused ones included. Must not throw or block.
    std::function<void(const access_record&)> observe;
};

/// Numbers of the moment and totals since the start.
struct server_counts {
    std::size_t connections = 0;
    /// Requests inside actions, streams excluded.
    std::size_t in_flight = 0;
    std::size_t streams = 0;
    std::uint64_t connections_accepted = 0;
    std::uint64_t connections_refused = 0;
    std::uint64_t requests = 0;
    /// Requests and streams refused because of a limit.
    std::uint64_t shed = 0;
};

/// What a drain found and did.
struct drain_report {
    std::size_t idle_closed = 0;
    std::size_t requests_finished = 0;
    std::size_t streams_ended = 0;
    /// Connections that were cut because time was over.
    std::size_t connections_cut = 0;
    /// Actions that have not returned even so; drain what they wait for, then drain again.
    std::size_t left_behind = 0;
};

/// An HTTP/1.1 listener. Lives on one executor that runs one thing at a time, and is destroyed
/// after `drain` has returned with nothing left behind, or after the executor's context is gone.
class server {
  public:
    /// Listening starts with `listen`. Owns the routes. `world` outlives it.
    server(execution& world, executor on, router routes, server_options options);
    server(const server&) = delete;
    server& operator=(const server&) = delete;
    ~server();

    /// Binds and starts to accept. `io_error` names address, port and flag if the port is taken;
    /// `bad_setting` if the address is not one. Called once, from any thread.
    [[nodiscard]] result<void> listen();
    /// The bound port; 0 before `listen`.
    [[nodiscard]] std::uint16_t port() const;
    /// From any thread.
    [[nodiscard]] server_counts counts() const;

    /// Stops accepting, closes idle connections, ends streams, lets requests finish with
    /// `Connection: close`, and cuts what is left after `within`. From any executor; again later
    /// if something was left behind, never twice at a time.
    [[nodiscard]] awaitable<drain_report> drain(duration within);

  private:
    struct state;
    std::unique_ptr<state> state_;
    friend class connection;
};

}  // namespace tidemark::http
