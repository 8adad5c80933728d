#include "tidemark/cli/session.hpp"

#include <CLI/App.hpp>

#include <memory>
#include <utility>

namespace tidemark::cli {
namespace {

namespace json = boost::json;

struct saga_options {
    std::string stream;
    std::string state;
    std::string saga;
    std::string reason;
    std::string actor;
    std::size_t limit = 100;
    bool is_dry_run = false;
    bool is_skip = false;
};

std::string age_of(const json::value& item) {
    const auto text = cell(item, "age_seconds");
    return text.empty() ? "" : span_text(std::stod(text));
}

std::string_view colour_of(const std::string& state) {
    if (state == "completed") return "green";
    if (state == "stuck" || state == "failed") return "red";
    return "yellow";
}

exit_code list_sagas(session& in, const saga_options& o) {
    const auto out = in.out();
    const auto page = in.connect(access::read)
                          .list("/admin/v1/sagas", {{"state", o.state}, {"saga", o.saga}}, o.limit);
    std::vector<std::vector<std::string>> rows;
    for (const auto& item : page.items) {
        rows.push_back({cell(item, "stream"), cell(item, "state"), age_of(item),
                        cell(item, "updated_at"), cell(item, "reason")});
    }
    out.table({"SAGA", "STATE", "AGE", "UPDATED", "REASON"}, rows);
    json::object document;
    document["items"] = page.items;
    document["next"] = page.next.empty() ? json::value(nullptr) : json::value(page.next);
    out.json(document);
    return exit_code::ok;
}

const json::array& list_in(const json::value& document, const char* member) {
    static const json::array none;
    const auto* const found = document.as_object().if_contains(member);
    return found != nullptr && found->is_array() ? found->get_array() : none;
}

void print_steps(const output& out, const json::value& saga) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& step : list_in(saga, "steps")) {
        rows.push_back({cell(step, "index"), cell(step, "state"), cell(step, "command"),
                        cell(step, "target"), cell(step, "undo"),
                        cell(step, "pivot") == "true" ? "pivot" : "", cell(step, "answered_at")});
    }
    out.table({"STEP", "STATE", "COMMAND", "TARGET", "UNDO", "", "ANSWERED"}, rows);
}

exit_code show_saga(session& in, const saga_options& o) {
    const auto out = in.out();
    const auto saga = in.connect(access::read).get("/admin/v1/sagas" + segment(o.stream));
    out.json(saga);
    const auto state = cell(saga, "state");
    const auto reason = cell(saga, "reason");
    out.line(out.paint("bold", cell(saga, "stream")) + "  " + out.paint(colour_of(state), state) +
             (reason.empty() ? "" : "  " + reason));
    out.line("version " + cell(saga, "version") + "  started " + cell(saga, "started_at") +
             "  updated " + cell(saga, "updated_at"));
    out.line("");
    print_steps(out, saga);
    for (const auto& timer : list_in(saga, "timers")) {
        out.line("timer " + cell(timer, "name") + " due " + cell(timer, "due"));
    }
    out.line("");
    for (const auto& moment : list_in(saga, "timeline")) {
        out.line("v" + cell(moment, "version") + "  " + cell(moment, "at") + "  " +
                 cell(moment, "kind") + "  " + cell(moment, "name") + "  " + cell(moment, "text"));
    }
    return exit_code::ok;
}

exit_code resume_saga(session& in, const saga_options& o) {
    const auto out = in.out();
    json::object body;
    body["actor"] = actor_or_login(o.actor);
    body["reason"] = o.reason;
    body["dry_run"] = o.is_dry_run;
    body["skip"] = o.is_skip;
    const auto answered =
        in.connect(access::live).post("/admin/v1/sagas" + segment(o.stream) + "/resume", body);
    out.json(answered);
    const auto& steps = list_in(answered, "would_resume");
    out.line((o.is_dry_run ? "would resume " : "resumed ") + cell(answered, "stream") +
             ", which is " + cell(answered, "state"));
    for (const auto& step : steps) {
        out.line(std::string{o.is_skip ? "  passes over " : "  sends again "} + cell(step, "undo") +
                 " to " + cell(step, "target") + "  (step " + cell(step, "index") + ", " +
                 cell(step, "state") + ")");
    }
    if (steps.empty()) out.line("  no step waits for an operator");
    return exit_code::ok;
}

void add_resume(CLI::App& noun, session& in, const std::shared_ptr<saga_options>& o) {
    auto& resume = *noun.add_subcommand("resume", "let a stuck saga go on: send its undo again");
    resume.add_option("STREAM", o->stream, "category-id")->required();
    resume.add_option("--reason", o->reason, "kept in the saga and the log")->required();
    resume.add_option("--actor", o->actor, "kept with it; your login name if not given");
    resume.add_flag("--skip", o->is_skip, "the step was undone by other means: go on behind it");
    resume.add_flag("--dry-run", o->is_dry_run, "only say what would be sent");
    on_run(resume, in, [&in, o] { return resume_saga(in, *o); });
}

}  // namespace

void add_saga(CLI::App& tool, session& in) {
    auto o = std::make_shared<saga_options>();
    auto& noun = *tool.add_subcommand("saga", "sagas: their steps, undos and timelines");
    noun.require_subcommand(1);
    auto& ls = *noun.add_subcommand("ls", "list sagas");
    ls.add_option("--state", o->state, "running, compensating, completed, failed or stuck");
    ls.add_option("--saga", o->saga, "only sagas of this category");
    ls.add_option("--limit", o->limit, "at most so many; 0: all")->capture_default_str();
    on_run(ls, in, [&in, o] { return list_sagas(in, *o); });

    auto& show = *noun.add_subcommand("show", "print steps, timers and timeline of a saga");
    show.add_option("STREAM", o->stream, "category-id")->required();
    on_run(show, in, [&in, o] { return show_saga(in, *o); });
    add_resume(noun, in, o);
}

}  // namespace tidemark::cli
