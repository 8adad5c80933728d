#include "tidemark/http/client.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/http/client_link.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

namespace tidemark::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

namespace {

constexpr std::uint32_t header_bytes_max = 64 * 1024;
constexpr std::size_t refusal_text_max = 500;

using link_ptr = std::unique_ptr<client_link>;
using text_parser = beast::http::response_parser<beast::http::string_body>;

std::string_view view(boost::core::string_view text) { return {text.data(), text.size()}; }

template <class Fields>
header_fields copy_fields(const Fields& from) {
    header_fields out;
    for (const auto& f : from) {
        // A server that sends what we would not is quoted without it.
        if (!is_token(view(f.name_string())) || !is_field_value(view(f.value()))) continue;
        out.add(view(f.name_string()), view(f.value()));
    }
    return out;
}

bool may_repeat(const outgoing& o) {
    return (o.method != method::post && o.method != method::patch) ||
           o.headers.contains("Idempotency-Key");
}

awaitable<error_code> send(client_link& link, const outgoing& o, const url& to) {
    error_code ec;
    auto text = outgoing_head(o, to);
    text += o.body;
    co_await asio::async_write(link.stream, asio::buffer(text),
                               asio::redirect_error(asio::use_awaitable, ec));
    co_return ec;
}

awaitable<error_code> receive(client_link& link, text_parser& into) {
    error_code ec;
    co_await beast::http::async_read(link.stream, link.buffer, into,
                                     asio::redirect_error(asio::use_awaitable, ec));
    co_return ec;
}

error refused_stream(const outgoing& o, int status, std::string_view body) {
    return {status == 404 ? errc::not_found : errc::unavailable,
            "GET " + o.url + ": the server answered " + std::to_string(status) +
                " instead of an "
                "event stream: " +
                std::string{body.substr(0, refusal_text_max)}};
}

}  // namespace

struct client::state {
    execution& world;
    executor on;
    client_options options;
    /// The oldest first.
    std::deque<link_ptr> idle;

    /// A kept connection to there that is still alive; null if there is none.
    link_ptr take(const std::string& authority) {
        for (auto it = idle.begin(); it != idle.end();) {
            if ((*it)->authority != authority) {
                ++it;
                continue;
            }
            auto out = std::move(*it);
            it = idle.erase(it);
            if (!out->is_fresh()) continue;
            out->is_reused = true;
            return out;
        }
        return nullptr;
    }

    void keep(link_ptr link) {
        if (options.idle_connections_max == 0) return;
        if (idle.size() >= options.idle_connections_max) idle.pop_front();
        link->stream.expires_never();
        idle.push_back(std::move(link));
    }

    awaitable<result<link_ptr>> open(const outgoing& o, const url& to, bool may_reuse) {
        auto link = may_reuse ? take(to.authority()) : nullptr;
        if (!link) {
            link = std::make_unique<client_link>(on);
            const auto within =
                std::min(options.connect_timeout, o.timeout.value_or(options.timeout));
            const auto ec = co_await connect(*link, to, within);
            if (ec) co_return link_error(o, ec, false);
        }
        co_return link;
    }

    /// One attempt. `is_stale`: the kept connection was closed before anything came back.
    awaitable<result<reply>> exchange(const outgoing& o, const url& to, bool& is_stale) {
        auto opened = co_await open(o, to, !is_stale);
        if (!opened) co_return opened.error();
        auto link = std::move(*opened);
        link->stream.expires_after(o.timeout.value_or(options.timeout));
        text_parser parser;
        parser.header_limit(header_bytes_max);
        parser.body_limit(options.body_bytes_max);
        if (o.method == method::head) parser.skip(true);
        auto ec = co_await send(*link, o, to);
        if (!ec) {
            const auto received = co_await receive(*link, parser);
            ec = received;
        }
        if (ec) {
            is_stale = link->is_reused && !parser.got_some() && ec != beast::error::timeout;
            co_return link_error(o, ec, true);
        }
        reply out;
        out.status = static_cast<int>(parser.get().result_int());
        out.headers = copy_fields(parser.get());
        out.body = std::move(parser.get().body());
        if (parser.get().keep_alive() && link->buffer.size() == 0) keep(std::move(link));
        co_return out;
    }
};

client::client(execution& world, executor on, client_options options)
    : state_{std::make_unique<state>(state{world, std::move(on), options, {}})} {}

