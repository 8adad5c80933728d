#include "tidemark/cli/serving.hpp"
#include "tidemark/cli/session.hpp"

#include <CLI/App.hpp>

#include <memory>
#include <utility>

namespace tidemark::cli {
namespace {

/// Flags of their own for the settings that are changed most; all others by --set.
void add_setting(CLI::App& verb, session& in, const char* flag, const char* setting,
                 const char* help) {
    verb.add_option_function<std::string>(
            flag, [&in, flag, setting](const std::string& value) { in.set(flag, setting, value); },
            help)
        ->type_name("VALUE");
}

void add_flags(CLI::App& verb, session& in) {
    add_setting(verb, in, "--port", "http.port", "port of the API; 0: a free one");
    add_setting(verb, in, "--admin-port", "http.admin_port",
                "port of console, health and metrics; 0: a free one");
    add_setting(verb, in, "--bus", "bus.url", "bus to use");
}

}  // namespace

void add_serve(CLI::App& tool, session& in) {
    auto& dev = *tool.add_subcommand("dev", "run here, with console and demo traffic");
    add_flags(dev, in);
    dev.add_flag_callback(
        "--no-demo", [&in] { in.set("--no-demo", "demo.enabled", "false"); }, "no demo traffic");
    on_run(dev, in, [&in] { return serve(in, serve_mode::development); });

    auto& deployed = *tool.add_subcommand("run", "run as a service; SIGTERM drains");
    add_flags(deployed, in);
    on_run(deployed, in, [&in] { return serve(in, serve_mode::production); });
}

}  // namespace tidemark::cli
