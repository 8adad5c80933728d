#include "tidemark/cli/session.hpp"

#include <CLI/App.hpp>

#include <memory>
#include <utility>

namespace tidemark::cli {
namespace {

namespace json = boost::json;

struct stream_options {
    std::string stream;
    std::string prefix;
    std::string cursor;
    std::size_t limit = 100;
    std::uint64_t first = 1;
    std::uint64_t at = 0;
    std::uint64_t last = 0;
    bool is_long = false;
};
using options_ref = std::shared_ptr<stream_options>;

std::string path_of(const stream_options& o, const char* behind) {
    return "/admin/v1/streams" + segment(o.stream) + behind;
}

/// The page as JSON, or its end as a line for people.
void end_listing(const output& out, const connection::listing& page) {
    json::object document;
    document["items"] = page.items;
    document["next"] = page.next.empty() ? json::value(nullptr) : json::value(page.next);
    out.json(document);
    if (!page.next.empty()) out.line(out.paint("dim", "more: --cursor " + page.next));
}

exit_code list_streams(session& in, const stream_options& o) {
    const auto out = in.out();
    const auto page =
        in.connect(access::read)
            .list("/admin/v1/streams", {{"prefix", o.prefix}, {"cursor", o.cursor}}, o.limit);
    std::vector<std::vector<std::string>> rows;
    for (const auto& item : page.items) {
        rows.push_back({cell(item, "stream"), cell(item, "version"), cell(item, "last_position"),
                        cell(item, "last_recorded_at")});
    }
    out.table({"STREAM", "VERSION", "POSITION", "RECORDED"}, rows);
    end_listing(out, page);
    return exit_code::ok;
}

exit_code show_events(session& in, const stream_options& o) {
    const auto out = in.out();
    const auto page = in.connect(access::read)
                          .list(path_of(o, "/events"),
                                {{"from", std::to_string(o.first)}, {"cursor", o.cursor}}, o.limit);
    for (const auto& event : page.items) {
        const auto* const payload = event.as_object().if_contains("payload");
        const auto text = payload == nullptr ? "" : printable(to_text(*payload));
        auto line = "v" + cell(event, "version") + "  " + cell(event, "recorded_at") + "  " +
                    out.paint("green", cell(event, "name")) + "  " + text;
        if (o.is_long) {
            line += "\n    position " + cell(event, "position") + "  id " + cell(event, "id") +
                    "\n    correlation " + cell(event, "correlation") + "  causation " +
                    cell(event, "causation");
        }
        out.line(line);
    }
    end_listing(out, page);
    return exit_code::ok;
}

void print_changes(const output& out, const json::value& document) {
    const auto* const changed = document.as_object().if_contains("changed");
    if (changed == nullptr || !changed->is_array()) return;
    for (const auto& change : changed->get_array()) {
        out.line("  " + cell(change, "path") + "  " + out.paint("red", cell(change, "before")) +
                 " → " + out.paint("green", cell(change, "after")));
    }
    if (changed->get_array().empty()) out.line(out.paint("dim", "  nothing"));
}

exit_code show_state(session& in, const stream_options& o) {
    const auto out = in.out();
    const auto at = o.at == 0 ? std::string{} : std::to_string(o.at);
    const auto document = in.connect(access::read).get(target(path_of(o, "/state"), {{"at", at}}));
    out.json(document);
    out.line(out.paint("bold", cell(document, "stream") + " at version " +
                                   cell(document, "version") + "  (" + cell(document, "name") +
                                   ")"));
    if (const auto* state = document.as_object().if_contains("state")) {
        out.line(to_indented_text(*state));
    }
    out.line("changed by this version:");
    print_changes(out, document);
    return exit_code::ok;
}

exit_code show_diff(session& in, const stream_options& o) {
    const auto out = in.out();
    const auto document = in.connect(access::read)
                              .get(target(path_of(o, "/diff"), {{"from", std::to_string(o.first)},
                                                                {"to", std::to_string(o.last)}}));
    out.json(document);
    out.line(out.paint("bold", o.stream + " from version " + std::to_string(o.first) + " to " +
                                   std::to_string(o.last)));
    print_changes(out, document);
    return exit_code::ok;
}

void add_list(CLI::App& noun, session& in) {
    auto o = std::make_shared<stream_options>();
    auto& ls = *noun.add_subcommand("ls", "list streams");
    ls.add_option("PREFIX", o->prefix, "only streams that begin so, such as order-");
    ls.add_option("--limit", o->limit, "at most so many; 0: all")->capture_default_str();
    ls.add_option("--cursor", o->cursor, "go on after this stream");
    on_run(ls, in, [&in, o] { return list_streams(in, *o); });
}

}  // namespace

void add_stream(CLI::App& tool, session& in) {
    auto& noun = *tool.add_subcommand("stream", "streams: their events and states");
    noun.require_subcommand(1);
    add_list(noun, in);

    auto o = std::make_shared<stream_options>();
    auto& cat = *noun.add_subcommand("cat", "print the events of a stream");
    cat.add_option("STREAM", o->stream, "category-id")->required();
    cat.add_option("--from", o->first, "first version")->capture_default_str();
    cat.add_option("--limit", o->limit, "at most so many; 0: all")->capture_default_str();
    cat.add_flag("--long", o->is_long, "also position, ids, correlation and causation");
    on_run(cat, in, [&in, o] { return show_events(in, *o); });

    auto& state = *noun.add_subcommand("state", "print the state at a version");
    state.add_option("STREAM", o->stream, "category-id")->required();
    state.add_option("--at", o->at, "version; the newest if not given");
    on_run(state, in, [&in, o] { return show_state(in, *o); });

    auto& diff = *noun.add_subcommand("diff", "what changed between two versions");
    diff.add_option("STREAM", o->stream, "category-id")->required();
    diff.add_option("FROM", o->first, "version; 0 is the empty state")->required();
    diff.add_option("TO", o->last, "version")->required();
    on_run(diff, in, [&in, o] { return show_diff(in, *o); });
}

}  // namespace tidemark::cli
