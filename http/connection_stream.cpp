// How a connection writes an event stream.
#include "tidemark/http/connection.hpp"
#include "tidemark/http/server_state.hpp"
#include "tidemark/http/wire.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <memory>
#include <string>
#include <utility>

namespace tidemark::http {

namespace asio = boost::asio;

namespace {

/// How long a reader waits before it connects again.
constexpr std::string_view opening = "retry: 2000\n\n";

std::string text_of(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "something that is not a std::exception";
    }
}

/// The producer's coroutine, and how it ended. Shared with its completion.
struct production {
    asio::cancellation_signal stop;
    event ended;
    bool has_ended = false;
    std::string failure;
};

/// Calls the producer inside a coroutine, so that whatever it throws ends that coroutine alone.
awaitable<void> produce(const event_producer& from, std::shared_ptr<event_stream> into) {
    co_await from(*into);
}

}  // namespace

bool connection::begin_stream(response& reply) {
    if (owner_.streams < owner_.options.limits.streams_max && !owner_.is_draining) {
        stream_ = std::make_shared<event_stream>(owner_.world, owner_.on,
                                                 owner_.options.limits.stream, last_event_id_);
        return true;
    }
    ++owner_.shed;
    auto p = make_problem(owner_.is_draining ? "shutting_down" : "overloaded",
                          "no further event stream can be opened now; try again");
    p.retry_after = std::chrono::seconds{1};
    reply = refuse(std::move(p));
    return false;
}

/// The client has nothing more to say: whatever arrives, an end most of all, ends the stream.
void connection::watch_peer(const std::shared_ptr<event_stream>& stream) {
    const std::weak_ptr<event_stream> watched = stream;
    socket_.async_wait(asio::ip::tcp::socket::wait_read,
                       [watched](const boost::system::error_code&) {
                           if (const auto alive = watched.lock()) alive->close();
                       });
}

awaitable<bool> connection::write_events(response& reply) {
    const auto stream = stream_;
    const auto made = std::make_shared<production>();
    const bool is_chunked = !scanner_.framing().is_http_1_0;
    ++owner_.streams;
    must_close_ = true;
    out_.clear();
    const auto framing = is_chunked ? answer_framing::chunked : answer_framing::until_close;
    append_answer_head(out_, reply, {request_id_, owner_.date(), framing, true});
    if (is_chunked)
        append_chunk(out_, opening);
    else
        out_ += opening;
    enter(phase::streaming, owner_.options.limits.write_timeout);
    const bool is_open = co_await write(asio::buffer(out_));
    if (is_open) {
        watch_peer(stream);
        asio::co_spawn(owner_.on, produce(reply.events, stream),
                       asio::bind_cancellation_slot(
                           made->stop.slot(), [stream, made, held = owner_.inside.try_enter()](
                                                  const std::exception_ptr& failure) {
                               if (failure && stream->is_open()) {
                                   made->failure = text_of(failure);
                                   stream->close();
                               }
                               stream->finish();
                               made->has_ended = true;
                               made->ended.notify();
                           }));
        const bool is_complete = co_await pump(*stream, is_chunked);
        stream->close();
        made->stop.emit(asio::cancellation_type::terminal);
        while (!made->has_ended) co_await made->ended.wait();
        if (is_complete && is_chunked) co_await write(asio::buffer("0\r\n\r\n", 5));
    }
    --owner_.streams;
    if (stream->has_overflowed()) failure_ = "the reader lagged behind the event stream";
    if (!made->failure.empty()) failure_ = "event producer threw: " + made->failure;
    record(reply);
    stream_.reset();
    co_return false;
}

/// Writes until the stream is over. True if everything the producer gave was written.
awaitable<bool> connection::pump(event_stream& stream, bool is_chunked) {
    while (true) {
        enter(phase::streaming);
        auto bytes = co_await stream.take();
        if (bytes.empty()) co_return stream.is_complete();
        out_.clear();
        if (is_chunked)
            append_chunk(out_, bytes);
        else
            out_.swap(bytes);
        enter(phase::streaming, owner_.options.limits.write_timeout);
        const bool written = co_await write(asio::buffer(out_));
        if (!written) {
            failure_ = has_expired_ ? "the reader took nothing in time" : "";
            co_return false;
        }
    }
}

}  // namespace tidemark::http
