#include "tidemark/core/ids.hpp"

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid.hpp>

#include <algorithm>
#include <cstring>
#include <ostream>

namespace tidemark {
namespace {

constexpr std::size_t stream_text_max = 255;
constexpr std::string_view hex_digits = "0123456789abcdef";

// The namespace under which every derived id is hashed. Never change it: derived ids are stored.
constexpr boost::uuids::uuid derivation_namespace = {{0x8f, 0x3d, 0x5e, 0x7a, 0x1c, 0x42, 0x4b,
                                                      0x96, 0xa5, 0x0e, 0x6d, 0x27, 0x90, 0xb1,
                                                      0xf4, 0xcc}};

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_dash_place(std::size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

struct code_point {
    std::uint32_t value = 0;
    std::size_t size = 0;  // 0: not UTF-8
};

std::size_t sequence_size(unsigned char lead) {
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf) return 2;
    if (lead >= 0xe0 && lead <= 0xef) return 3;
    if (lead >= 0xf0 && lead <= 0xf4) return 4;
    return 0;
}

code_point next_code_point(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.front());
    const auto size = sequence_size(lead);
    if (size == 0 || size > text.size()) return {};
    if (size == 1) return {lead, 1};
    std::uint32_t value = lead & (0x7fU >> size);
    for (std::size_t i = 1; i < size; ++i) {
        const auto next = static_cast<unsigned char>(text[i]);
        if ((next & 0xc0U) != 0x80U) return {};
        value = (value << 6U) | (next & 0x3fU);
    }
    const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
    const bool surrogate = value >= 0xd800 && value <= 0xdfff;
    if (overlong || surrogate || value > 0x10ffff) return {};
    return {value, size};
}

bool is_control(std::uint32_t value) { return value < 0x20 || (value >= 0x7f && value <= 0x9f); }

bool is_printable_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto next = next_code_point(text);
        if (next.size == 0 || is_control(next.value)) return false;
        text.remove_prefix(next.size);
    }
    return true;
}

void append_length(std::string& out, std::size_t size) {
    for (int shift = 56; shift >= 0; shift -= 8) {
        out += static_cast<char>((static_cast<std::uint64_t>(size) >> shift) & 0xffU);
    }
}

}  // namespace

message_id message_id::derive(std::initializer_list<std::string_view> parts) {
    std::string name;
    for (const auto part : parts) {
        append_length(name, part.size());
        name += part;
    }
    boost::uuids::name_generator_sha1 generator{derivation_namespace};
    const auto uuid = generator(name.data(), name.size());
    bytes out{};
    std::copy(uuid.begin(), uuid.end(), out.begin());
    return message_id{out};
}

message_id message_id::v7(std::uint64_t unix_ms, std::uint64_t random_a, std::uint64_t random_b) {
    bytes out{};
    for (std::size_t i = 0; i < 6; ++i) {
        out[i] = static_cast<std::uint8_t>(unix_ms >> (40 - 8 * i));
    }
    out[6] = static_cast<std::uint8_t>(0x70U | ((random_a >> 8U) & 0x0fU));
    out[7] = static_cast<std::uint8_t>(random_a);
    for (std::size_t i = 0; i < 8; ++i) {
        out[8 + i] = static_cast<std::uint8_t>(random_b >> (56 - 8 * i));
    }
    out[8] = static_cast<std::uint8_t>(0x80U | (out[8] & 0x3fU));
    return message_id{out};
}

std::optional<message_id> message_id::parse(std::string_view text) {
    if (text.size() != 36) return std::nullopt;
    bytes out{};
    std::size_t nibble = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (is_dash_place(i)) {
            if (text[i] != '-') return std::nullopt;
            continue;
        }
        const auto digit = hex_value(text[i]);
        if (digit < 0) return std::nullopt;
        auto& byte = out[nibble / 2];
        byte = static_cast<std::uint8_t>((byte << 4U) | static_cast<unsigned>(digit));
        ++nibble;
    }
    return message_id{out};
}

std::string message_id::to_string() const {
    std::string out(36, '-');
    std::size_t at = 0;
    for (const auto byte : bytes_) {
        if (is_dash_place(at)) ++at;
        out[at++] = hex_digits[byte >> 4U];
        out[at++] = hex_digits[byte & 0x0fU];
    }
    return out;
}

std::ostream& operator<<(std::ostream& out, const message_id& id) { return out << id.to_string(); }

stream_id::stream_id(std::string_view category, std::string_view id)
    : category_size_{category.size()} {
    text_.reserve(category.size() + 1 + id.size());
    text_.append(category).append(1, '-').append(id);
}

std::optional<stream_id> stream_id::parse(std::string_view text) {
    const auto dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    auto out = stream_id{text.substr(0, dash), text.substr(dash + 1)};
    if (!out.is_valid()) return std::nullopt;
    return out;
}

std::string_view stream_id::category() const {
    return std::string_view{text_}.substr(0, category_size_);
}

std::string_view stream_id::id() const {
    if (text_.empty()) return {};
    return std::string_view{text_}.substr(category_size_ + 1);
}

bool stream_id::is_valid() const {
    if (text_.size() > stream_text_max || category().empty() || id().empty()) return false;
    return category().find('-') == std::string_view::npos && is_printable_utf8(text_);
}

std::ostream& operator<<(std::ostream& out, const stream_id& id) { return out << id.text(); }

std::ostream& print_id_text(std::ostream& out, const std::string& text) { return out << text; }

}  // namespace tidemark

std::size_t std::hash<tidemark::message_id>::operator()(
    const tidemark::message_id& id) const noexcept {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::memcpy(&high, id.value().data(), sizeof high);
    std::memcpy(&low, id.value().data() + sizeof high, sizeof low);
    // Time-ordered ids share their high half: mix it so that the buckets do not.
    return static_cast<std::size_t>((high * 0x9e3779b97f4a7c15ULL) ^ low);
}
