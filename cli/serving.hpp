#pragma once

#include "tidemark/async/event.hpp"
#include "tidemark/async/gate.hpp"
#include "tidemark/async/io.hpp"
#include "tidemark/cli/session.hpp"
#include "tidemark/eventbus/event_bus.hpp"
#include "tidemark/eventbus/lag_clock.hpp"
#include "tidemark/http/admin_server.hpp"
#include "tidemark/http/server.hpp"
#include "tidemark/observability/catalog.hpp"
#include "tidemark/runtime/runtime.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tidemark::cli {

enum class serve_mode : std::uint8_t { development, production };

/// Counts a listener's requests: one histogram series per method, route and status. Lives on the
/// listener's executor.
class request_meter {
  public:
    explicit request_meter(const runtime_metrics& catalog) : catalog_{catalog} {}
    void count(const http::access_record& what);

  private:
    const runtime_metrics& catalog_;
    std::map<std::string, metrics::histogram, std::less<>> series_;
};

/// Everything one process runs, in the order of dependence; the destructor takes it apart in the
/// reverse order. `drain` comes first.
class serving {
  public:
    /// Opens the store and wires the application; serves nothing yet. Throws `failure` and
    /// `config_error`. `what` and `values` outlive it.
    serving(const app& what, const settings& values, serve_mode mode);
    ~serving();
    serving(const serving&) = delete;
    serving& operator=(const serving&) = delete;

    /// Opens both listeners, then starts the runtime and the demo driver. Throws `failure` if a
    /// port is taken: nothing was started.
    void start();
    /// Not ready at once; lets requests, commands and effects end, within `runtime.drain` in all;
    /// then closes everything.
    struct drained {
        /// False: time was up. What is left goes on after the next start; the process must end
        /// without taking the runtime apart.
        bool is_complete = true;
        /// What was drained, as one line.
        std::string text;
    };
    [[nodiscard]] drained drain();

    [[nodiscard]] std::string api_url() const;
    [[nodiscard]] std::string admin_url() const;
    /// What `dev` and `run` print once they serve.
    [[nodiscard]] std::string banner() const;

  private:
    [[nodiscard]] http::router admin_routes();
    [[nodiscard]] http::admin_options admin_options();
    [[nodiscard]] http::server_options api_options();
    void add_checks();
    void observe();
    void start_demo();
    void measure_relays(position end);
    [[nodiscard]] awaitable<void> measure_dead_letters();
    [[nodiscard]] awaitable<void> measure_horizon(position end);
    [[nodiscard]] awaitable<void> sample();
    void listen();
    [[nodiscard]] awaitable<http::drain_report> close_listener();
    /// How many admin requests had to be left behind.
    [[nodiscard]] awaitable<std::size_t> close_rest();
    struct drained_parts {
        std::uint64_t requests = 0;
        /// Connections that were cut.
        std::uint64_t cut = 0;
        tidemark::runtime::drained runtime;
        double seconds = 0;
        bool is_complete = true;
    };
    void tell(const drained_parts& parts) const;
    [[nodiscard]] executor api_shard() { return world_.shard(0); }
    [[nodiscard]] executor admin_shard() { return world_.shard(world_.shard_count() - 1); }
    [[nodiscard]] std::string url(std::uint16_t port) const;

    const app& what_;
    const settings& values_;
    config config_;
    serve_mode mode_;
    metrics_registry registry_;
    io world_;
    std::unique_ptr<storage> events_;
    std::unique_ptr<event_bus> bus_;
    tidemark::runtime runtime_;
    /// Before what they measure ends.
    std::vector<metrics::registration> observed_;
    request_meter meter_;
    http::health health_;
    /// By topic.
    std::map<std::string, lag_clock> relay_lags_;
    std::unique_ptr<http::server> api_;
    std::unique_ptr<http::admin_server> admin_;
    gate background_;
    /// Ends the sampler's wait.
    event stop_sampling_;
    std::atomic<bool> is_stopping_{false};
    bool is_started_ = false;
};

/// Serves until SIGINT or SIGTERM, then drains. A second signal ends the process at once: what is
/// committed is committed.
[[nodiscard]] exit_code serve(session& in, serve_mode mode);

}  // namespace tidemark::cli