client::~client() = default;

awaitable<result<reply>> client::fetch(outgoing o) {
    const auto to = parse_url(o.url);
    if (!to) co_return to.error();
    bool is_stale = false;
    auto first = co_await state_->exchange(o, *to, is_stale);
    if (!is_stale || !may_repeat(o)) co_return first;
    auto second = co_await state_->exchange(o, *to, is_stale);
    co_return second;
}

struct event_source::state {
    using parser_type = beast::http::response_parser<beast::http::buffer_body>;

    link_ptr link;
    parser_type parser;
    outgoing asked;
    duration silence_max;
    sse_parser events;
    std::array<char, 8192> space;

    /// Reads some of the body. Empty at its end.
    awaitable<std::string_view> read_some(error_code& ec) {
        auto& body = parser.get().body();
        body.data = space.data();
        body.size = space.size();
        link->stream.expires_after(silence_max);
        co_await beast::http::async_read_some(link->stream, link->buffer, parser,
                                              asio::redirect_error(asio::use_awaitable, ec));
        if (ec == beast::http::error::need_buffer) ec = {};
        co_return std::string_view{space.data(), space.size() - body.size};
    }
};

event_source::event_source(std::unique_ptr<state> opened) : state_{std::move(opened)} {}
event_source::event_source(event_source&&) noexcept = default;
event_source& event_source::operator=(event_source&&) noexcept = default;
event_source::~event_source() = default;

const std::string& event_source::last_id() const { return state_->events.last_id(); }

awaitable<result<std::optional<sse_event>>> event_source::next() {
    auto& s = *state_;
    while (true) {
        if (auto e = s.events.next()) co_return e;
        if (s.events.has_failed()) {
            co_return error{errc::too_large, "an event of " + s.asked.url + " is over 1 MiB"};
        }
        if (s.parser.is_done()) co_return std::optional<sse_event>{};
        error_code ec;
        const auto bytes = co_await s.read_some(ec);
        s.events.feed(bytes);
        if (ec) co_return link_error(s.asked, ec, true);
    }
}

awaitable<result<event_source>> client::follow(outgoing o) {
    const auto to = parse_url(o.url);
    if (!to) co_return to.error();
    o.headers.set("Accept", "text/event-stream");
    auto opened = co_await state_->open(o, *to, false);
    if (!opened) co_return opened.error();
    auto s = std::make_unique<event_source::state>();
    s->link = std::move(*opened);
    s->silence_max = state_->options.silence_max;
    s->asked = std::move(o);
    s->parser.header_limit(header_bytes_max);
    s->parser.body_limit(boost::none);
    s->link->stream.expires_after(s->asked.timeout.value_or(state_->options.timeout));
    auto ec = co_await send(*s->link, s->asked, *to);
    if (ec) co_return link_error(s->asked, ec, true);
    co_await beast::http::async_read_header(s->link->stream, s->link->buffer, s->parser,
                                            asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return link_error(s->asked, ec, true);
    const auto status = static_cast<int>(s->parser.get().result_int());
    if (status == 200) co_return event_source{std::move(s)};
    std::string_view body;
    if (!s->parser.is_done()) {
        const auto text = co_await s->read_some(ec);
        body = text;
    }
    co_return refused_stream(s->asked, status, body);
}

struct blocking_client::state {
    io threads{{.shards = 1, .blocking_threads = 1}};
    client inner;
    explicit state(client_options options) : inner{threads, threads.shard(0), options} {}

    awaitable<result<void>> follow(outgoing o, const std::function<bool(const sse_event&)>& take) {
        auto opened = co_await inner.follow(std::move(o));
        if (!opened) co_return opened.error();
        auto source = std::move(*opened);
        while (true) {
            const auto e = co_await source.next();
            if (!e) co_return e.error();
            if (!*e || !take(**e)) co_return result<void>{};
        }
    }
};

blocking_client::blocking_client(client_options options)
    : state_{std::make_unique<state>(options)} {}

blocking_client::~blocking_client() = default;

result<reply> blocking_client::fetch(outgoing o) {
    return run(state_->threads, state_->inner.fetch(std::move(o)));
}

result<void> blocking_client::follow(outgoing o, std::function<bool(const sse_event&)> take) {
    return run(state_->threads, state_->follow(std::move(o), take));
}

}  // namespace tidemark::http
