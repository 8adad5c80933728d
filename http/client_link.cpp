#include "tidemark/http/client_link.hpp"

#include <sys/socket.h>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>

#include <charconv>
#include <vector>

namespace tidemark::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;

namespace {

error bad_url(std::string_view text, std::string_view why) {
    return {errc::bad_setting, "URL \"" + std::string{text} + "\" " + std::string{why} +
                                   "; write it like http://127.0.0.1:8080/path"};
}

bool is_clean(std::string_view text) {
    for (const auto c : text) {
        if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return false;
    }
    return true;
}

/// Sets port and host from "host", "host:port" or "[address]:port".
bool take_authority(std::string_view text, url& out) {
    const auto bracket = text.find(']');
    const auto colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
    auto host = text.substr(0, colon);
    if (bracket != std::string_view::npos) {
        if (text.front() != '[' || host.size() != bracket + 1) return false;
        host = host.substr(1, bracket - 1);
    }
    out.host = host;
    if (host.empty() || host.find('@') != std::string_view::npos) return false;
    if (colon == std::string_view::npos) return true;
    const auto port = text.substr(colon + 1);
    const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    return ec == std::errc{} && end == port.data() + port.size() && out.port > 0;
}

bool is_repeatable_unsent(const boost::system::error_code& ec) {
    return ec == asio::error::connection_refused || ec == asio::error::host_unreachable ||
           ec == asio::error::network_unreachable || ec == asio::error::host_not_found;
}

awaitable<std::vector<tcp::endpoint>> resolve(const url& to, const executor& on,
                                              boost::system::error_code& ec) {
    std::vector<tcp::endpoint> out;
    const auto host = to.host == "localhost" ? std::string{"127.0.0.1"} : to.host;
    const auto address = asio::ip::make_address(host, ec);
    if (!ec) {
        out.emplace_back(address, to.port);
        co_return out;
    }
    tcp::resolver resolver{on};
    const auto port = std::to_string(to.port);
    const auto found = co_await resolver.async_resolve(
        to.host, port, asio::redirect_error(asio::use_awaitable, ec));
    for (const auto& entry : found) out.push_back(entry.endpoint());
    co_return out;
}

}  // namespace

std::string url::authority() const {
    const auto is_v6 = host.find(':') != std::string::npos;
    return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

result<url> parse_url(std::string_view text) {
    constexpr std::string_view scheme = "http://";
    if (text.starts_with("https://")) return bad_url(text, "asks for TLS, which is not built in");
    if (!text.starts_with(scheme) || !is_clean(text)) return bad_url(text, "is not a plain URL");
    auto rest = text.substr(scheme.size());
    const auto slash = rest.find_first_of("/?");
    url out;
    if (!take_authority(rest.substr(0, slash), out)) return bad_url(text, "has no valid host");
    if (slash != std::string_view::npos) {
        rest.remove_prefix(slash);
        rest = rest.substr(0, rest.find('#'));
        out.target = (rest.front() == '?' ? "/" : "") + std::string{rest};
    }
    return out;
}

bool client_link::is_fresh() {
    char byte = 0;
    const auto got = ::recv(stream.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

std::string outgoing_head(const outgoing& o, const url& to) {
    std::string out{to_string(o.method)};
    out += " " + to.target + " HTTP/1.1\r\nHost: " + to.authority() + "\r\n";
    for (const auto& [name, value] : o.headers) out += name + ": " + value + "\r\n";
    const auto may_have_body =
        o.method == method::post || o.method == method::put || o.method == method::patch;
    if (may_have_body || !o.body.empty()) {
        out += "Content-Length: " + std::to_string(o.body.size()) + "\r\n";
    }
    out += "\r\n";
    return out;
}

error link_error(const outgoing& o, const boost::system::error_code& ec, bool has_sent) {
    const auto what = std::string{to_string(o.method)} + " " + o.url + ": " + ec.message();
    if (ec == beast::http::error::body_limit) {
        return {errc::too_large, what + "; the answer is larger than the client takes"};
    }
    const auto is_http =
        ec.category() == make_error_code(beast::http::error::bad_version).category();
    if (is_http && ec != beast::http::error::end_of_stream &&
        ec != beast::http::error::partial_message) {
        return {errc::io_error, what + "; is this an HTTP server?"};
    }
    if (has_sent && (o.method == method::post || o.method == method::patch)) {
        return {errc::unknown_outcome, what +
                                           "; it may have been carried out: repeat it under the "
                                           "same Idempotency-Key"};
    }
    if (ec == beast::error::timeout) return {errc::timed_out, what + "; try again"};
    return {errc::unavailable,
            what + (is_repeatable_unsent(ec) ? "; is the server running there?" : "; try again")};
}

awaitable<boost::system::error_code> connect(client_link& link, const url& to, duration allowed) {
    boost::system::error_code ec;
    link.authority = to.authority();
    const auto endpoints = co_await resolve(to, link.stream.get_executor(), ec);
    if (ec) co_return ec;
    link.stream.expires_after(allowed);
    co_await link.stream.async_connect(endpoints, asio::redirect_error(asio::use_awaitable, ec));
    if (!ec) link.stream.socket().set_option(tcp::no_delay{true}, ec);
    co_return ec;
}

}  // namespace tidemark::http
