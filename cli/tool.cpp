#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/session.hpp"
#include "tidemark/runtime/nearest.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <iostream>
#include <optional>
#include <utility>

namespace tidemark::cli {
namespace {

void add_globals(CLI::App& tool, session& in) {
    tool.add_flag("--json", in.is_json, "print JSON");
    tool.add_flag("-q,--quiet", in.is_quiet, "print errors only");
    tool.add_flag("-v,--verbose", in.is_verbose, "say what is being done");
    tool.add_flag("--no-color", in.is_plain, "no colours (also: NO_COLOR)");
    tool.add_option("--url", in.url, "admin listener of a running process")->type_name("URL");
    tool.add_option("--store", in.store, "store to use, as store.url: sqlite:PATH, postgres://…")
        ->type_name("URL");
    tool.add_option("--config", in.config_file, "configuration file")->type_name("FILE");
    tool.add_option("--set", in.assignments, "one setting, section.key=value; repeatable")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
}

std::vector<std::string> verbs_of(const CLI::App& of) {
    std::vector<std::string> out;
    for (const auto* verb : of.get_subcommands({})) {
        out.push_back(verb->get_name());
        for (const auto& other : verb->get_aliases()) out.push_back(other);
    }
    return out;
}

/// The option that this argument spells and that takes the next argument as its value.
bool takes_next(const CLI::App& verb, const CLI::App& tool, const std::string& argument) {
    if (argument.find('=') != std::string::npos) return false;
    for (const auto* in : {&verb, &tool}) {
        const auto* const option = in->get_option_no_throw(argument);
        if (option != nullptr) return option->get_items_expected_max() > 0;
    }
    return false;
}

/// Refuses the first word that stands where a verb belongs and is none.
void refuse_unknown_verb(const CLI::App& tool, const std::vector<std::string>& arguments) {
    const auto* at = &tool;
    std::string path = tool.get_name();
    for (auto i = std::size_t{0}; i < arguments.size(); ++i) {
        const auto& word = arguments[i];
        if (word.starts_with('-')) {
            if (takes_next(*at, tool, word)) ++i;
            continue;
        }
        const auto verbs = verbs_of(*at);
        if (verbs.empty()) return;
        if (std::find(verbs.begin(), verbs.end(), word) == verbs.end()) {
            const auto close = nearest(word, verbs);
            throw failure{exit_code::usage,
                          {"CLI-001", "there is no verb \"" + word + "\" behind \"" + path + "\"",
                           "the command line",
                           close ? "did you mean " + path + " " + *close + "?" : path + " --help"}};
        }
        at = at->get_subcommand(word);
        path += " " + word;
    }
}

exit_code parse_and_run(CLI::App& tool, session& in, std::vector<std::string> arguments,
                        std::ostream& results) {
    try {
        refuse_unknown_verb(tool, arguments);
        std::reverse(arguments.begin(), arguments.end());
        tool.parse(std::move(arguments));
    } catch (const CLI::CallForHelp&) {
        const auto* at = &tool;
        std::string above;
        while (!at->get_subcommands().empty()) {
            above += at->get_name() + " ";
            at = at->get_subcommands().front();
        }
        results << at->help(
            above.empty() ? "" : above.substr(0, above.size() - 1) + " " + at->get_name());
        return exit_code::ok;
    } catch (const CLI::ParseError& e) {
        throw failure{exit_code::usage,
                      {"CLI-002", e.what(), "the command line", tool.get_name() + " --help"}};
    }
    if (!in.run) {
        results << tool.help();
        return exit_code::usage;
    }
    return in.run();
}

}  // namespace

void on_run(CLI::App& verb, session& in, std::function<exit_code()> run) {
    verb.final_callback([&in, run = std::move(run)] { in.run = run; });
}

void build(CLI::App& tool, session& in) {
    tool.fallthrough();
    tool.get_formatter()->column_width(26);
    add_globals(tool, in);
    add_serve(tool, in);
    add_stream(tool, in);
    add_tail(tool, in);
    add_saga(tool, in);
    add_dlq(tool, in);
    add_projection(tool, in);
    add_consumer(tool, in);
    add_bus(tool, in);
    add_snapshot(tool, in);
    add_check(tool, in);
    add_config(tool, in);
    add_migrate(tool, in);
    add_restored(tool, in);
    add_health(tool, in);
    add_completion(tool, in);
    add_version(tool, in);
}

int run_tool(const app& what, const std::vector<std::string>& arguments, std::ostream& results,
             std::ostream& remarks) {
    session in{what, results, remarks};
    CLI::App tool{what.summary, what.called()};
    auto code = exit_code::failed;
    std::string said;
    try {
        build(tool, in);
        code = parse_and_run(tool, in, arguments, results);
    } catch (const failure& e) {
        code = e.code();
        said = e.told_by(what.called());
    } catch (const config_error& e) {
        code = exit_code::usage;
        said = e.text(what.called());
    } catch (const std::exception& e) {
        const auto broken = to_failure({errc::io_error, e.what()}, "a bug or a full machine");
        said = broken.told_by(what.called());
    }
    results.flush();
    if (!said.empty()) remarks << said << '\n';
    return static_cast<int>(code);
}

int main(const app& what, int argc, char* argv[]) {
    const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
    auto called = what;
    if (argc > 0) called.program = std::filesystem::path{argv[0]}.filename().string();
    return run_tool(called, arguments, std::cout, std::cerr);
}

}  // namespace tidemark::cli
