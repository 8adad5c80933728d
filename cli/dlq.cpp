#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/session.hpp"

#include <CLI/App.hpp>

#include <memory>
#include <utility>

namespace tidemark::cli {
namespace {

namespace json = boost::json;

struct dlq_options {
    std::string effect;
    std::string stream;
    std::string code;
    std::string reason;
    std::string actor;
    std::size_t limit = 100;
    bool is_all = false;
    bool is_dry_run = false;
};

connection::listing letters(session& in, const dlq_options& o, access wanted) {
    return in.connect(wanted).list("/admin/v1/dead-letters",
                                   {{"stream", o.stream}, {"code", o.code}}, o.limit);
}

exit_code list_letters(session& in, const dlq_options& o) {
    const auto out = in.out();
    const auto page = letters(in, o, access::read);
    std::vector<std::vector<std::string>> rows;
    for (const auto& item : page.items) {
        rows.push_back({cell(item, "effect"), cell(item, "name"), cell(item, "source"),
                        cell(item, "target"), cell(item, "attempt"), cell(item, "waiting_behind"),
                        cell(item, "error_code")});
    }
    out.table({"EFFECT", "NAME", "SOURCE", "TARGET", "ATTEMPTS", "BEHIND", "ERROR"}, rows);
    json::object document;
    document["items"] = page.items;
    out.json(document);
    return exit_code::ok;
}

exit_code show_letter(session& in, const dlq_options& o) {
    const auto out = in.out();
    const auto letter = in.connect(access::read).get("/admin/v1/dead-letters" + segment(o.effect));
    out.json(letter);
    for (const auto* member :
         {"effect", "kind", "name", "source", "target", "sequence_key", "waiting_behind", "attempt",
          "stored_at", "parked_at", "error_code", "error_message", "correlation"}) {
        std::string label = member;
        label.resize(16, ' ');
        out.line(out.paint("dim", label) + cell(letter, member));
    }
    if (const auto* payload = letter.as_object().if_contains("payload")) {
        out.line(to_indented_text(*payload));
    }
    return exit_code::ok;
}

json::value replay_one(session& in, const dlq_options& o, const std::string& effect) {
    json::object body;
    body["actor"] = actor_or_login(o.actor);
    body["reason"] = o.reason;
    body["dry_run"] = o.is_dry_run;
    return in.connect(access::change)
        .post("/admin/v1/dead-letters" + segment(effect) + "/replay", body);
}

/// Which dead letters are meant: one by id, or all that the filters let through.
std::vector<std::string> chosen(session& in, const dlq_options& o) {
    if (o.effect.empty() != o.is_all) {
        throw failure{exit_code::usage,
                      {"CLI-002", "name one effect, or --all with --stream, --code or --limit",
                       "the command line", "dlq replay --all --code timed_out --dry-run"}};
    }
    if (!o.is_all) return {o.effect};
    std::vector<std::string> out;
    for (const auto& item : letters(in, o, access::change).items) {
        out.push_back(cell(item, "effect"));
    }
    return out;
}

exit_code replay(session& in, const dlq_options& o) {
    const auto out = in.out();
    json::array answers;
    for (const auto& effect : chosen(in, o)) {
        auto answered = replay_one(in, o, effect);
        out.line((o.is_dry_run ? "would replay " : "replayed ") + effect + "  (" +
                 cell(answered, "waiting_behind") + " wait behind it)");
        answers.push_back(std::move(answered));
    }
    if (answers.empty()) out.line("no dead letter fits");
    json::object document;
    document["items"] = std::move(answers);
    out.json(document);
    return exit_code::ok;
}

exit_code drop(session& in, const dlq_options& o) {
    const auto out = in.out();
    json::object body;
    body["actor"] = actor_or_login(o.actor);
    body["reason"] = o.reason;
    const auto answered = in.connect(access::change)
                              .post("/admin/v1/dead-letters" + segment(o.effect) + "/drop", body);
    out.json(answered);
    out.line("dropped " + o.effect);
    return exit_code::ok;
}

void add_filters(CLI::App& verb, const std::shared_ptr<dlq_options>& o) {
    verb.add_option("--stream", o->stream, "only from or to streams that begin so");
    verb.add_option("--code", o->code, "only with this error code");
    verb.add_option("--limit", o->limit, "at most so many, up to 500")->capture_default_str();
}

}  // namespace

void add_dlq(CLI::App& tool, session& in) {
    auto o = std::make_shared<dlq_options>();
    auto& noun = *tool.add_subcommand("dlq", "dead letters: effects that are out of attempts");
    noun.require_subcommand(1);
    auto& ls = *noun.add_subcommand("ls", "list dead letters");
    add_filters(ls, o);
    on_run(ls, in, [&in, o] { return list_letters(in, *o); });

    auto& show = *noun.add_subcommand("show", "print one with its payload and error");
    show.add_option("EFFECT", o->effect, "effect id")->required();
    on_run(show, in, [&in, o] { return show_letter(in, *o); });

    auto& again = *noun.add_subcommand("replay", "try again, with attempts counted from one");
    again.add_option("EFFECT", o->effect, "effect id");
    again.add_flag("--all", o->is_all, "all that the filters let through");
    add_filters(again, o);
    again.add_flag("--dry-run", o->is_dry_run, "only say what would be replayed");
    again.add_option("--reason", o->reason, "kept in the audit");
    again.add_option("--actor", o->actor, "kept in the audit; your login name if not given");
    on_run(again, in, [&in, o] { return replay(in, *o); });

    auto& away = *noun.add_subcommand("drop", "end it without effect; those behind it go on");
    away.add_option("EFFECT", o->effect, "effect id")->required();
    away.add_option("--reason", o->reason, "kept in the audit")->required();
    away.add_option("--actor", o->actor, "kept in the audit; your login name if not given");
    on_run(away, in, [&in, o] { return drop(in, *o); });
}

}  // namespace tidemark::cli
