#include "tidemark/cli/build_version.hpp"
#include "tidemark/cli/session.hpp"

#include <CLI/App.hpp>
#include <boost/json/object.hpp>

namespace tidemark::cli {
namespace {

exit_code show(session& in) {
    const auto out = in.out();
    out.line(in.what().name + " " + in.what().version + "  (tidemark " +
             std::string{library_version()} + ", revision " + std::string{source_revision()} +
             ", " + std::string{compiler_version()} + ")");
    boost::json::object document;
    document["name"] = in.what().name;
    document["version"] = in.what().version;
    document["tidemark"] = std::string{library_version()};
    document["revision"] = std::string{source_revision()};
    document["compiler"] = std::string{compiler_version()};
    out.json(document);
    return exit_code::ok;
}

}  // namespace

std::string_view library_version() { return TIDEMARK_VERSION; }

std::string_view compiler_version() {
#ifdef __clang__
    return "clang " __clang_version__;
#else
    return "gcc " __VERSION__;
#endif
}

void add_version(CLI::App& tool, session& in) {
    auto& version = *tool.add_subcommand("version", "what this is");
    on_run(version, in, [&in] { return show(in); });
}

}  // namespace tidemark::cli
