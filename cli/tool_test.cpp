#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/session.hpp"
#include "tidemark/cli/tool_run.hpp"
#include "tidemark/eventstore/temporary_folder.hpp"

#include <doctest/doctest.h>
#include <CLI/App.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace tidemark;
using namespace tidemark::testing;
using cli::exit_code;

ran run_with(const std::vector<std::string>& arguments) {
    return testing::run_with(cli::app{}, arguments);
}

/// Every verb of the tool, from the top: its path and its help.
void visit(const CLI::App& verb, const std::string& path,
           const std::function<void(const std::string&, const CLI::App&)>& see) {
    see(path, verb);
    for (const auto* below : verb.get_subcommands({})) {
        visit(*below, path + " " + below->get_name(), see);
    }
}

}  // namespace

TEST_CASE("tool: the help of every verb fits 40 lines of 100 characters") {
    const cli::app what;
    std::ostringstream nowhere;
    cli::session in{what, nowhere, nowhere};
    CLI::App tool{what.summary, what.name};
    cli::build(tool, in);
    auto seen = 0;
    visit(tool, "tidemark", [&seen](const std::string& path, const CLI::App& verb) {
        const auto help = verb.help();
        CHECK_MESSAGE(std::count(help.begin(), help.end(), '\n') <= 40, path);
        CHECK_MESSAGE(!verb.get_description().empty(), path);
        std::istringstream lines{help};
        for (std::string line; std::getline(lines, line);) {
            CHECK_MESSAGE(line.size() <= 100, path, ": ", line);
        }
        ++seen;
    });
    CHECK(seen > 25);
}

TEST_CASE("tool: help goes to stdout and names the whole verb") {
    const auto top = run_with({"--help"});
    CHECK(is(top, exit_code::ok));
    CHECK(top.results.find("Usage: tidemark [OPTIONS]") != std::string::npos);
    const auto verb = run_with({"stream", "cat", "--help"});
    CHECK(is(verb, exit_code::ok));
    CHECK(verb.results.find("Usage: tidemark stream cat") != std::string::npos);
    CHECK(is(run_with({}), exit_code::usage));
}

TEST_CASE("tool: doctor is check under another name") {
    const testing::temporary_folder folder;
    for (const auto* verb : {"check", "doctor"}) {
        const auto told = run_with({verb, "--json", "--store", "sqlite:" + folder.file("none.db"),
                                    "--set", "http.port=0", "--set", "http.admin_port=0"});
        CHECK(is(told, exit_code::ok));
        CHECK(told.results.starts_with("{\"ok\":true,"));
    }
    CHECK(run_with({"doctr"}).remarks.find("did you mean tidemark doctor?") != std::string::npos);
}

TEST_CASE("tool: an unknown verb is refused with the nearest one") {
    struct row {
        std::vector<std::string> arguments;
        const char* meant;
    };
    const row rows[] = {{{"straem", "ls"}, "did you mean tidemark stream?"},
                        {{"--url", "http://127.0.0.1:1", "sagas"}, "did you mean tidemark saga?"},
                        {{"dlq", "--json", "repaly"}, "did you mean tidemark dlq replay?"},
                        {{"stream", "xyzzy"}, "tidemark stream --help"}};
    for (const auto& r : rows) {
        const auto told = run_with(r.arguments);
        CHECK(is(told, exit_code::usage));
        CHECK_MESSAGE(told.remarks.find(r.meant) != std::string::npos, told.remarks);
        CHECK(told.remarks.starts_with("tidemark-CLI-001  "));
    }
}

TEST_CASE("tool: arguments that do not fit are a usage error in the house style") {
    for (const auto& arguments :
         std::vector<std::vector<std::string>>{{"stream", "cat"},
                                               {"stream", "cat", "a-1", "--from", "x"},
                                               {"stream", "state", "a-1", "--nonsense"},
                                               {"dlq", "drop", "e1"},
                                               {"completion", "tcsh"},
                                               {"config", "show", "--set", "nonsense"},
                                               {"health", "--url", "ftp://x"}}) {
        const auto told = run_with(arguments);
        CHECK_MESSAGE(is(told, exit_code::usage), arguments[0]);
        CHECK(told.remarks.starts_with("tidemark-CLI-002  "));
        CHECK(told.remarks.find("\n  fix      ") != std::string::npos);
    }
}

TEST_CASE("tool: mistakes of the configuration end with 2, all of them named") {
    const auto told = run_with({"config", "show", "--set", "http.port=x", "--set", "io.shard=1"});
    CHECK(is(told, exit_code::usage));
    CHECK(told.remarks.find("http.port must be 0..65535, got \"x\"") != std::string::npos);
    CHECK(told.remarks.find("did you mean io.shards?") != std::string::npos);
}

TEST_CASE("tool: config show tells value and source, as a table and as JSON") {
    const auto table = run_with({"config", "show", "--set", "http.port=9"});
    CHECK(is(table, exit_code::ok));
    CHECK(table.results.find("flag --set http.port") != std::string::npos);
    const auto json = run_with({"--json", "config", "show", "--store", "memory:"});
    const auto document = boost::json::parse(json.results);
    auto is_found = false;
    for (const auto& item : document.at("items").as_array()) {
        if (cli::cell(item, "key") != "store.url") continue;
        is_found = true;
        CHECK(cli::cell(item, "value") == "memory:");
        CHECK(cli::cell(item, "source") == "flag --store");
    }
    CHECK(is_found);
}

