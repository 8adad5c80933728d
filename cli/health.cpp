#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/session.hpp"

#include <CLI/App.hpp>

namespace tidemark::cli {
namespace {

/// Asks the process whether it is ready, without the store: for container health checks.
exit_code ask(session& in) {
    const auto out = in.out();
    const auto url = in.url.empty() ? admin_url(in.values()) : in.url;
    const auto to = connect_live(url);
    if (!to) {
        throw failure{exit_code::unreachable,
                      {"CLI-003", "nobody answers at " + url,
                       in.url.empty() ? "http.address, http.admin_port" : "flag --url",
                       "name the admin listener of a running process"}};
    }
    const auto answered = to->exchange(http::method::get, "/readyz", "");
    out.json(answered.body);
    const auto is_ready = answered.status == 200;
    out.line(is_ready ? out.paint("green", "ready") : out.paint("red", "not ready"));
    const auto* const members = answered.body.if_object();
    const auto* const checks = members == nullptr ? nullptr : members->if_contains("checks");
    if (checks != nullptr) out.line(to_indented_text(*checks));
    return is_ready ? exit_code::ok : exit_code::failed;
}

}  // namespace

void add_health(CLI::App& tool, session& in) {
    auto& health = *tool.add_subcommand("health", "is the process ready? exit 0 if it is");
    on_run(health, in, [&in] { return ask(in); });
}

}  // namespace tidemark::cli
