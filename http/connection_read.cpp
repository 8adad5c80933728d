// How a connection reads a request.
#include "tidemark/http/connection.hpp"
#include "tidemark/http/server_state.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace tidemark::http {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

/// One read. Also what an idle connection keeps in memory.
constexpr std::size_t read_bytes = 4096;
/// Larger reads while a body arrives.
constexpr std::size_t body_read_bytes = 32 * 1024;
/// A chunk header that is not over by then is no chunk header.
constexpr std::size_t unparsed_bytes_max = 64 * 1024;

std::string_view view(const beast::flat_buffer& buffer) {
    const auto bytes = buffer.cdata();
    return {static_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view view(boost::core::string_view text) { return {text.data(), text.size()}; }

bool has_bare_line_feed(std::string_view text) {
    for (auto at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) {
        if (at == 0 || text[at - 1] != '\r') return true;
    }
    return false;
}

}  // namespace

awaitable<bool> connection::read_head() {
    const auto& limits = owner_.options.limits;
    // Who connects without a word gets no more time than who begins a head.
    enter(phase::idle, served_ == 0 ? limits.header_timeout : limits.idle_timeout);
    while (true) {
        if (buffer_.size() > 0) {
            if (phase_ == phase::idle) {
                started_ = owner_.now();
                enter(phase::reading, limits.header_timeout);
            }
            const auto state = scanner_.scan(view(buffer_));
            if (state == head_scanner::state::complete) co_return true;
            if (state == head_scanner::state::refused) {
                refuse_with(scanner_.refusal().code, scanner_.refusal().detail);
                co_return false;
            }
        }
        const auto is_more = co_await read_more();
        if (is_more) continue;
        if (has_expired_ && phase_ == phase::reading) {
            refuse_with("request_timeout", "the head of the request did not arrive in time");
        }
        co_return false;
    }
}

awaitable<bool> connection::read_more() {
    const auto size = scanner_.framing().size > 0 ? body_read_bytes : read_bytes;
    const auto space = buffer_.prepare(size);
    boost::system::error_code ec;
    const auto read =
        co_await socket_.async_read_some(space, asio::redirect_error(asio::use_awaitable, ec));
    buffer_.commit(read);
    co_return !ec && read > 0;
}

bool connection::parse_head(parser& into, request& out) {
    const auto& limits = owner_.options.limits;
    const auto& framing = scanner_.framing();
    into.header_limit(static_cast<std::uint32_t>(framing.size + 1));
    into.body_limit(limits.body_bytes_max);
    boost::system::error_code ec;
    const auto head = asio::buffer(buffer_.cdata(), framing.size);
    received_ = framing.size;
    into.put(head, ec);
    if (ec == beast::http::error::need_more) ec = {};
    if (framing.content_length.value_or(0) > limits.body_bytes_max ||
        ec == beast::http::error::body_limit) {
        must_close_ = true;
        refuse_with("too_large", "the body is over " + std::to_string(limits.body_bytes_max) +
                                     " bytes; send less at once");
        static_cast<void>(fill(out, into));
        return false;
    }
    if (ec || !into.is_header_done()) {
        refuse_with("bad_request", "the head cannot be parsed: " + ec.message());
        return false;
    }
    buffer_.consume(framing.size);
    return fill(out, into);
}

bool connection::fill(request& out, parser& from) {
    const auto& head = from.get();
    method_ = view(head.method_string());
    target_ = view(head.target());
    for (const auto& f : head) out.headers.add(view(f.name_string()), view(f.value()));
    name_request(out);
    request_id_ = out.request_id;
    traceparent_ = out.traceparent;
    const auto asked = parse_method(method_);
    auto parts = parse_target(target_);
    if (!refusal_ && !parts) refuse_with("bad_target", parts.error().message());
    if (!refusal_ && !asked) {
        refuse_with("method_not_allowed", "method " + method_ + " is not offered by any route");
    }
    if (refusal_) return false;
    out.method = *asked;
    out.target = target_;
    out.path = std::move(parts->path);
    out.query = std::move(parts->query);
    path_ = out.path;
    out.remote_address = remote_address_;
    out.deadline = owner_.now() + owner_.options.limits.request_timeout;
    return true;
}

void connection::name_request(request& out) const {
    const auto asked = out.headers.find("X-Request-ID").value_or("");
    const auto trace = out.headers.find("traceparent").value_or("");
    out.request_id =
        is_printable_id(asked, 128) ? std::string{asked} : owner_.world.fresh_id().to_string();
    if (is_traceparent(trace)) out.traceparent = trace;
}

/// Gives the parser what is in the buffer. False if the message is refused.
bool connection::advance(parser& into) {
    boost::system::error_code ec;
    into.eager(true);
    buffer_.consume(into.put(buffer_.cdata(), ec));
    if (!ec || ec == beast::http::error::need_more) {
        // What the parser leaves is part of a chunk header or of a trailer.
        const bool has_bare_lf = has_bare_line_feed(view(buffer_));
        if (!has_bare_lf && buffer_.size() < unparsed_bytes_max) return true;
        refuse_with("bad_request", has_bare_lf ? "a chunk header ends in LF without CR"
                                               : "a chunk header is too long");
    } else if (ec == beast::http::error::body_limit) {
        refuse_with("too_large", "the body is over " +
                                     std::to_string(owner_.options.limits.body_bytes_max) +
                                     " bytes; send less at once");
    } else {
        refuse_with("bad_request", "the body cannot be read: " + ec.message());
    }
    return false;
}

awaitable<bool> connection::read_body(parser& from) {
    enter(phase::reading, owner_.options.limits.body_timeout);
    if (scanner_.framing().expects_continue && buffer_.size() == 0) {
        static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        const bool sent = co_await write(asio::buffer(go_on));
        if (!sent) co_return false;
    }
    while (true) {
        if (buffer_.size() > 0 && !advance(from)) co_return false;
        if (from.is_done()) co_return true;
        const auto is_more = co_await read_more();
        if (is_more) continue;
        if (has_expired_) refuse_with("request_timeout", "the body did not arrive in time");
        co_return false;
    }
}

}  // namespace tidemark::http
