#include "tidemark/codec/json_writer.hpp"

#include "tidemark/codec/json_path.hpp"
#include "tidemark/codec/json_text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

namespace tidemark {
namespace {

/// Room that is enough for most events.
constexpr std::size_t buffer_bytes_min = 512;

char* quote_plain(char* at, std::string_view value) {
    *at++ = '"';
    std::memcpy(at, value.data(), value.size());
    at += value.size();
    *at++ = '"';
    return at;
}

}  // namespace

void json_writer::clear() {
    size_ = 0;
    needs_comma_ = false;
    failure_.reset();
}

void json_writer::grow(std::size_t count) {
    buffer_.resize(std::max({buffer_bytes_min, 2 * buffer_.size(), size_ + count + 1}));
}

void json_writer::open(char c) {
    auto* at = room(1);
    *at++ = c;
    wrote_until(at);
    needs_comma_ = false;
}

void json_writer::close(char c) {
    needs_comma_ = false;
    auto* at = room(1);
    *at++ = c;
    wrote_until(at);
}

void json_writer::token(std::string_view literal) {
    auto* at = room(literal.size());
    std::memcpy(at, literal.data(), literal.size());
    wrote_until(at + literal.size());
}

void json_writer::key(std::string_view name) {
    text(name);
    needs_comma_ = false;
    auto* at = room(1);
    *at++ = ':';
    wrote_until(at);
    needs_comma_ = false;
}

void json_writer::text(std::string_view value) {
    auto* at = room(value.size() + 2);
    if (json_text::plain_prefix(value) == value.size()) {
        wrote_until(quote_plain(at, value));
    } else {
        text_with_escapes(at, value);
    }
}

void json_writer::text_with_escapes(char* at, std::string_view value) {
    wrote_until(at);
    std::string quoted;
    quoted.reserve(value.size() + 16);
    if (!json_text::append_quoted(quoted, value)) {
        fail(size_, "is not UTF-8: \"" + json_text::excerpt(value) +
                        "\"; JSON text is UTF-8, store other bytes as base64");
        return;
    }
    needs_comma_ = false;
    token(quoted);
}

void json_writer::number(std::int64_t value) {
    auto* at = room(20);
    wrote_until(std::to_chars(at, at + 20, value).ptr);
}

void json_writer::number(std::uint64_t value) {
    auto* at = room(20);
    wrote_until(std::to_chars(at, at + 20, value).ptr);
}

void json_writer::number(double value) {
    auto* at = room(32);
    if (std::isfinite(value)) {
        wrote_until(std::to_chars(at, at + 32, value).ptr);
        return;
    }
    wrote_until(at);
    fail(size_, std::isnan(value) ? "is not a number (NaN), which JSON cannot hold"
                                  : "is infinite, which JSON cannot hold");
}

void json_writer::fail(std::size_t offset, std::string_view sentence) {
    if (!ok()) return;
    auto message = json_path(written(), offset);
    message += ' ';
    message += sentence;
    failure_.emplace(errc::malformed_payload, std::move(message));
}

}  // namespace tidemark
