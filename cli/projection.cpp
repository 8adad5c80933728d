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
    std::string reason;
    std::string actor;
    std::size_t limit = 100;
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
        const auto paused = cell(item, "paused");
        const auto state = paused.empty() || cell(item, "state") == "paused"
                               ? cell(item, "state")
                               : cell(item, "state") + ", paused";
        rows.push_back({cell(item, "name"), state, cell(item, "position"), cell(item, "lag_events"),
                        lag_of(item), cell(item, "parked"),
                        printable(paused.empty() ? cell(item, "error") : paused)});
    }
    out.table({"PROJECTION", "STATE", "POSITION", "LAG", "", "PARKED", "REASON"}, rows);
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

json::object who_and_why(const projection_verb_options& o) {
    json::object body;
    body["actor"] = actor_or_login(o.actor);
    body["reason"] = o.reason;
    return body;
}

/// `verb` is "pause" or "resume".
exit_code pause_or_resume(session& in, const projection_verb_options& o, const std::string& verb) {
    const auto out = in.out();
    const auto answered =
        in.connect(access::change)
            .post("/admin/v1/projections" + segment(o.name) + "/" + verb, who_and_why(o));
    out.json(answered);
    out.line(o.name + " is " + cell(answered, "state") +
             (verb == "pause" ? "; its rows stay as they are until it is resumed" : ""));
    return exit_code::ok;
}

exit_code list_parked(session& in, const projection_verb_options& o) {
    const auto out = in.out();
    const auto page = in.connect(access::read)
                          .list("/admin/v1/projections" + segment(o.name) + "/parked", {}, o.limit);
    std::vector<std::vector<std::string>> rows;
    for (const auto& item : page.items) {
        rows.push_back({cell(item, "position"), cell(item, "stream"), cell(item, "version"),
                        cell(item, "name"), printable(cell(item, "reason"))});
    }
    out.table({"POSITION", "STREAM", "VERSION", "EVENT", "REASON"}, rows);
    json::object document;
    document["items"] = page.items;
    out.json(document);
    return exit_code::ok;
}

exit_code rebuild(session& in, const projection_verb_options& o) {
    const auto out = in.out();
    const auto answered =
        in.connect(access::live)
            .post("/admin/v1/projections" + segment(o.name) + "/rebuild", who_and_why(o));
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

void add_audit(CLI::App& verb, const std::shared_ptr<projection_verb_options>& o) {
    verb.add_option("--reason", o->reason, "kept in the audit");
    verb.add_option("--actor", o->actor, "kept in the audit; your login name if not given");
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
    add_audit(again, o);
    on_run(again, in, [&in, o] { return rebuild(in, *o); });

    for (const auto& [name, does] : {std::pair{"pause", "stop it where it is, in every process"},
                                     std::pair{"resume", "let a paused one go on"}}) {
        auto& verb = *noun.add_subcommand(name, does);
        verb.add_option("NAME", o->name, "projection")->required();
        add_audit(verb, o);
        on_run(verb, in, [&in, o, verb_name = std::string{name}] {
            return pause_or_resume(in, *o, verb_name);
        });
    }

    auto& parked = *noun.add_subcommand("parked", "events it threw on and has set aside");
    parked.add_option("NAME", o->name, "projection")->required();
    parked.add_option("--limit", o->limit, "at most so many; 0: all")->capture_default_str();
    on_run(parked, in, [&in, o] { return list_parked(in, *o); });
}

}  // namespace tidemark::cli
