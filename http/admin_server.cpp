#include "tidemark/http/admin_server.hpp"

#include <algorithm>
#include <utility>

namespace tidemark::http {

namespace {

/// "127.0.0.1:8081" without its port, "[::1]:8081" without port and brackets.
std::string_view host_name(std::string_view host) {
    if (host.starts_with('[')) {
        const auto end = host.find(']');
        return end == std::string_view::npos ? host : host.substr(1, end - 1);
    }
    return host.substr(0, host.find(':'));
}

std::optional<response> refused(std::string_view what, std::string_view seen) {
    return refuse(make_problem("forbidden_host",
                               std::string{what} + " \"" + std::string{seen} +
                                   "\" is not served here; use http://127.0.0.1 or add the name "
                                   "to the hosts of the admin listener"));
}

std::vector<std::string> host_names(const admin_options& options) {
    auto out = options.hosts;
    for (const auto* name : {"localhost", "127.0.0.1", "::1"}) out.emplace_back(name);
    out.push_back(options.listen.address);
    return out;
}

response probe(bool passes, std::string body) {
    auto out = json(passes ? 200 : 503, std::move(body));
    if (!passes) out.headers.add("Retry-After", "1");
    return out;
}

awaitable<response> live() { co_return text(200, "ok\n"); }

awaitable<response> ready(const health& checks) {
    co_return probe(checks.is_ready(), checks.to_json());
}

awaitable<response> startup(const health& checks) {
    co_return probe(checks.has_started(), checks.to_json());
}

awaitable<response> metrics(const std::function<std::string()>& render) {
    auto out = text(200, render ? render() : "");
    out.content_type = "text/plain; version=0.0.4; charset=utf-8";
    co_return out;
}

awaitable<response> tell_version(std::string body) { co_return json(200, std::move(body)); }

router with_probes(router routes, health& checks, const admin_options& options) {
    routes.get("/livez", [](request) { return live(); });
    routes.get("/readyz", [&checks](request) { return ready(checks); });
    routes.get("/startupz", [&checks](request) { return startup(checks); });
    routes.get("/metrics", [render = options.metrics](request) { return metrics(render); });
    routes.get("/version", [body = options.version_json](request) { return tell_version(body); });
    return routes;
}

server_options server_options_of(admin_options options) {
    server_options out;
    out.admit = admit_hosts(host_names(options));
    out.listen = std::move(options.listen);
    out.limits = options.limits;
    out.observe = std::move(options.observe);
    return out;
}

}  // namespace

std::function<std::optional<response>(const request&)> admit_hosts(std::vector<std::string> hosts) {
    return [hosts = std::move(hosts)](const request& r) -> std::optional<response> {
        const auto is_ours = [&](std::string_view name) {
            return std::ranges::any_of(
                hosts, [&](const auto& ours) { return equals_ignoring_case(ours, name); });
        };
        const auto host = r.headers.find("Host").value_or("");
        if (!is_ours(host_name(host))) return refused("Host", host);
        const auto origin = r.headers.find("Origin");
        if (!origin) return std::nullopt;
        constexpr std::string_view scheme = "http://";
        const auto is_web = origin->starts_with(scheme);
        if (is_web && is_ours(host_name(origin->substr(scheme.size())))) return std::nullopt;
        return refused("Origin", *origin);
    };
}

admin_server::admin_server(execution& world, executor on, health& checks, router routes,
                           admin_options options)
    : server_{world, std::move(on), with_probes(std::move(routes), checks, options),
              server_options_of(options)} {}

}  // namespace tidemark::http
