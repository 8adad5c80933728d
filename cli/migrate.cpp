#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/open_store.hpp"
#include "tidemark/cli/session.hpp"

#include <CLI/App.hpp>
#include <boost/json/object.hpp>

#include <filesystem>
#include <memory>

namespace tidemark::cli {
namespace {

/// Opening the file for serving brings its schema up to date, checksums included; opening it for
/// reading only tells what it has.
exit_code migrate(session& in, bool is_status) {
    const auto out = in.out();
    const auto& values = in.values();
    const auto path = sqlite_path(values);
    const auto is_there = !path.empty() && std::filesystem::exists(path);
    io world{{.shards = 1, .blocking_threads = 1}};
    const auto store =
        open_store(world, values, is_status ? store_mode::read_only : store_mode::serving);
    const auto status = run(world, store->status());
    if (!status) throw to_failure(status.error(), shown(values.at("store.url")));
    boost::json::object document;
    document["store"] = status->kind;
    document["location"] = status->location;
    document["schema_version"] = status->schema_version;
    document["created"] = !is_there && !is_status;
    out.json(document);
    out.line(status->kind + " " + status->location + ": schema version " +
             std::to_string(status->schema_version) +
             (is_status  ? ""
              : is_there ? ", up to date"
                         : ", created"));
    return exit_code::ok;
}

}  // namespace

void add_migrate(CLI::App& tool, session& in) {
    auto is_status = std::make_shared<bool>(false);
    auto& verb = *tool.add_subcommand("migrate", "bring the store's schema up to date");
    verb.add_flag("--status", *is_status, "only print the schema's version");
    on_run(verb, in, [&in, is_status] { return migrate(in, *is_status); });
}

}  // namespace tidemark::cli
