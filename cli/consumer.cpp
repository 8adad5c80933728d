#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/session.hpp"

#include <CLI/App.hpp>

#include <memory>
#include <utility>

namespace tidemark::cli {
namespace {

namespace json = boost::json;

struct consumer_verb_options {
    std::string name;
    std::string stream;
    std::string log;
    std::string reason;
    std::string actor;
    std::size_t limit = 100;
    bool is_dry_run = false;
};

exit_code list_consumers(session& in) {
    const auto out = in.out();
    const auto document = in.connect(access::read).get("/admin/v1/consumers");
    out.json(document);
    std::vector<std::vector<std::string>> rows;
    for (const auto& item : document.at("items").as_array()) {
        rows.push_back({cell(item, "name"), cell(item, "topic"), cell(item, "state"),
                        cell(item, "partitions"), cell(item, "lag_messages"),
                        cell(item, "waiting_streams"), printable(cell(item, "last_error"))});
    }
    out.table({"CONSUMER", "TOPIC", "STATE", "PARTITIONS", "LAG", "WAITING", "LAST ERROR"}, rows);
    return exit_code::ok;
}

exit_code show_consumer(session& in, const consumer_verb_options& o) {
    const auto out = in.out();
    auto& asked = in.connect(access::read);
    const auto path = "/admin/v1/consumers" + segment(o.name);
    auto document = asked.get(path);
    const auto page = asked.list(path + "/waiting", {}, o.limit);
    for (const auto* member :
         {"name", "topic", "group", "state", "partitions", "lag_messages", "lag_seconds", "applied",
          "duplicates", "fetched", "failures", "refused", "dead_letters", "rebalances",
          "waiting_streams", "last_error"}) {
        std::string label = member;
        label.resize(17, ' ');
        out.line(out.paint("dim", label) + printable(cell(document, member)));
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& item : page.items) {
        rows.push_back({cell(item, "stream"), cell(item, "state"), cell(item, "version"),
                        cell(item, "kept"), cell(item, "attempts"), cell(item, "since"),
                        printable(cell(item, "error_message"))});
    }
    if (!rows.empty()) {
        out.table({"STREAM", "STATE", "VERSION", "KEPT", "ATTEMPTS", "SINCE", "REASON"}, rows);
    }
    document.as_object()["waiting"] = page.items;
    out.json(document);
    return exit_code::ok;
}

/// What the order did, in one line; dry, what it would do.
std::string told(const json::value& answered, const std::string& verb, bool is_dry) {
    const auto reason = cell(answered, "error_message");
    const auto done = verb == "skip" ? "skipped " : "resumed ";
    return (is_dry ? "would " + verb + " " : std::string{done}) + cell(answered, "stream") +
           ": version " + cell(answered, "version_before") + " to " + cell(answered, "version") +
           ", " + cell(answered, "applied") + " taken in, " + cell(answered, "state") +
           (reason.empty() ? "" : ": " + printable(reason));
}

exit_code order(session& in, const consumer_verb_options& o, const std::string& verb) {
    const auto out = in.out();
    json::object body;
    body["actor"] = actor_or_login(o.actor);
    body["reason"] = o.reason;
    body["dry_run"] = o.is_dry_run;
    const auto to = target("/admin/v1/consumers" + segment(o.name) + "/" + verb,
                           {{"stream", o.stream}, {"log", o.log}});
    const auto answered = in.connect(access::change).post(to, body);
    out.json(answered);
    if (!o.stream.empty()) {
        out.line(told(answered, verb, o.is_dry_run));
        return exit_code::ok;
    }
    if (cell(answered, "parked") != "true") {
        out.line(o.name + " is not parked: there is nothing to resume but streams that wait");
        return exit_code::conflict;
    }
    out.line((o.is_dry_run ? "would resume " : "resumed ") + o.name);
    return exit_code::ok;
}

void add_order(CLI::App& verb, const std::shared_ptr<consumer_verb_options>& o) {
    verb.add_option("--log", o->log, "incarnation of its log, where several have that stream");
    verb.add_flag("--dry-run", o->is_dry_run, "try it, undo it and say what it did");
    verb.add_option("--actor", o->actor, "kept in the audit; your login name if not given");
}

}  // namespace

void add_consumer(CLI::App& tool, session& in) {
    auto o = std::make_shared<consumer_verb_options>();
    auto& noun = *tool.add_subcommand("consumer", "consumers of other services' events");
    noun.require_subcommand(1);
    auto& ls = *noun.add_subcommand("ls", "list consumers and how far they are");
    on_run(ls, in, [&in] { return list_consumers(in); });

    auto& show = *noun.add_subcommand("show", "one with its counts and the streams that wait");
    show.add_option("NAME", o->name, "consumer")->required();
    show.add_option("--limit", o->limit, "at most so many streams, up to 500")
        ->capture_default_str();
    on_run(show, in, [&in, o] { return show_consumer(in, *o); });

    auto& resume = *noun.add_subcommand("resume", "try again a stream that waits, in its order");
    resume.add_option("NAME", o->name, "consumer")->required();
    resume.add_option("STREAM", o->stream, "stream; without: the consumer, where it is parked");
    add_order(resume, o);
    resume.add_option("--reason", o->reason, "kept in the audit");
    on_run(resume, in, [&in, o] { return order(in, *o, "resume"); });

    auto& skip = *noun.add_subcommand("skip", "give up what stands in a stream's way, and go on");
    skip.add_option("NAME", o->name, "consumer")->required();
    skip.add_option("STREAM", o->stream, "stream")->required();
    add_order(skip, o);
    skip.add_option("--reason", o->reason, "kept in the audit")->required();
    on_run(skip, in, [&in, o] { return order(in, *o, "skip"); });
}

}  // namespace tidemark::cli
