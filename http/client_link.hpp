#pragma once

#include "tidemark/http/client.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/system/error_code.hpp>

#include <string>

namespace tidemark::http {

/// One connection of a client and what was read ahead on it.
struct client_link {
    explicit client_link(const executor& on) : stream{on} {}

    /// False once the server has closed it or has sent what nobody asked for.
    [[nodiscard]] bool is_fresh();

    boost::beast::tcp_stream stream;
    boost::beast::flat_buffer buffer;
    /// "host:port" it is connected to.
    std::string authority;
    /// Taken from the idle ones, so that the server may be about to close it.
    bool is_reused = false;
};

/// Request line, headers and blank line.
[[nodiscard]] std::string outgoing_head(const outgoing& o, const url& to);

/// What went wrong, for the caller. `has_sent`: the server may have got the request.
[[nodiscard]] error link_error(const outgoing& o, const boost::system::error_code& ec,
                               bool has_sent);

/// Connects to the URL's host within `allowed`.
[[nodiscard]] awaitable<boost::system::error_code> connect(client_link& link, const url& to,
                                                           duration allowed);

}  // namespace tidemark::http
