#include "tidemark/http/connection.hpp"

#include "tidemark/http/server_state.hpp"
#include "tidemark/http/wire.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <utility>

namespace tidemark::http {

namespace asio = boost::asio;

namespace {

/// How much of a refused request is dropped before the connection is reset after all.
constexpr std::size_t linger_bytes_max = 1024 * 1024;
/// What is read ahead of the parser: a chunk header at most, and one read.
constexpr std::size_t read_ahead_bytes_max = 96 * 1024;
/// Bodies up to here are copied behind their head and leave in one write.
constexpr std::size_t joined_bytes_max = 16 * 1024;

}  // namespace

connection::connection(server::state& owner, asio::ip::tcp::socket socket)
    : owner_{owner}, socket_{std::move(socket)}, buffer_{read_ahead_bytes_max} {
    boost::system::error_code ignored;
    remote_address_ = socket_.remote_endpoint(ignored).address().to_string();
    // Accepted just before a drain began: nothing is asked for yet.
    must_close_ = owner_.is_draining;
    owner_.connections.insert(this);
    owner_.connection_count = owner_.connections.size();
}

connection::~connection() { owner_.leave(this); }

awaitable<void> connection::run(server::state& owner, asio::ip::tcp::socket socket) {
    connection c{owner, std::move(socket)};
    co_await c.serve();
}

void connection::enter(phase next, duration allowed) {
    phase_ = next;
    has_expired_ = false;
    deadline_ = owner_.now() + allowed;
}

void connection::enter(phase next) {
    phase_ = next;
    has_expired_ = false;
    deadline_ = duration::max();
}

void connection::sweep(duration now) {
    if (now < deadline_) return;
    boost::system::error_code ignored;
    has_expired_ = true;
    // Again at the next sweep if the wait under way had already ended: the deadline stays.
    socket_.cancel(ignored);
}

connection::found connection::drain() {
    must_close_ = true;
    if (phase_ == phase::idle || phase_ == phase::lingering) {
        cut();
        return found::idle;
    }
    if (phase_ != phase::streaming) return found::busy;
    stream_->finish();
    return found::streaming;
}

void connection::cut() {
    boost::system::error_code ignored;
    must_close_ = true;
    if (stream_) stream_->close();
    socket_.close(ignored);
}

bool connection::is_last_request() const {
    return must_close_ || owner_.is_draining ||
           served_ + 1 >= owner_.options.limits.requests_per_connection_max;
}

awaitable<void> connection::serve() {
    for (; !must_close_; ++served_) {
        const bool goes_on = co_await serve_request();
        if (!goes_on) break;
    }
    if (lingers_) co_await linger();
    boost::system::error_code ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
}

awaitable<bool> connection::serve_request() {
    begin_request();
    const bool has_head = co_await read_head();
    if (!has_head) {
        if (refusal_) co_await refuse_request();
        co_return false;
    }
    const auto& framing = scanner_.framing();
    client_closes_ = framing.wants_close || framing.is_http_1_0;
    must_close_ = must_close_ || client_closes_;
    parser from;
    request r;
    bool is_whole = parse_head(from, r);
    if (is_whole && !from.is_done()) {
        const bool has_body = co_await read_body(from);
        is_whole = has_body;
    }
    if (!is_whole) {
        if (refusal_) co_await refuse_request();
        co_return false;
    }
    r.body = std::move(from.get().body());
    received_ += r.body.size();
    co_return co_await act(std::move(r));
}

void connection::begin_request() {
    scanner_ = head_scanner{owner_.options.limits.head};
    method_.clear();
    target_.clear();
    path_.clear();
    request_id_.clear();
    traceparent_.clear();
    route_ = "unread";
    failure_.clear();
    received_ = 0;
    sent_ = 0;
    refusal_.reset();
    started_ = owner_.now();
}

void connection::refuse_with(std::string_view code, std::string detail) {
    refusal_ = make_problem(code, std::move(detail));
}

awaitable<bool> connection::write(asio::const_buffer bytes) {
    boost::system::error_code ec;
    const auto written =
        co_await asio::async_write(socket_, bytes, asio::redirect_error(asio::use_awaitable, ec));
    sent_ += written;
    co_return !ec;
}

awaitable<response> connection::decide(request r) {
    const auto& options = owner_.options;
    if (owner_.in_flight >= options.limits.requests_max) {
        ++owner_.shed;
        auto p = make_problem("overloaded", "too many requests are being answered; try again");
        p.retry_after = std::chrono::seconds{1};
        route_ = "unmatched";
        co_return refuse(std::move(p));
    }
    if (options.admit) {
        auto refused = options.admit(r);
        if (refused) {
            route_ = "unmatched";
            failure_ = refused->failure ? refused->failure->detail : "";
            co_return std::move(*refused);
        }
    }
    ++owner_.in_flight;
    auto out = co_await owner_.routes.dispatch(std::move(r));
    --owner_.in_flight;
    route_ = std::move(out.route);
    failure_ = std::move(out.failure);
    co_return std::move(out.reply);
}

awaitable<bool> connection::act(request r) {
    enter(phase::acting);
    ++owner_.requests;
    const bool is_head = r.method == method::head;
    last_event_id_ = r.headers.find("Last-Event-ID").value_or("");
    auto reply = co_await decide(std::move(r));
    if (reply.events && !reply.failure && !is_head && begin_stream(reply)) {
        co_return co_await write_events(reply);
    }
    settle(reply, {path_, request_id_, traceparent_});
    co_return co_await answer(reply, is_head);
}

awaitable<bool> connection::answer(response& reply, bool is_head) {
    const bool closes = is_last_request();
    // It was not the client who wanted to close: it may have sent more in the meantime.
    lingers_ = closes && !client_closes_;
    out_.clear();
    append_answer_head(out_, reply, {request_id_, owner_.date(), answer_framing::length, closes});
    const bool has_body = !is_head && reply.status != 204 && reply.status != 304;
    const bool is_joined = has_body && reply.body.size() <= joined_bytes_max;
    if (is_joined) out_ += reply.body;
    enter(phase::writing, owner_.options.limits.write_timeout);
    bool ok = co_await write(asio::buffer(out_));
    if (ok && has_body && !is_joined) {
        const bool rest = co_await write(asio::buffer(reply.body));
        ok = rest;
    }
    if (out_.capacity() > 2 * joined_bytes_max) out_ = std::string{};
    record(reply);
    if (buffer_.size() == 0 && buffer_.capacity() > joined_bytes_max) buffer_.shrink_to_fit();
    co_return ok && !closes;
}

awaitable<void> connection::refuse_request() {
    must_close_ = true;
    if (request_id_.empty()) request_id_ = owner_.world.fresh_id().to_string();
    ++owner_.requests;
    failure_ = refusal_->detail;
    auto reply = refuse(std::move(*refusal_));
    settle(reply, {path_, request_id_, traceparent_});
    const bool sent = co_await answer(reply, false);
    static_cast<void>(sent);
    lingers_ = true;
}

awaitable<void> connection::linger() {
    boost::system::error_code ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    enter(phase::lingering, owner_.options.limits.linger_timeout);
    for (std::size_t dropped = 0; dropped < linger_bytes_max; dropped += buffer_.size()) {
        buffer_.clear();
        const bool more = co_await read_more();
        if (!more) break;
    }
}

void connection::record(const response& reply) {
    if (!owner_.options.observe) return;
    access_record seen;
    seen.method = method_;
    seen.route = route_;
    seen.target = target_;
    seen.request_id = request_id_;
    seen.traceparent = traceparent_;
    seen.remote_address = remote_address_;
    seen.failure = failure_;
    if (reply.failure) seen.code = reply.failure->code;
    if (reply.failure && failure_.empty()) seen.failure = reply.failure->detail;
    seen.status = reply.status;
    seen.took = owner_.now() - started_;
    seen.bytes_received = received_;
    seen.bytes_sent = sent_;
    seen.is_stream = stream_ != nullptr;
    owner_.options.observe(seen);
}

}  // namespace tidemark::http
