#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/http/router.hpp"
#include "tidemark/runtime/config.hpp"
#include "tidemark/runtime/runtime.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace tidemark::cli {

/// What a demo driver is told: where the application's own API listens.
struct demo_target {
    execution& world;
    std::string address;
    std::uint16_t port = 0;
    /// Orders, transfers, … per second.
    double rate = 2;
    /// True once the process is draining: start nothing more and return.
    std::function<bool()> is_stopping;
};

/// An application as the command line sees it. A program of one's own is
/// `return tidemark::cli::main(my_app(), argc, argv);` and has every verb of the tool.
struct app {
    /// "shop".
    std::string name = "tidemark";
    /// What the user typed to run it, for remedies that are commands: `main` takes it from its
    /// arguments. Empty: the name.
    std::string program;
    [[nodiscard]] const std::string& called() const { return program.empty() ? name : program; }
    std::string version = "0.1.0";
    /// One line for `--help`.
    std::string summary = "event-sourced aggregates and sagas";
    /// Adds the application's own settings to the schema.
    std::function<void(config_schema&)> add_settings;
    /// Registers stores, projections, performers and relays. Also called by verbs that only read a
    /// store: nothing is started by it and nothing may be contacted in it.
    std::function<void(runtime&, const settings&)> wire;
    /// Adds the routes of the application's API.
    std::function<void(http::router&, runtime&, const settings&)> add_routes;
    /// One `curl` line to paste once it runs; {url} stands for the API's URL.
    std::string example;
    /// Drives the application through its API while `dev` runs, so that the console has something
    /// to show. Null: none.
    std::function<awaitable<void>(demo_target)> demo;
};

/// What the process exits with.
enum class exit_code : int {
    ok = 0,
    /// A check failed, or something that was asked for is not there.
    failed = 1,
    /// The command line or the configuration is wrong.
    usage = 2,
    /// No process answers, or the store cannot be opened.
    unreachable = 3,
    /// Somebody else has it: the file is locked, the version moved.
    conflict = 4,
};

/// Runs the verb that the arguments name and returns the exit code. Everything thrown ends here,
/// as a message on stderr in the house style.
[[nodiscard]] int main(const app& what, int argc, char* argv[]);

}  // namespace tidemark::cli
