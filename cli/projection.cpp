#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/session.hpp"

#include <poll.h>
#include <CLI/App.hpp>

#include <memory>
#include <utility>

namespace tidemark::cli {
namespace {

namespace json = boost::json;

constexpr int poll_ms = 200;

struct projection_verb_options {
    std::string name;
    bool is_waiting = false;
};

std::string lag_of(const json::value& item) {
    const auto text = cell(item, "lag_seconds");
    return text.empty() ? "" : span_text(std::stod(text));
}

exit_code list_projections(session& in) {
    const auto out = in.out();
    const auto document = in.connect(access::read).get("/admin/v1/projections");
    out.json(document);
    std::vector<std::vector<std::string>> rows;
    for (const auto& item : document.at("items").as_array()) {
        rows.push_back({cell(item, "name"), cell(item, "state"), cell(item, "position"),
                        cell(item, "lag_events"), lag_of(item), cell(item, "error")});
    }
    out.table({"PROJECTION", "STATE", "POSITION", "LAG", "", "ERROR"}, rows);
    return exit_code::ok;
}

/// State of one projection; "" if it is not listed.
std::string state_of(session& in, const std::string& name, std::string& position) {
    const auto document = in.connect(access::live).get("/admin/v1/projections");
    for (const auto& item : document.at("items").as_array()) {
        if (cell(item, "name") != name) continue;
        position = cell(item, "position");
        return cell(item, "state");
    }
    return "";
}

exit_code rebuild(session& in, const projection_verb_options& o) {
    const auto out = in.out();
    json::object body;
    body["actor"] = "cli";
    const auto answered =
        in.connect(access::live).post("/admin/v1/projections" + segment(o.name) + "/rebuild", body);
    out.json(answered);
    out.line("rebuilding " + o.name + " beside the live one; reads go on");
    if (!o.is_waiting) return exit_code::ok;
    for (std::string position;;) {
        const auto state = state_of(in, o.name, position);
        if (state == "running") {
            out.line("done, at position " + position);
            return exit_code::ok;
        }
        if (state == "stopped" || state.empty()) {
            throw failure{exit_code::failed,
                          {"CLI-007", "projection " + o.name + " is " + state,
                           "GET /admin/v1/projections", "projection ls shows its error"}};
        }
        out.remark(o.name + ": " + state + ", position " + position);
        ::poll(nullptr, 0, poll_ms);
    }
}

}  // namespace

void add_projection(CLI::App& tool, session& in) {
    auto o = std::make_shared<projection_verb_options>();
    auto& noun = *tool.add_subcommand("projection", "projections: how far they are");
    noun.require_subcommand(1);
    auto& ls = *noun.add_subcommand("ls", "list projections and their lag");
    on_run(ls, in, [&in] { return list_projections(in); });

    auto& again = *noun.add_subcommand("rebuild", "build anew beside the live one, then swap");
    again.add_option("NAME", o->name, "projection")->required();
    again.add_flag("--wait", o->is_waiting, "return when it is done");
    on_run(again, in, [&in, o] { return rebuild(in, *o); });
}

}  // namespace tidemark::cli
