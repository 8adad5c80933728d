#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/open_store.hpp"
#include "tidemark/cli/postgres_schema.hpp"
#include "tidemark/cli/session.hpp"

#include <CLI/App.hpp>
#include <boost/json/object.hpp>

#include <filesystem>
#include <memory>

namespace tidemark::cli {
namespace {

/// Opening the file for serving brings its schema up to date, checksums included; opening it for
/// reading only tells what it has.
exit_code migrate_file(session& in, bool is_status) {
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

exit_code migrate_up(session& in, bool is_dry_run) {
    if (is_postgres(in.values())) return apply_postgres_schema(in, is_dry_run);
    return migrate_file(in, is_dry_run);
}

exit_code show_status(session& in) {
    if (is_postgres(in.values())) return show_postgres_schema(in);
    return migrate_file(in, true);
}

/// Opening a file compares the checksum of every step, whoever opens it.
exit_code verify(session& in) {
    if (is_postgres(in.values())) return verify_postgres_schema(in);
    return migrate_file(in, true);
}

}  // namespace

void add_migrate(CLI::App& tool, session& in) {
    auto is_status = std::make_shared<bool>(false);
    auto& verb = *tool.add_subcommand("migrate", "bring the store's schema up to date");
    verb.add_flag("--status", *is_status, "only print the schema's version");
    // Called after that of the verb behind it, if there is one.
    verb.final_callback([&in, &verb, is_status] {
        if (!verb.get_subcommands().empty()) return;
        in.run = [&in, is_status] { return *is_status ? show_status(in) : migrate_up(in, false); };
    });

    auto is_dry_run = std::make_shared<bool>(false);
    auto& up = *verb.add_subcommand("up", "apply what is pending");
    up.add_flag("--dry-run", *is_dry_run, "apply it, print it, undo it");
    on_run(up, in, [&in, is_dry_run] { return migrate_up(in, *is_dry_run); });
    auto& status = *verb.add_subcommand("status", "print each step and whether it is applied");
    on_run(status, in, [&in] { return show_status(in); });
    auto& verified = *verb.add_subcommand("verify", "compare the schema with the migrations");
    on_run(verified, in, [&in] { return verify(in); });
    auto& dump = *verb.add_subcommand("dump", "print the migrations for PostgreSQL as SQL");
    on_run(dump, in, [&in] { return dump_postgres_schema(in); });
}

}  // namespace tidemark::cli
