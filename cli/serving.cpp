#include "tidemark/cli/serving.hpp"

#include "tidemark/async/run.hpp"
#include "tidemark/async/spawn.hpp"
#include "tidemark/cli/admin_routes.hpp"
#include "tidemark/cli/build_version.hpp"
#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/json_out.hpp"
#include "tidemark/cli/kafka_watch.hpp"
#include "tidemark/cli/open_store.hpp"
#include "tidemark/cli/postgres_watch.hpp"
#include "tidemark/cli/readiness.hpp"
#include "tidemark/core/thrown.hpp"
#include "tidemark/http/static_files.hpp"
#include "tidemark/observability/log.hpp"
#include "tidemark/sagas/saga_list.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

namespace tidemark {

/// Generated from console/site.
std::span<const http::embedded_file> console_files();

}  // namespace tidemark

namespace tidemark::cli {
namespace {

const log::source process_log{"process"};
const log::source access_log{"http"};

constexpr duration sample_period = std::chrono::seconds{2};

/// The runtime gets most of the time to drain; the listener in front of it the rest.
runtime_options with_drain(runtime_options options) {
    options.drain = options.drain * 3 / 4;
    return options;
}

/// One line per refused or failed request, and per request when debugging.
void log_access(const http::access_record& what) {
    const auto level = what.status >= 500   ? log::level::error
                       : what.status >= 400 ? log::level::warn
                                            : log::level::debug;
    if (!access_log.prints(level)) return;
    const std::chrono::duration<double> took = what.took;
    trace_context trace;
    trace.traceparent = what.traceparent;
    const log::field fields[] = {
        {"method", what.method},   {"target", what.target},         {"status", what.status},
        {"seconds", took.count()}, {"request_id", what.request_id}, {"remote", what.remote_address},
        {"code", what.code},       {"reason", what.failure},        log::fields(trace)};
    access_log.write(level, "request", fields);
}

bool is_known_method(std::string_view method) { return http::parse_method(method).has_value(); }

std::string store_text(const settings& values) {
    if (is_postgres(values)) return "in PostgreSQL";
    const auto path = sqlite_path(values);
    return path.empty() ? "in memory, gone at exit" : "in " + path;
}

void throw_if_failed(const result<void>& listened, const settings& values, const char* name) {
    if (listened) return;
    throw failure{
        exit_code::unreachable,
        {"CLI-009", listened.error().message(), std::string{name} + ", " + values.at(name).source,
         "--set " + std::string{name} + "=0 takes a free port"}};
}

}  // namespace

void request_meter::count(const http::access_record& what) {
    const auto method = is_known_method(what.method) ? what.method : std::string_view{"other"};
    auto key =
        std::string{method} + " " + std::string{what.route} + " " + std::to_string(what.status);
    auto found = series_.find(key);
    if (found == series_.end()) {
        // Bounded: methods, routes and statuses are.
        const auto status = std::to_string(what.status);
        const auto made = catalog_.http_request_duration.with({method, what.route, status});
        found = series_.emplace(std::move(key), made).first;
    }
    if (what.is_stream) return;
    const std::chrono::duration<double> took = what.took;
    found->second.observe(took.count());
}

serving::serving(const app& what, const settings& values, serve_mode mode)
    : what_{what},
      values_{values},
      config_{values},
      mode_{mode},
      world_{config_.io},
      events_{open_store(
          world_, values,
          mode == serve_mode::production ? store_mode::production : store_mode::serving)},
      bus_{open_bus(world_, values, mode == serve_mode::development)},
      runtime_{world_, *events_, *bus_, with_drain(config_.runtime), &registry_},
      meter_{runtime_.metrics()},
      health_{world_, admin_shard()} {
    if (what_.wire) what_.wire(runtime_, values_);
    project_sagas(runtime_);
    http::router routes;
    if (what_.add_routes) what_.add_routes(routes, runtime_, values_);
    api_ = std::make_unique<http::server>(world_, api_shard(), std::move(routes), api_options());
    admin_ = std::make_unique<http::admin_server>(world_, admin_shard(), health_, admin_routes(),
                                                  admin_options());
    add_checks();
    observe();
}

serving::~serving() { world_.stop(); }

http::router serving::admin_routes() {
    http::router out;
    const auto is_development = mode_ == serve_mode::development;
    add_admin_routes(out, {.app = runtime_,
                           .values = &values_,
                           .version = what_.version,
                           .mode = is_development ? "development" : "production",
                           .program = what_.called(),
                           .api_url = [this] { return api_url(); },
                           .admin_url = [this] { return admin_url(); }});
    http::serve_files(out, console_files(), {});
    return out;
}

http::admin_options serving::admin_options() {
    http::admin_options out;
    out.listen = {config_.http.address, config_.http.admin_port, "--admin-port"};
    out.metrics = [this] { return registry_.text(); };
    out.version_json = object_writer{}
                           .text("name", what_.name)
                           .text("program", what_.called())
                           .text("version", what_.version)
                           .text("tidemark", library_version())
                           .text("revision", source_revision())
                           .text("compiler", compiler_version())
                           .end();
    out.observe = log_access;
    return out;
}

http::server_options serving::api_options() {
    http::server_options out;
    out.listen = {config_.http.address, config_.http.port, "--port"};
    out.observe = [this](const http::access_record& what) {
        meter_.count(what);
        log_access(what);
    };
    return out;
}

void serving::add_checks() {
    health_.add({.name = "store", .ask = [this] { return ask_store(*events_); }});
    health_.add(
        {.name = "bus", .ask = [this] { return ask_bus(runtime_, *bus_); }, .is_critical = false});
    health_.add({.name = "projections",
                 .ask = [this] { return ask_projections(runtime_); },
                 .is_critical = false});
}

void serving::observe() {
    observed_ = observe_process(registry_);
    const auto& catalog = runtime_.metrics();
    catalog.build_info.with({library_version(), source_revision(), compiler_version()}).set(1);
    // Served from the start, so that a rate over them has a zero to begin from.
    for (const auto* outcome : {"replayed", "dropped", "failed"}) {
        (void)catalog.dlq_replayed.with({outcome});
    }
    observed_.push_back(registry_.observe(catalog.http_requests_in_flight, {}, [this] {
        return static_cast<double>(api_->counts().in_flight);
    }));
    observed_.push_back(registry_.observe(catalog.http_requests_shed, {"limit"}, [this] {
        return static_cast<double>(api_->counts().shed);
    }));
    if (const auto* events = as_postgres(*events_)) {
        observe_connections(registry_, catalog, *events, observed_);
    }
    observe_brokers(registry_, *bus_, observed_);
}

/// One that stands by does not know how far the other is.
void serving::measure_relays(position end) {
    auto pending = std::uint64_t{0};
    auto oldest = 0.0;
    const auto now = world_.clock().steady();
    for (const auto& relay : runtime_.relays()) {
        auto& clock = relay_lags_[relay.topic];
        clock.saw(end.value(), now);
        const auto is_ours = relay.phase != relay_fsm::phase::standing_by;
        const auto until = is_ours ? std::min(relay.checkpoint, end) : end;
        const std::chrono::duration<double> age = clock.behind(until.value(), now);
        pending += end.value() - until.value();
        oldest = std::max(oldest, age.count());
    }
    runtime_.metrics().relay_pending_events.get().set(static_cast<double>(pending));
    runtime_.metrics().relay_oldest_age.get().set(oldest);
}

awaitable<void> serving::measure_dead_letters() {
    const auto& catalog = runtime_.metrics();
    const auto parked = co_await events_->dead_letter_count();
    if (!parked) co_return;
    auto age = duration{};
    if (*parked != 0) {
        const auto oldest = co_await events_->oldest_dead_letter();
        if (oldest && *oldest) age = std::max(age, world_.clock().now() - **oldest);
    }
    const std::chrono::duration<double> seconds = age;
    catalog.dlq_entries.with({"effect"}).set(static_cast<double>(*parked));
    catalog.dlq_oldest_age.with({"effect"}).set(seconds.count());
}

awaitable<void> serving::measure_horizon(position end) {
    auto* const events = as_postgres(*events_);
    if (events == nullptr) co_return;
    const auto held = co_await find_horizon_lag(*events, end);
    if (!held) co_return;
    runtime_.metrics().horizon_lag_events.get().set(static_cast<double>(held->events));
    runtime_.metrics().horizon_lag.get().set(held->seconds);
}

/// Numbers that only the store knows, asked for at intervals so that a scrape never waits for it.
awaitable<void> serving::sample() {
    while (!is_stopping_) {
        co_await measure_dead_letters();
        const auto live = co_await runtime_.live();
        for (const auto& [category, waiting] : live.waiting) {
            runtime_.metrics().mailbox_depth.with({category}).set(static_cast<double>(waiting));
        }
        const auto status = co_await events_->status();
        if (status) measure_relays(status->last_position);
        if (status) co_await measure_horizon(status->last_position);
        const auto is_over = co_await stop_sampling_.wait_for(world_, sample_period);
        if (is_over) co_return;
    }
}

void serving::listen() {
    health_.start();
    throw_if_failed(admin_->listen(), values_, "http.admin_port");
    throw_if_failed(api_->listen(), values_, "http.port");
}

void serving::start() {
    try {
        listen();
    } catch (...) {
        // What was opened is closed in order, as ever; the failure goes on to the caller.
        (void)drain();
        throw;
    }
    runtime_.start();
    is_started_ = true;
    health_.set_started();
    spawn(background_, admin_shard(), sample());
    if (mode_ == serve_mode::development && config_.demo.is_enabled) start_demo();
    process_log.info("serving", {"api", api_url()}, {"admin", admin_url()},
                     {"store", shown(values_.at("store.url"))},
                     {"bus", shown(values_.at("bus.url"))}, {"version", what_.version});
}

void serving::start_demo() {
    if (!what_.demo) return;
    demo_target target{.world = world_,
                       .address = config_.http.address,
                       .port = api_->port(),
                       .rate = config_.demo.rate,
                       .is_stopping = [this] { return is_stopping_.load(); }};
    spawn(background_, api_shard(), what_.demo(std::move(target)), [](std::exception_ptr thrown) {
        try {
            std::rethrow_exception(thrown);
        } catch (...) {
            process_log.error("the demo driver ended", {"reason", thrown_text()});
        }
    });
}

awaitable<http::drain_report> serving::close_listener() {
    const auto within = config_.runtime.drain / 4;
    co_return co_await api_->drain(within);
}

awaitable<std::size_t> serving::close_rest() {
    co_await background_.close();
    co_await health_.drain();
    const duration within = std::chrono::milliseconds{500};
    const auto closed = co_await admin_->drain(within);
    co_return closed.left_behind;
}

/// In the log it is a warning if something was left: it goes on after the next start.
void serving::tell(const drained_parts& parts) const {
    const auto& [requests, cut, runtime, took, is_complete] = parts;
    const log::field fields[] = {{"seconds", took},
                                 {"requests", requests},
                                 {"commands", runtime.commands},
                                 {"effects", runtime.effects},
                                 {"unfinished", runtime.unfinished},
                                 {"unfinished_commands", runtime.unfinished_commands},
                                 {"unfinished_effects", runtime.unfinished_effects},
                                 {"cut", cut}};
    process_log.write(is_complete ? log::level::info : log::level::warn, "drained", fields);
}

serving::drained serving::drain() {
    const auto began = world_.clock().steady();
    health_.set_draining();
    is_stopping_ = true;
    const auto listener = run(world_, close_listener());
    runtime::drained done;
    if (is_started_) done = run(world_, runtime_.drain());
    stop_sampling_.notify();
    const auto admin_left = run(world_, close_rest(), world_.shard_count() - 1);
    const std::chrono::duration<double> took = world_.clock().steady() - began;
    const auto requests = listener.requests_finished + listener.streams_ended;
    const auto requests_left = listener.left_behind + admin_left;
    const auto is_complete = done.is_complete && requests_left == 0;
    tell({requests, listener.connections_cut, done, took.count(), is_complete});
    if (requests_left != 0) process_log.warn("requests left behind", {"count", requests_left});
    char seconds[16];
    std::snprintf(seconds, sizeof seconds, "%.1f s", took.count());
    auto text = "drained in " + std::string{seconds} + ": " + std::to_string(requests) +
                " requests, " + std::to_string(done.commands) + " commands, " +
                std::to_string(done.effects) + " effects; " + std::to_string(done.unfinished) +
                " left for the next start";
    if (done.unfinished != 0) {
        text += ": " + std::to_string(done.unfinished_commands) + " commands, " +
                std::to_string(done.unfinished_effects) + " effects (runtime.drain was over)";
    }
    return {is_complete, text};
}

std::string serving::url(std::uint16_t port) const {
    const auto is_v6 = config_.http.address.find(':') != std::string::npos;
    const auto host = is_v6 ? "[" + config_.http.address + "]" : config_.http.address;
    return "http://" + host + ":" + std::to_string(port);
}

std::string serving::api_url() const { return url(api_->port()); }
std::string serving::admin_url() const { return url(admin_->port()); }

std::string serving::banner() const {
    const auto is_development = mode_ == serve_mode::development;
    auto out = what_.name + " " + what_.version + " (tidemark " + std::string{library_version()} +
               ")\n" + (is_development ? "development mode" : "service mode") + ", bound to " +
               config_.http.address + ": data " + store_text(values_) + "\n" + "  store    " +
               shown(values_.at("store.url")) + "\n" + "  bus      " +
               shown(values_.at("bus.url")) + "\n" + "  API      " + api_url() + "\n" +
               "  console  " + admin_url() + "\n";
    if (auto example = what_.example; !example.empty()) {
        for (auto at = example.find("{url}"); at != std::string::npos; at = example.find("{url}")) {
            example.replace(at, 5, api_url());
        }
        out += "  try      " + example + "\n";
    }
    return out + "Ctrl-C stops: what is in flight ends first.";
}

}  // namespace tidemark::cli
