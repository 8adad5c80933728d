#pragma once

#include "tidemark/http/health.hpp"
#include "tidemark/http/server.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark::http {

struct admin_options {
    listen_address listen{"127.0.0.1", 0, "--admin-port"};
    server_limits limits;
    /// Names besides localhost, 127.0.0.1, ::1 and the listen address that Host may have. A page of
    /// another site that makes its own name resolve to this machine is refused by this check.
    std::vector<std::string> hosts;
    /// The text of `/metrics` (Prometheus exposition format). Called on the server's executor.
    std::function<std::string()> metrics;
    /// The JSON of `/version`.
    std::string version_json = "{}";
    std::function<void(const access_record&)> observe;
};

/// The `admit` of a listener that only answers to `hosts`, whatever their port, and to no request
/// that a page of another origin made.
[[nodiscard]] std::function<std::optional<response>(const request&)> admit_hosts(
    std::vector<std::string> hosts);

/// The listener for operators, apart from the API's: `/livez`, `/readyz`, `/startupz`, `/metrics`,
/// `/version`, and the routes it is given (`/admin/v1/…`, the console). Its answers to probes come
/// from memory, so that a hanging dependency never delays them.
class admin_server {
  public:
    /// `checks` and `world` outlive it. Throws `std::invalid_argument` if `routes` has one of the
    /// paths above.
    admin_server(execution& world, executor on, health& checks, router routes,
                 admin_options options);

    [[nodiscard]] result<void> listen() { return server_.listen(); }
    [[nodiscard]] std::uint16_t port() const { return server_.port(); }
    [[nodiscard]] server_counts counts() const { return server_.counts(); }
    /// Last of all listeners, so that the drain itself can be watched.
    [[nodiscard]] awaitable<drain_report> drain(duration within) { return server_.drain(within); }

  private:
    server server_;
};

}  // namespace tidemark::http
