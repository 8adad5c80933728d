#include "tidemark/eventbus/consumer_records.hpp"

#include "tidemark/codec/json_codec.hpp"
#include "tidemark/codec/json_text.hpp"
#include "tidemark/core/time_text.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

namespace tidemark::consumer_records {
namespace {

constexpr std::size_t reason_bytes_max = 1'000;
constexpr std::size_t log_id_size = 36;
constexpr std::string_view digits = "0123456789abcdef";

/// JSON holds text only: other bytes are written in hexadecimal.
std::string as_text(const std::string& bytes) {
    if (json_text::is_utf8(bytes)) return "t" + bytes;
    std::string out{"x"};
    for (const auto each : bytes) {
        const auto value = static_cast<unsigned char>(each);
        out += digits[value / 16U];
        out += digits[value % 16U];
    }
    return out;
}

std::string from_text(const std::string& text) {
    if (!text.starts_with("x")) return text.empty() ? text : text.substr(1);
    std::string out;
    for (std::size_t i = 1; i + 1 < text.size(); i += 2) {
        const auto high = digits.find(text[i]);
        const auto low = digits.find(text[i + 1]);
        out += static_cast<char>(high * 16U + low);
    }
    return out;
}

[[noreturn]] void damaged(const document& from, const std::string& why) {
    throw std::system_error{make_error_code(errc::corrupt),
                            "document " + from.key + " of a consumer cannot be read: " + why};
}

template <class T>
std::string encoded(const T& value) {
    return encode_json(value).value();
}

}  // namespace

std::string streams_of(std::string_view consumer) { return std::string{consumer} + ".streams"; }

std::string parked_of(std::string_view consumer) { return std::string{consumer} + ".parked"; }

std::string audit_of(std::string_view consumer) { return std::string{consumer} + ".audit"; }

std::string place_key(const message_id& log, const stream_id& stream) {
    return log.to_string() + "/" + stream.text();
}

std::string kept_key(std::string_view place, version at) {
    const auto number = std::to_string(at.value());
    return std::string{place} + "/" + std::string(20 - number.size(), '0') + number;
}

/// The usual case is short: a number.
document as_document(const std::string& key, const stream_place& place) {
    document out;
    out.key = key;
    if (place.state == stream_state::flowing) {
        out.body = std::to_string(place.version);
        return out;
    }
    out.body = encoded(place);
    out.indexes.emplace("state", tidemark_enum_text(place.state));
    out.indexes.emplace("stream", stream_of(key).text());
    const auto is_lettered = place.state != stream_state::retrying;
    if (is_lettered && place.newest > place.lettered) out.indexes.emplace("letters", "due");
    return out;
}

stream_place read_place(const document& from) {
    stream_place out;
    if (!from.body.starts_with("{")) {
        const auto* end = from.body.data() + from.body.size();
        const auto [rest, failed] = std::from_chars(from.body.data(), end, out.version);
        if (failed != std::errc{} || rest != end) damaged(from, "it is no number");
        return out;
    }
    auto place = decode<stream_place>(from.body);
    if (!place) damaged(from, place.error().message());
    return std::move(*place);
}

stream_id stream_of(std::string_view place_key) {
    const auto text = place_key.substr(std::min(place_key.size(), log_id_size + 1));
    return stream_id::parse(text).value_or(stream_id{});
}

document as_document(std::string key, std::string_view stream, const bus_message& message,
                     const dead_letter_note& note) {
    kept_message kept;
    kept.topic = as_text(message.topic);
    kept.key = as_text(message.key);
    kept.payload = as_text(message.payload);
    for (const auto& each : message.headers) {
        kept.headers.push_back({as_text(each.name), as_text(each.value)});
    }
    kept.code = note.code;
    kept.reason = json_text::excerpt(note.reason, reason_bytes_max);
    kept.attempts = note.attempts;
    kept.at = note.at;
    document out;
    out.key = std::move(key);
    out.body = encoded(kept);
    out.indexes.emplace("stream", stream);
    return out;
}

kept_content read_kept(const document& from) {
    const auto kept = decode<kept_message>(from.body);
    if (!kept) damaged(from, kept.error().message());
    kept_content out;
    out.message.topic = from_text(kept->topic);
    out.message.key = from_text(kept->key);
    out.message.payload = from_text(kept->payload);
    for (const auto& each : kept->headers) {
        out.message.headers.push_back({from_text(each.name), from_text(each.value)});
    }
    out.note.code = kept->code;
    out.note.reason = kept->reason;
    out.note.attempts = kept->attempts;
    out.note.at = kept->at;
    return out;
}

document as_document(const consumer_audit& entry, const message_id& id) {
    document out;
    out.key = to_text(entry.at) + "/" + id.to_string();
    out.body = encoded(entry);
    return out;
}

consumer_audit read_audit(const document& from) {
    auto entry = decode<consumer_audit>(from.body);
    if (!entry) damaged(from, entry.error().message());
    return std::move(*entry);
}

}  // namespace tidemark::consumer_records
