#include "tidemark/codec/json_writer.hpp"

#include "tidemark/codec/json_path.hpp"
#include "tidemark/codec/json_text.hpp"

#include <cmath>

namespace tidemark {

void json_writer::key(std::string_view name) {
    text(name);
    out_ += ':';
    needs_comma_ = false;
}

void json_writer::text(std::string_view value) {
    separate();
    const auto offset = out_.size();
    if (json_text::append_quoted(out_, value)) return;
    fail(offset, "is not UTF-8: \"" + json_text::excerpt(value) +
                     "\"; JSON text is UTF-8, store other bytes as base64");
}

void json_writer::number(double value) {
    separate();
    if (!std::isfinite(value)) {
        fail(out_.size(), std::isnan(value) ? "is not a number (NaN), which JSON cannot hold"
                                            : "is infinite, which JSON cannot hold");
        return;
    }
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    out_.append(digits, static_cast<std::size_t>(end - digits));
}

void json_writer::boolean(bool value) {
    separate();
    out_ += value ? "true" : "false";
}

void json_writer::null() {
    separate();
    out_ += "null";
}

void json_writer::fail(std::size_t offset, std::string_view sentence) {
    if (!ok()) return;
    auto message = json_path(std::string_view{out_}.substr(start_), offset - start_);
    message += ' ';
    message += sentence;
    failure_.emplace(errc::malformed_payload, std::move(message));
}

}  // namespace tidemark
