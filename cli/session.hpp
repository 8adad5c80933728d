#pragma once

#include "tidemark/cli/app.hpp"
#include "tidemark/cli/connection.hpp"
#include "tidemark/cli/output.hpp"

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tidemark::cli {

/// One run of the tool: what every verb may use. Owned by `main`.
class session {
  public:
    session(const app& what, std::ostream& results, std::ostream& remarks)
        : what_{what}, results_{results}, remarks_{remarks} {}

    [[nodiscard]] const app& what() const { return what_; }
    [[nodiscard]] output out() const;
    [[nodiscard]] config_schema schema() const;
    /// Loaded on first use, from flags, environment and file; throws `config_error`.
    [[nodiscard]] const settings& values();
    /// Opened on first use.
    [[nodiscard]] connection& connect(access wanted);

    /// A flag that sets a setting.
    void set(std::string spelling, std::string name, std::string value);

    // What the global flags were given.
    bool is_json = false;
    bool is_quiet = false;
    bool is_verbose = false;
    bool is_plain = false;
    std::string url;
    std::string store;
    std::string config_file;
    std::vector<std::string> assignments;

    /// The verb that was chosen: set by its parser, called by `main`.
    std::function<exit_code()> run;

  private:
    const app& what_;
    std::ostream& results_;
    std::ostream& remarks_;
    std::vector<config_flag> flags_;
    std::unique_ptr<settings> values_;
    std::unique_ptr<connection> connection_;
};

/// Who does it, for the audit: `given`, or the login name if that is empty.
[[nodiscard]] std::string actor_or_login(const std::string& given);

/// Gives `verb` what it does: called after parsing if `verb` was the one chosen.
void on_run(CLI::App& verb, session& in, std::function<exit_code()> run);

/// Like `main`, with the streams and the arguments behind the program's name, for tests.
[[nodiscard]] int run_tool(const app& what, const std::vector<std::string>& arguments,
                           std::ostream& results, std::ostream& remarks);

/// The whole parser with every verb; the session must outlive it.
void build(CLI::App& tool, session& in);

// One file a noun: each adds its verbs.
void add_serve(CLI::App& tool, session& in);
void add_bus(CLI::App& tool, session& in);
void add_stream(CLI::App& tool, session& in);
void add_tail(CLI::App& tool, session& in);
void add_saga(CLI::App& tool, session& in);
void add_snapshot(CLI::App& tool, session& in);
void add_dlq(CLI::App& tool, session& in);
void add_projection(CLI::App& tool, session& in);
void add_consumer(CLI::App& tool, session& in);
void add_check(CLI::App& tool, session& in);
void add_config(CLI::App& tool, session& in);
void add_migrate(CLI::App& tool, session& in);
void add_restored(CLI::App& tool, session& in);
void add_health(CLI::App& tool, session& in);
void add_completion(CLI::App& tool, session& in);
void add_version(CLI::App& tool, session& in);

}  // namespace tidemark::cli