TEST_CASE("tool: nobody to speak to is told apart from a wrong call") {
    const testing::temporary_folder folder;
    const auto nobody = run_with({"stream", "ls", "--url", "http://127.0.0.1:1"});
    CHECK(is(nobody, exit_code::unreachable));
    CHECK(nobody.remarks.starts_with("tidemark-CLI-003  "));
    const auto file = run_with({"stream", "ls", "--store", "sqlite:" + folder.file("none.db")});
    CHECK(is(file, exit_code::unreachable));
    CHECK(file.remarks.starts_with("tidemark-CLI-006  "));
    const auto rebuild = run_with({"projection", "rebuild", "x", "--set", "http.admin_port=1"});
    CHECK(is(rebuild, exit_code::unreachable));
    CHECK(rebuild.remarks.starts_with("tidemark-CLI-008  "));
}

TEST_CASE("tool: migrate makes a store, and a file that is none is refused") {
    const testing::temporary_folder folder;
    const auto path = folder.file("made.db");
    const auto made = run_with({"migrate", "--json", "--store", "sqlite:" + path});
    CHECK(is(made, exit_code::ok));
    CHECK(cli::cell(boost::json::parse(made.results), "created") == "true");
    const auto again = run_with({"migrate", "--json", "--store", "sqlite:" + path});
    CHECK(cli::cell(boost::json::parse(again.results), "created") == "false");
    CHECK(is(run_with({"migrate", "--status", "--store", "sqlite:" + path}), exit_code::ok));

    std::ofstream{folder.file("text.db")} << "this is no database, whatever its name says";
    const auto foreign = run_with({"migrate", "--store", "sqlite:" + folder.file("text.db")});
    CHECK(is(foreign, exit_code::unreachable));
    CHECK(foreign.remarks.starts_with("tidemark-CLI-006  "));
}

TEST_CASE("tool: every code that can be printed is explained") {
    for (const auto& code : cli::all_codes()) {
        CHECK(is(run_with({"explain", code}), exit_code::ok));
    }
    CHECK(is(run_with({"explain", "tidemark-CLI-003"}), exit_code::ok));
    CHECK(is(run_with({"explain", "CFG-999"}), exit_code::failed));
}

TEST_CASE("tool: messages and remedies name the program that was run") {
    const cli::app what;
    const auto run_as_bank = [&what](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "/opt/bin/bank");
        std::vector<char*> raw;
        for (auto& a : arguments) raw.push_back(a.data());
        std::ostringstream said;
        auto* const before = std::cerr.rdbuf(said.rdbuf());
        const auto code = cli::main(what, static_cast<int>(raw.size()), raw.data());
        std::cerr.rdbuf(before);
        CHECK(code != 0);
        return said.str();
    };
    const auto verb = run_as_bank({"straem"});
    CHECK(verb.find("did you mean bank stream?") != std::string::npos);
    CHECK(verb.find("docs: bank explain CLI-001") != std::string::npos);
    const auto setting = run_as_bank({"config", "show", "--set", "qqqqqqqqqqqq=1"});
    CHECK(setting.find("fix      bank config show lists all settings") != std::string::npos);
    CHECK(setting.find("docs: bank explain CFG-005") != std::string::npos);
    const auto needs_process =
        run_as_bank({"saga", "resume", "a-1", "--reason", "x", "--set", "http.admin_port=1"});
    CHECK(needs_process.find("fix      bank dev") != std::string::npos);
    for (const auto& said : {verb, setting, needs_process}) {
        CHECK(said.find("tidemark ") == std::string::npos);
    }
}

TEST_CASE("tool: version says what it is") {
    const auto told = run_with({"version", "--json"});
    CHECK(is(told, exit_code::ok));
    CHECK(cli::cell(boost::json::parse(told.results), "tidemark") == TIDEMARK_VERSION);
}

TEST_CASE("tool: version names the revision it was built from") {
    const auto said =
        cli::cell(boost::json::parse(run_with({"version", "--json"}).results), "revision");
    CHECK(run_with({"version"}).results.find("revision " + said + ",") != std::string::npos);
    if (!TIDEMARK_IS_REVISION_KNOWN) {
        CHECK(said == "unknown");
        return;
    }
    const auto digits = said.substr(0, said.find('-'));
    CHECK(digits.size() >= 12);
    CHECK(digits.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK((said == digits || said == digits + "-dirty"));
}

TEST_CASE("tool: the bash completion completes verbs below verbs") {
    const testing::temporary_folder folder;
    const auto script = folder.file("completion");
    std::ofstream{script} << run_with({"completion", "bash"}).results;
    const auto complete = [&script](const std::string& words, int at) {
        const auto command = "bash -c 'source " + script + "; COMP_WORDS=(" + words +
                             "); COMP_CWORD=" + std::to_string(at) +
                             "; _tidemark; echo \"${COMPREPLY[@]}\"'";
        auto* const pipe = ::popen(command.c_str(), "r");
        REQUIRE(pipe != nullptr);
        std::string out;
        char buffer[4096];
        while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) out += buffer;
        ::pclose(pipe);
        return out;
    };
    CHECK(complete("tidemark str", 1) == "stream\n");
    CHECK(complete("tidemark stream st", 2) == "state\n");
    CHECK(complete("tidemark --json stream state --a", 4) == "--at\n");
    CHECK(complete("tidemark dlq re", 2) == "replay\n");
    CHECK(run_with({"completion", "fish"}).results.find("-a stream -d ") != std::string::npos);
    CHECK(run_with({"completion", "zsh"}).results.find("bashcompinit") != std::string::npos);
}
