#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/session.hpp"

#include <CLI/App.hpp>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace tidemark::cli {
namespace {

namespace json = boost::json;

/// Snapshots compared in one request, and findings that are printed: more are only counted.
constexpr const char* page_snapshots = "100";
constexpr std::size_t findings_max = 1'000;

struct snapshot_options {
    std::vector<std::string> streams;
    std::string stream;
    std::size_t limit = 100;
    bool is_all = false;
};

exit_code list_snapshots(session& in, const snapshot_options& o) {
    const auto out = in.out();
    const auto page =
        in.connect(access::read).list("/admin/v1/snapshots", {{"stream", o.stream}}, o.limit);
    std::vector<std::vector<std::string>> rows;
    for (const auto& item : page.items) {
        rows.push_back(
            {cell(item, "stream"), cell(item, "version"), cell(item, "bytes"), cell(item, "name")});
    }
    out.table({"STREAM", "VERSION", "BYTES", "STATE"}, rows);
    json::object document;
    document["items"] = page.items;
    out.json(document);
    return exit_code::ok;
}

/// What has been compared so far.
struct tally {
    std::uint64_t checked = 0;
    std::uint64_t differing = 0;
    std::uint64_t ignored = 0;
    json::array findings;
};

void look_at(const output& out, const json::value& item, tally& seen) {
    ++seen.checked;
    const auto outcome = cell(item, "outcome");
    if (outcome == "equal") return;
    const auto is_fault = outcome == "differs";
    ++(is_fault ? seen.differing : seen.ignored);
    if (seen.findings.size() >= findings_max) return;
    seen.findings.push_back(item);
    out.line((is_fault ? out.paint("red", "DIFFERS  ") : out.paint("dim", "ignored  ")) +
             cell(item, "stream") + " at version " + cell(item, "version") + " (" +
             cell(item, "name") + "): " + printable(cell(item, "reason")));
}

/// Goes through the snapshots of one stream, or of all if it is empty.
void verify_stream(session& in, const output& out, const std::string& stream, tally& seen) {
    std::string cursor;
    do {
        const auto page =
            in.connect(access::read)
                .get(target("/admin/v1/snapshots/verify",
                            {{"stream", stream}, {"cursor", cursor}, {"limit", page_snapshots}}));
        for (const auto& item : page.at("items").as_array()) look_at(out, item, seen);
        cursor = cell(page, "next");
        out.remark(std::to_string(seen.checked) + " compared");
    } while (!cursor.empty());
}

exit_code verify(session& in, const snapshot_options& o) {
    if (o.streams.empty() != o.is_all) {
        throw failure{exit_code::usage,
                      {"CLI-002", "name streams, or --all", "the command line",
                       in.what().called() + " snapshot verify --all"}};
    }
    const auto out = in.out();
    tally seen;
    if (o.is_all) verify_stream(in, out, "", seen);
    for (const auto& stream : o.streams) verify_stream(in, out, stream, seen);
    json::object document;
    document["ok"] = seen.differing == 0;
    document["checked"] = seen.checked;
    document["differing"] = seen.differing;
    document["ignored"] = seen.ignored;
    document["items"] = seen.findings;
    out.json(document);
    out.line(std::to_string(seen.checked) +
             " snapshots: " + std::to_string(seen.checked - seen.differing - seen.ignored) +
             " equal a replay, " + std::to_string(seen.differing) + " differ, " +
             std::to_string(seen.ignored) + " ignored");
    return seen.differing == 0 ? exit_code::ok : exit_code::failed;
}

}  // namespace

void add_snapshot(CLI::App& tool, session& in) {
    auto o = std::make_shared<snapshot_options>();
    auto& noun = *tool.add_subcommand("snapshot", "snapshots: stored states that spare a replay");
    noun.require_subcommand(1);
    auto& ls = *noun.add_subcommand("ls", "list snapshots");
    ls.add_option("STREAM", o->stream, "only of this stream");
    ls.add_option("--limit", o->limit, "at most so many; 0: all")->capture_default_str();
    on_run(ls, in, [&in, o] { return list_snapshots(in, *o); });

    auto& check = *noun.add_subcommand("verify", "compare snapshots with a replay of their events");
    check.add_option("STREAM", o->streams, "streams whose snapshots are compared");
    check.add_flag("--all", o->is_all, "every snapshot of the store");
    on_run(check, in, [&in, o] { return verify(in, *o); });
}

}  // namespace tidemark::cli
