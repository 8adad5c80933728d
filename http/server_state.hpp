#pragma once

#include "tidemark/async/gate.hpp"
#include "tidemark/http/server.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <unordered_set>

namespace tidemark::http {

class connection;

/// What a server and its connections share. Owned by the server; lives on its executor. The gate
/// holds every coroutine, so that connections may refer to this.
struct server::state {
    state(execution& on_world, executor on_executor, router with_routes,
          server_options with_options)
        : world{on_world},
          on{std::move(on_executor)},
          routes{std::move(with_routes)},
          options{std::move(with_options)},
          acceptor{on},
          sweep_timer{world.make_timer(on)},
          accept_timer{world.make_timer(on)} {}

    [[nodiscard]] duration now() const { return world.clock().steady(); }
    /// The Date header, made once a second.
    [[nodiscard]] const std::string& date();
    /// How often deadlines are looked at: a quarter of the shortest one, 5 to 500 ms.
    [[nodiscard]] duration sweep_period() const;
    [[nodiscard]] bool is_over() const { return is_draining && connections.empty(); }

    awaitable<void> accept_loop();
    awaitable<void> sweep_loop();
    void take_in(boost::asio::ip::tcp::socket socket);
    void leave(connection* c);
    /// Tells what escaped a connection, of which it is the end.
    void report(const std::exception_ptr& failure) const;
    awaitable<drain_report> drain(duration within);

    execution& world;
    executor on;
    router routes;
    server_options options;
    boost::asio::ip::tcp::acceptor acceptor;
    std::unique_ptr<timer> sweep_timer;
    std::unique_ptr<timer> accept_timer;
    gate inside;
    std::unordered_set<connection*> connections;
    bool is_draining = false;
    std::uint16_t port = 0;
    std::int64_t date_second = -1;
    std::string date_text;

    std::atomic<std::size_t> connection_count{0};
    std::atomic<std::size_t> in_flight{0};
    std::atomic<std::size_t> streams{0};
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> requests{0};
    std::atomic<std::uint64_t> shed{0};
};

}  // namespace tidemark::http
