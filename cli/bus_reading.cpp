#include "tidemark/async/clock.hpp"
#include "tidemark/cli/bus_access.hpp"
#include "tidemark/cli/failure.hpp"
#include "tidemark/codec/json_text.hpp"
#include "tidemark/core/time_text.hpp"

#include <CLI/App.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace tidemark::cli {
namespace {

namespace json = boost::json;

struct peek_options {
    kafka_peek what;
    std::string from = "end";
};

struct seek_options {
    std::string group;
    std::string topic;
    std::string to;
    std::optional<std::int32_t> partition;
    bool is_applied = false;
};

std::string in_digits(std::string_view bytes) {
    constexpr auto* digits = "0123456789abcdef";
    std::string out;
    for (const auto c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        out += digits[byte >> 4U];
        out += digits[byte & 15U];
    }
    return out;
}

/// Without the part of a character that a cut has left at the end.
std::string_view whole_characters(std::string_view text, bool is_cut) {
    constexpr std::size_t longest = 4;
    if (!is_cut || json_text::is_utf8(text)) return text;
    for (std::size_t less = 1; less < longest && less <= text.size(); ++less) {
        const auto shorter = text.substr(0, text.size() - less);
        if (json_text::is_utf8(shorter)) return shorter;
    }
    return text;
}

/// A member with the text, or one with its bytes in hexadecimal digits if they are none.
void put_text(json::object& into, const std::string& name, std::string_view text) {
    if (json_text::is_utf8(text)) {
        into[name] = text;
    } else {
        into[name + "_hex"] = in_digits(text);
    }
}

std::string readable(std::string_view text) {
    return json_text::is_utf8(text) ? printable(text) : "0x" + in_digits(text);
}

json::object to_json(const kafka_peeked& seen) {
    const auto& message = seen.message;
    const auto is_cut = message.payload.size() < seen.payload_size;
    json::array headers;
    for (const auto& [name, value] : message.headers) {
        json::object one;
        one["name"] = name;
        put_text(one, "value", value);
        headers.push_back(std::move(one));
    }
    json::object out;
    out["partition"] = seen.partition;
    out["offset"] = seen.offset;
    out["stored_at"] =
        seen.stored_at ? json::value{tidemark::to_text(*seen.stored_at)} : json::value{};
    put_text(out, "key", message.key);
    out["headers"] = std::move(headers);
    put_text(out, "payload", whole_characters(message.payload, is_cut));
    out["payload_bytes"] = seen.payload_size;
    out["cut"] = is_cut;
    return out;
}

void print(const output& out, const kafka_peeked& seen) {
    const auto& message = seen.message;
    const auto is_cut = message.payload.size() < seen.payload_size;
    out.line(out.paint("bold", std::to_string(seen.partition) + "@" + std::to_string(seen.offset)) +
             "  " + (seen.stored_at ? tidemark::to_text(*seen.stored_at) : "no time") + "  " +
             out.paint("green", readable(message.key)) + "  " + std::to_string(seen.payload_size) +
             " bytes");
    for (const auto& [name, value] : message.headers) {
        out.line("    " + out.paint("dim", printable(name)) + "  " + readable(value));
    }
    if (message.payload.empty()) return;
    out.line("    " + readable(whole_characters(message.payload, is_cut)) + (is_cut ? "…" : ""));
}

exit_code peek(session& in, peek_options o) {
    const auto out = in.out();
    o.what.from = parse_place(o.from, real_clock{}.now());
    const auto brokers = open_brokers(in);
    const auto found = answered(in, brokers->peek(o.what));
    json::array items;
    for (const auto& seen : found) {
        print(out, seen);
        items.push_back(to_json(seen));
    }
    if (found.empty()) out.line("no message there");
    json::object document;
    document["topic"] = o.what.topic;
    document["items"] = std::move(items);
    out.json(document);
    return exit_code::ok;
}

json::object told_as(const kafka_move& move) {
    json::object one;
    one["partition"] = move.partition;
    one["from"] = move.from ? json::value{*move.from} : json::value{};
    one["to"] = move.to;
    return one;
}

/// What a move means for whoever reads the partition.
std::string meaning_of(const kafka_move& move) {
    if (!move.from) return "from there on";
    const auto by = move.to - *move.from;
    if (by == 0) return "stays";
    return by > 0 ? std::to_string(by) + " passed over" : std::to_string(-by) + " read again";
}

void print(const output& out, const std::vector<kafka_move>& moves) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& move : moves) {
        rows.push_back({std::to_string(move.partition),
                        move.from ? std::to_string(*move.from) : "never committed",
                        std::to_string(move.to), meaning_of(move)});
    }
    out.table({"PARTITION", "FROM", "TO", "MESSAGES"}, rows);
}

exit_code seek(session& in, const seek_options& o) {
    const auto out = in.out();
    const auto to = parse_place(o.to, real_clock{}.now());
    const auto brokers = open_brokers(in);
    const auto moves = answered(in, brokers->plan_seek(o.group, o.topic, to, o.partition));
    if (o.is_applied) {
        const auto done = brokers->seek(o.group, o.topic, moves);
        if (!done) throw to_bus_failure(in.values(), done.error());
    }
    print(out, moves);
    out.line(o.is_applied ? "moved group " + o.group
                          : "nothing is changed yet: --apply moves group " + o.group +
                                ", which must have no members then");
    json::array items;
    for (const auto& move : moves) items.push_back(told_as(move));
    json::object document;
    document["group"] = o.group;
    document["topic"] = o.topic;
    document["applied"] = o.is_applied;
    document["items"] = std::move(items);
    out.json(document);
    return exit_code::ok;
}

constexpr const char* places = "start, end, an offset, a time, or how long ago (90min)";

}  // namespace

void add_bus_reading(CLI::App& noun, session& in) {
    auto p = std::make_shared<peek_options>();
    auto& look = *noun.add_subcommand("peek", "read messages without joining a group");
    look.add_option("TOPIC", p->what.topic, "topic")->required();
    look.add_option("--from", p->from, places)->capture_default_str();
    look.add_option("--partition", p->what.partition, "only of this one");
    look.add_option("--limit", p->what.limit, "at most so many")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    look.add_option("--bytes", p->what.payload_max, "of each payload at most")
        ->capture_default_str();
    on_run(look, in, [&in, p] { return peek(in, *p); });

    auto s = std::make_shared<seek_options>();
    auto& move = *noun.add_subcommand("seek", "move a group that has no members");
    move.add_option("GROUP", s->group, "consumer group")->required();
    move.add_option("TOPIC", s->topic, "topic")->required();
    move.add_option("--to", s->to, places)->required();
    move.add_option("--partition", s->partition, "only in this one");
    move.add_flag("--apply", s->is_applied, "do it; without it the verb only says what it would");
    on_run(move, in, [&in, s] { return seek(in, *s); });
}

}  // namespace tidemark::cli
