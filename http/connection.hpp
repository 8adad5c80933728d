#pragma once

#include "tidemark/http/head_scanner.hpp"
#include "tidemark/http/server.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <memory>
#include <optional>
#include <string>

namespace tidemark::http {

/// One client's connection: reads a request, has it answered, writes the answer, and again. Lives
/// in its own coroutine under the server's gate, on the server's executor; ends when the client
/// leaves, a limit is reached or the server drains. Requests that arrive ahead of their answers
/// wait in the socket: they are answered one after the other.
class connection {
  public:
    /// What `drain` found the connection doing.
    enum class found { idle, busy, streaming };

    /// The connection from its first byte to its last.
    [[nodiscard]] static awaitable<void> run(server::state& owner,
                                             boost::asio::ip::tcp::socket socket);

    connection(server::state& owner, boost::asio::ip::tcp::socket socket);
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    ~connection();

    /// Ends the wait under way if its deadline has passed.
    void sweep(duration now);
    /// Closes an idle connection, ends a stream, lets a request finish.
    found drain();
    /// Closes the socket whatever happens on it.
    void cut();
    [[nodiscard]] bool is_streaming() const { return phase_ == phase::streaming; }
    [[nodiscard]] bool is_ending() const { return phase_ == phase::lingering; }

  private:
    enum class phase {
        /// Between requests; nothing of the next one is here.
        idle,
        /// Part of a request is here.
        reading,
        /// The action runs; it has no deadline of ours.
        acting,
        writing,
        streaming,
        /// Refused and answered; what the client still sends is dropped.
        lingering,
    };
    using parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

    awaitable<void> serve();
    awaitable<bool> serve_request();
    awaitable<bool> read_head();
    awaitable<bool> read_body(parser& from);
    awaitable<bool> read_more();
    awaitable<bool> write(boost::asio::const_buffer bytes);
    awaitable<bool> act(request r);
    awaitable<bool> answer(response& reply, bool is_head);
    awaitable<void> refuse_request();
    awaitable<void> linger();
    awaitable<bool> write_events(response& reply);
    awaitable<bool> pump(event_stream& stream, bool is_chunked);
    awaitable<response> decide(request r);

    void enter(phase next, duration allowed);
    void enter(phase next);
    void begin_request();
    bool parse_head(parser& into, request& out);
    bool fill(request& out, parser& from);
    void name_request(request& out) const;
    bool advance(parser& into);
    bool is_last_request() const;
    bool begin_stream(response& reply);
    void watch_peer(const std::shared_ptr<event_stream>& stream);
    void record(const response& reply);
    void refuse_with(std::string_view code, std::string detail);

    server::state& owner_;
    boost::asio::ip::tcp::socket socket_;
    std::string remote_address_;
    boost::beast::flat_buffer buffer_;
    head_scanner scanner_;
    phase phase_ = phase::idle;
    duration deadline_ = duration::max();
    /// The deadline of this phase has passed and its wait was ended.
    bool has_expired_ = false;
    bool must_close_ = false;
    bool client_closes_ = false;
    /// The last answer was given while more of the client's may be on its way.
    bool lingers_ = false;
    std::size_t served_ = 0;
    std::string out_;
    std::shared_ptr<event_stream> stream_;

    // Of the request at hand, for its record and its problem.
    duration started_{};
    std::string method_;
    std::string target_;
    std::string path_;
    std::string request_id_;
    std::string traceparent_;
    std::string last_event_id_;
    std::string route_;
    std::string failure_;
    std::size_t received_ = 0;
    std::size_t sent_ = 0;
    std::optional<problem> refusal_;
};

}  // namespace tidemark::http
