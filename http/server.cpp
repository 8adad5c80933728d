#include "tidemark/http/server.hpp"

#include "tidemark/async/spawn.hpp"
#include "tidemark/async/timeout.hpp"
#include "tidemark/http/connection.hpp"
#include "tidemark/http/server_state.hpp"
#include "tidemark/http/wire.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace tidemark::http {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

/// After the end of `within`, cut connections get this long to notice it.
constexpr duration cut_grace = std::chrono::seconds{1};
/// When descriptors run out, accepting again at once would spin.
constexpr duration accept_pause = std::chrono::milliseconds{50};

error cannot_listen(const listen_address& at, std::string_view why) {
    return {errc::io_error, "cannot listen on " + at.address + ":" + std::to_string(at.port) +
                                ": " + std::string{why} + "; choose another with " + at.flag};
}

std::string text_of(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "something that is not a std::exception";
    }
}

}  // namespace

server::server(execution& world, executor on, router routes, server_options options)
    : state_{std::make_unique<state>(world, std::move(on), std::move(routes), std::move(options))} {
}

server::~server() = default;

result<void> server::listen() {
    const auto& at = state_->options.listen;
    boost::system::error_code ec;
    const auto address = asio::ip::make_address(at.address, ec);
    if (ec) {
        return error{errc::bad_setting, "listen address \"" + at.address +
                                            "\" is not a numeric IP address; use 127.0.0.1 or ::1"};
    }
    const tcp::endpoint endpoint{address, at.port};
    auto& acceptor = state_->acceptor;
    if (acceptor.open(endpoint.protocol(), ec); ec) return cannot_listen(at, ec.message());
    if (acceptor.set_option(tcp::acceptor::reuse_address{true}, ec); ec) {
        return cannot_listen(at, ec.message());
    }
    if (acceptor.bind(endpoint, ec); ec) return cannot_listen(at, ec.message());
    if (acceptor.listen(asio::socket_base::max_listen_connections, ec); ec) {
        return cannot_listen(at, ec.message());
    }
    state_->port = acceptor.local_endpoint().port();
    spawn(state_->inside, state_->on, state_->accept_loop());
    spawn(state_->inside, state_->on, state_->sweep_loop());
    return {};
}

std::uint16_t server::port() const { return state_->port; }

server_counts server::counts() const {
    server_counts out;
    out.connections = state_->connection_count;
    out.in_flight = state_->in_flight;
    out.streams = state_->streams;
    out.connections_accepted = state_->accepted;
    out.connections_refused = state_->refused;
    out.requests = state_->requests;
    out.shed = state_->shed;
    return out;
}

awaitable<drain_report> server::drain(duration within) {
    auto there = state_->drain(within);
    co_return co_await asio::co_spawn(state_->on, std::move(there), asio::use_awaitable);
}

const std::string& server::state::date() {
    const auto since_epoch = world.clock().now().time_since_epoch();
    const auto second = std::chrono::duration_cast<std::chrono::seconds>(since_epoch).count();
    if (second != date_second) {
        date_second = second;
        date_text = http_date(second);
    }
    return date_text;
}

duration server::state::sweep_period() const {
    const auto& limits = options.limits;
    const auto shortest = std::min({limits.header_timeout, limits.body_timeout, limits.idle_timeout,
                                    limits.write_timeout, limits.linger_timeout});
    constexpr duration least = std::chrono::milliseconds{5};
    constexpr duration most = std::chrono::milliseconds{500};
    return std::clamp(shortest / 4, least, most);
}

awaitable<void> server::state::accept_loop() {
    boost::system::error_code ec;
    while (!is_draining && acceptor.is_open()) {
        auto socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, ec));
        if (is_draining || !acceptor.is_open()) break;
        if (!ec)
            take_in(std::move(socket));
        else if (ec != asio::error::connection_aborted)
            co_await accept_timer->wait(accept_pause);
    }
}

void server::state::take_in(tcp::socket socket) {
    boost::system::error_code ignored;
    if (connections.size() >= options.limits.connections_max) {
        static constexpr std::string_view full =
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
            "Connection: close\r\n\r\n";
        ++refused;
        ++shed;
        // The send buffer of a fresh socket is empty, so that this cannot block.
        socket.non_blocking(true, ignored);
        socket.write_some(asio::buffer(full), ignored);
        return;
    }
    ++accepted;
    socket.set_option(tcp::no_delay{true}, ignored);
    spawn(inside, on, connection::run(*this, std::move(socket)),
          [this](const std::exception_ptr& failure) { report(failure); });
}

void server::state::report(const std::exception_ptr& failure) const {
    if (!options.observe) return;
    access_record seen;
    const auto text = "the connection was ended by: " + text_of(failure);
    seen.route = "unread";
    seen.status = 500;
    seen.failure = text;
    options.observe(seen);
}

void server::state::leave(connection* c) {
    connections.erase(c);
    connection_count = connections.size();
    if (is_over()) sweep_timer->cancel();
}

awaitable<void> server::state::sweep_loop() {
    const auto period = sweep_period();
    while (!is_over()) {
        co_await sweep_timer->wait(period);
        const auto at = now();
        for (auto* c : connections) c->sweep(at);
    }
}

awaitable<drain_report> server::state::drain(duration within) {
    drain_report report;
    boost::system::error_code ignored;
    is_draining = true;
    acceptor.close(ignored);
    accept_timer->cancel();
    sweep_timer->cancel();
    for (auto* c : connections) {
        switch (c->drain()) {
            case connection::found::idle:
                ++report.idle_closed;
                break;
            case connection::found::busy:
                ++report.requests_finished;
                break;
            case connection::found::streaming:
                ++report.streams_ended;
                break;
        }
    }
    auto closing = inside.close();
    const auto is_closed = co_await finish_within(world, std::move(closing), within);
    if (is_closed) co_return report;
    for (auto* c : connections) {
        if (c->is_streaming())
            --report.streams_ended;
        else if (!c->is_ending())
            --report.requests_finished;
        c->cut();
        ++report.connections_cut;
    }
    auto again = inside.close();
    const auto is_cut = co_await finish_within(world, std::move(again), cut_grace);
    if (is_cut) co_return report;
    report.left_behind = connections.size();
    co_return report;
}

}  // namespace tidemark::http
