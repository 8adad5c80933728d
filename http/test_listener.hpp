#pragma once

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/http/server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark::http::testing {

/// A blocking client socket that sends bytes exactly as a test wrote them. Reads give up after
/// 10 s, so that a broken server fails a test instead of stopping it.
class raw_socket {
  public:
    explicit raw_socket(std::uint16_t port, int receive_buffer = 0)
        : fd_{::socket(AF_INET, SOCK_STREAM, 0)} {
        const timeval patience{10, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (receive_buffer > 0) {
            ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        }
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const auto* address = reinterpret_cast<const sockaddr*>(&to);
        is_connected_ = ::connect(fd_, address, sizeof to) == 0;
    }
    raw_socket(const raw_socket&) = delete;
    raw_socket& operator=(const raw_socket&) = delete;
    ~raw_socket() { ::close(fd_); }

    [[nodiscard]] bool is_connected() const { return is_connected_; }

    /// False once the server has closed.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    void end_sending() { ::shutdown(fd_, SHUT_WR); }

    /// Everything until the server closes.
    std::string read_all() {
        while (read_some()) {
        }
        return std::exchange(buffer_, {});
    }
    /// Up to and including `mark`; less if the server closes before.
    std::string read_until(std::string_view mark) {
        auto at = buffer_.find(mark);
        while (at == std::string::npos && read_some()) at = buffer_.find(mark);
        const auto size = at == std::string::npos ? buffer_.size() : at + mark.size();
        auto out = buffer_.substr(0, size);
        buffer_.erase(0, size);
        return out;
    }
    /// One answer whose end is told by Content-Length.
    std::string read_answer() {
        auto out = read_until("\r\n\r\n");
        const auto at = out.find("Content-Length: ");
        if (at == std::string::npos) return out;
        const auto size = std::strtoul(out.c_str() + at + 16, nullptr, 10);
        while (buffer_.size() < size && read_some()) {
        }
        out += buffer_.substr(0, size);
        buffer_.erase(0, size);
        return out;
    }
    /// The server has closed and nothing is left to read.
    bool is_at_end() { return buffer_.empty() && !read_some() && !has_timed_out_; }

  private:
    bool read_some() {
        char bytes[16384];
        const auto got = ::recv(fd_, bytes, sizeof bytes, 0);
        has_timed_out_ = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        if (got <= 0) return false;
        buffer_.append(bytes, static_cast<std::size_t>(got));
        return true;
    }

    int fd_;
    bool is_connected_ = false;
    bool has_timed_out_ = false;
    std::string buffer_;
};

/// What `access_record` said, owned.
struct seen_request {
    std::string method, route, target, request_id, failure;
    int status = 0;
    std::size_t bytes_sent = 0;
};

/// A server on a free port with a thread of its own; drained when the test ends.
class listener {
  public:
    explicit listener(router routes, server_options options = {})
        : server_{threads_, threads_.shard(0), std::move(routes), watched(std::move(options))} {
        const auto listening = server_.listen();
        if (!listening) throw std::runtime_error{listening.error().message()};
    }
    ~listener() { run(threads_, server_.drain(std::chrono::seconds{5})); }

    server& operator*() { return server_; }
    server* operator->() { return &server_; }
    io& threads() { return threads_; }
    [[nodiscard]] std::uint16_t port() const { return server_.port(); }

    /// Sends `bytes` on a fresh connection and reads until the server closes.
    std::string exchange(std::string_view bytes) {
        raw_socket peer{port()};
        peer.send(bytes);
        peer.end_sending();
        return peer.read_all();
    }
    /// The first request of that route that was answered; waits up to 10 s for it.
    seen_request answered(std::string_view route) {
        seen_request out;
        const auto is_here = [&] {
            const auto it = std::ranges::find(seen_, route, &seen_request::route);
            if (it != seen_.end()) out = *it;
            return it != seen_.end();
        };
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, std::chrono::seconds{10}, is_here);
        return out;
    }
    std::vector<seen_request> seen() {
        const std::scoped_lock lock{mutex_};
        return seen_;
    }

  private:
    server_options watched(server_options options) {
        options.observe = [this](const access_record& r) {
            const std::scoped_lock lock{mutex_};
            seen_.push_back({std::string{r.method}, std::string{r.route}, std::string{r.target},
                             std::string{r.request_id}, std::string{r.failure}, r.status,
                             r.bytes_sent});
            changed_.notify_all();
        };
        return options;
    }

    io threads_{{.shards = 1, .blocking_threads = 1}};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<seen_request> seen_;
    server server_;
};

/// The status of an answer; 0 if there is none.
inline int status_of(std::string_view answer) {
    if (answer.size() < 12 || !answer.starts_with("HTTP/1.1 ")) return 0;
    return std::atoi(std::string{answer.substr(9, 3)}.c_str());
}

}  // namespace tidemark::http::testing
