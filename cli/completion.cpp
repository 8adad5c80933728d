#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/session.hpp"

#include <CLI/App.hpp>

#include <map>
#include <memory>
#include <string>

namespace tidemark::cli {
namespace {

/// Words that may follow each path of verbs: " stream" → "ls cat … --json".
using word_table = std::map<std::string, std::string>;

std::string options_of(const CLI::App& verb) {
    std::string out;
    for (const auto* option : verb.get_options()) {
        for (const auto& name : option->get_lnames()) out += " --" + name;
    }
    return out;
}

void gather(const CLI::App& verb, const std::string& path, const std::string& globals,
            word_table& into) {
    std::string words;
    for (const auto* below : verb.get_subcommands({})) {
        words += " " + below->get_name();
        gather(*below, path + " " + below->get_name(), globals, into);
    }
    into[path] = words + options_of(verb) + (path.empty() ? "" : globals);
}

/// Walks the words before the cursor down the table; bash, and zsh with its bash completion.
std::string bash_script(const std::string& name, const word_table& words) {
    auto out = "_" + name +
               "() {\n    local path=\"\" word words\n"
               "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
               "        case \"$path $word\" in\n            ";
    auto is_first = true;
    for (const auto& [path, list] : words) {
        if (path.empty()) continue;
        out += (is_first ? "\"" : "|\"") + path + "\"";
        is_first = false;
    }
    out += ") path=\"$path $word\" ;;\n        esac\n    done\n    case \"$path\" in\n";
    for (const auto& [path, list] : words) {
        out += "        \"" + path + "\") words=\"" + list + "\" ;;\n";
    }
    return out +
           "    esac\n    COMPREPLY=($(compgen -W \"$words\" -- "
           "\"${COMP_WORDS[COMP_CWORD]}\"))\n}\ncomplete -o default -F _" +
           name + " " + name + "\n";
}

std::string fish_script(const CLI::App& tool) {
    const auto& name = tool.get_name();
    std::string out;
    for (const auto* verb : tool.get_subcommands({})) {
        out += "complete -c " + name + " -n __fish_use_subcommand -f -a " + verb->get_name() +
               " -d '" + verb->get_description() + "'\n";
        for (const auto* below : verb->get_subcommands({})) {
            out += "complete -c " + name + " -n '__fish_seen_subcommand_from " + verb->get_name() +
                   "' -f -a " + below->get_name() + " -d '" + below->get_description() + "'\n";
        }
    }
    for (const auto* option : tool.get_options()) {
        for (const auto& spelled : option->get_lnames()) {
            out += "complete -c " + name + " -l " + spelled + "\n";
        }
    }
    return out;
}

exit_code print_script(session& in, const CLI::App& tool, const std::string& shell) {
    const auto out = in.out();
    word_table words;
    gather(tool, "", options_of(tool), words);
    if (shell == "bash") {
        out.line(bash_script(tool.get_name(), words));
    } else if (shell == "zsh") {
        out.line("autoload -U +X bashcompinit && bashcompinit\n" +
                 bash_script(tool.get_name(), words));
    } else if (shell == "fish") {
        out.line(fish_script(tool));
    } else {
        throw failure{exit_code::usage,
                      {"CLI-002", "there is no completion for \"" + shell + "\"",
                       "the command line", "completion bash, zsh or fish"}};
    }
    return exit_code::ok;
}

}  // namespace

void add_completion(CLI::App& tool, session& in) {
    auto shell = std::make_shared<std::string>();
    auto& verb = *tool.add_subcommand("completion", "print a script that completes verbs");
    verb.add_option("SHELL", *shell, "bash, zsh or fish")->required();
    on_run(verb, in, [&in, &tool, shell] { return print_script(in, tool, *shell); });
}

}  // namespace tidemark::cli
