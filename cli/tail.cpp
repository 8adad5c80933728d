#include "tidemark/cli/session.hpp"

#include <poll.h>
#include <CLI/App.hpp>

#include <memory>
#include <utility>

namespace tidemark::cli {
namespace {

namespace json = boost::json;

constexpr int poll_ms = 200;
constexpr std::size_t page = 500;

struct tail_options {
    std::string name;
    std::string stream;
    std::string category;
    std::string correlation;
    std::uint64_t after = 0;
    std::size_t count = 0;
    bool is_from_start = false;
    bool is_ending = false;
};

bool is_wanted(const tail_options& o, const json::value& event) {
    return cell(event, "name").starts_with(o.name) && cell(event, "stream").starts_with(o.stream) &&
           (o.correlation.empty() || cell(event, "correlation") == o.correlation);
}

void print(const output& out, const json::value& event) {
    out.json(event);
    const auto* const payload = event.as_object().if_contains("payload");
    out.line(cell(event, "recorded_at") + "  " + cell(event, "position") + "  " +
             cell(event, "stream") + " v" + cell(event, "version") + "  " +
             out.paint("green", cell(event, "name")) + "  " +
             (payload == nullptr ? "" : printable(to_text(*payload))));
}

json::value read(session& in, const tail_options& o, std::uint64_t after) {
    return in.connect(access::read)
        .get(target("/admin/v1/events", {{"after", std::to_string(after)},
                                         {"limit", std::to_string(page)},
                                         {"category", o.category}}));
}

/// The log's end: what a tail without a place begins behind.
std::uint64_t end_of_log(session& in) {
    const auto overview = in.connect(access::read).get("/admin/v1/overview");
    const auto* const store = overview.as_object().if_contains("store");
    return store == nullptr ? 0 : std::stoull("0" + cell(*store, "last_position"));
}

/// Page by page from a position: nothing is passed over, however slow the reader is.
exit_code follow(session& in, const tail_options& o) {
    const auto out = in.out();
    auto after = o.after;
    if (after == 0 && !o.is_from_start) after = end_of_log(in);
    auto printed = std::size_t{0};
    for (;;) {
        const auto answered = read(in, o, after);
        const auto& items = answered.at("items").as_array();
        for (const auto& event : items) {
            if (!is_wanted(o, event)) continue;
            print(out, event);
            if (++printed == o.count) return exit_code::ok;
        }
        after = std::stoull("0" + cell(answered, "seen"));
        out.flush();
        if (items.size() == page) continue;
        if (o.is_ending) return exit_code::ok;
        ::poll(nullptr, 0, poll_ms);
    }
}

}  // namespace

void add_tail(CLI::App& tool, session& in) {
    auto o = std::make_shared<tail_options>();
    auto& tail = *tool.add_subcommand("tail", "print events as they are committed");
    tail.add_option("--name", o->name, "only events whose name begins so");
    tail.add_option("--stream", o->stream, "only streams that begin so");
    tail.add_option("--category", o->category, "only streams of this category");
    tail.add_option("--correlation", o->correlation, "only one business transaction");
    tail.add_option("--after", o->after, "begin behind this position, not at the end");
    tail.add_flag("--from-start", o->is_from_start, "begin with the first event");
    tail.add_flag("--no-follow", o->is_ending, "end at the end of the log");
    tail.add_option("--count", o->count, "end after so many events");
    on_run(tail, in, [&in, o] { return follow(in, *o); });
}

}  // namespace tidemark::cli
