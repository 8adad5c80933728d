#pragma once

#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/session.hpp"
#include "tidemark/eventstore/postgres_database.hpp"
#include "tidemark/eventstore/temporary_folder.hpp"
#include "tidemark/runtime/config.hpp"

#include <boost/json/parse.hpp>

#include <functional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

/// What tests of the command line share. Only for tests.
namespace tidemark::testing {

/// How a run of the tool ended, and what it printed.
struct ran {
    int code = 0;
    std::string results;
    std::string remarks;
    [[nodiscard]] boost::json::value json() const { return boost::json::parse(results); }
};

/// Runs the tool of `what` in this process.
inline ran run_with(const cli::app& what, const std::vector<std::string>& arguments) {
    std::ostringstream results;
    std::ostringstream remarks;
    const auto code = cli::run_tool(what, arguments, results, remarks);
    return {code, results.str(), remarks.str()};
}

inline bool is(const ran& r, cli::exit_code code) { return r.code == static_cast<int>(code); }

/// The defaults with free ports and this store, whatever files lie around.
inline settings settings_of(std::string store, std::string admin_port = "0") {
    config_sources sources;
    sources.fallback_file.clear();
    sources.flags = {{"--set", "http.port", "0"},
                     {"--set", "http.admin_port", std::move(admin_port)},
                     {"--store", "store.url", std::move(store)}};
    return load_settings(default_schema(), sources);
}

/// With a fresh store of each kind that is here; it goes afterwards.
inline void for_each_store(const std::function<void(const std::string& url)>& test) {
    {
        const temporary_folder folder;
        test("sqlite:" + folder.file("t.db"));
    }
    if (has_postgres()) test(postgres_database{}.options().url);
}

}  // namespace tidemark::testing
