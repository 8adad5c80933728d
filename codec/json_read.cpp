#include "tidemark/codec/json_read.hpp"

#include "tidemark/core/time_text.hpp"

#include <algorithm>

namespace tidemark {

const json_alternative* find_alternative(std::span<const json_alternative> known,
                                         std::string_view name) {
    const auto found = std::ranges::find(known, name, &json_alternative::name);
    return found == known.end() ? nullptr : &*found;
}

std::string list_names(std::span<const json_alternative> known) {
    std::string names;
    for (const auto& alternative : known) {
        if (!names.empty()) names += ", ";
        names += alternative.name;
    }
    return names.empty() ? "nothing" : names;
}

bool read_alternative(json_reader& in, std::span<const json_alternative> known, void* target) {
    const auto start = in.mark();
    if (!in.begin_object("object with the stored name as its one member")) return false;
    std::string_view name;
    if (!in.next_name(name)) {
        return in.fail_with(errc::malformed_payload, start,
                            "expected the stored name as its one member, got no member");
    }
    const auto* found = find_alternative(known, name);
    if (found == nullptr) {
        return in.fail_with(errc::unknown_message, start,
                            "is not a message known here; known are " + list_names(known), name);
    }
    if (!found->read(in, target)) return false;
    if (!in.next_name(name)) return in.ok();
    return in.fail_with(errc::malformed_payload, start,
                        "is a second member beside the message's stored name", name);
}

namespace reading {

bool fail_key(json_reader& in, std::size_t start, std::string_view name,
              std::string_view sentence) {
    return in.fail_with(errc::malformed_payload, start, sentence, name);
}

bool fail_count(json_reader& in, std::size_t start, std::size_t count) {
    return in.fail_with(errc::malformed_payload, start,
                        "expected exactly " + std::to_string(count) + " elements");
}

std::string list_enumerators(std::span<const std::string_view> names) {
    std::string list = "one of ";
    for (const auto name : names) {
        if (name.data() != names.front().data()) list += ", ";
        list += '"' + std::string{name} + '"';
    }
    return list;
}

bool read_string(json_reader& in, std::string& out) {
    std::string_view text;
    if (!in.read_text(text)) return false;
    out.assign(text);
    return true;
}

bool read_stream(json_reader& in, stream_id& out) {
    constexpr std::string_view expected = "stream id (\"category-id\")";
    const auto start = in.mark();
    std::string_view text;
    if (!in.read_text(text, expected)) return false;
    if (text.empty()) {
        out = {};
        return true;
    }
    auto parsed = stream_id::parse(text);
    if (!parsed) return in.fail_at(start, expected);
    out = *std::move(parsed);
    return true;
}

bool read_message_id(json_reader& in, message_id& out) {
    constexpr std::string_view expected = "UUID";
    const auto start = in.mark();
    std::string_view text;
    if (!in.read_text(text, expected)) return false;
    const auto parsed = message_id::parse(text);
    if (!parsed) return in.fail_at(start, expected);
    out = *parsed;
    return true;
}

bool read_instant(json_reader& in, instant& out) {
    constexpr std::string_view expected = "instant (\"2026-01-31T08:30:00.000000Z\")";
    const auto start = in.mark();
    std::string_view text;
    if (!in.read_text(text, expected)) return false;
    const auto parsed = parse_instant(text);
    if (!parsed) return in.fail_at(start, expected);
    out = *parsed;
    return true;
}

}  // namespace reading
}  // namespace tidemark
