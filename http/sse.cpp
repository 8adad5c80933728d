#include "tidemark/http/sse.hpp"

#include <stdexcept>

namespace tidemark::http {

namespace {

void check_line(std::string_view what, std::string_view text) {
    if (text.find_first_of(std::string_view{"\r\n\0", 3}) != std::string_view::npos) {
        throw std::invalid_argument{"the " + std::string{what} +
                                    " of a server-sent event holds a line break or NUL; "
                                    "put such text into its content"};
    }
}

}  // namespace

std::string to_text(const sse_event& e) {
    check_line("id", e.id);
    check_line("name", e.name);
    std::string out;
    out.reserve(e.id.size() + e.name.size() + e.content.size() + 32);
    if (!e.id.empty()) out += "id: " + e.id + "\n";
    if (!e.name.empty()) out += "event: " + e.name + "\n";
    std::string_view rest = e.content;
    for (bool has_more = true; has_more;) {
        const auto end = rest.find_first_of("\r\n");
        has_more = end != std::string_view::npos;
        out += "data: ";
        out += rest.substr(0, end);
        out += '\n';
        if (has_more) rest.remove_prefix(rest.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
    }
    out += '\n';
    return out;
}

std::string sse_comment(std::string_view text) {
    return ": " + std::string{text.substr(0, text.find_first_of("\r\n"))} + "\n\n";
}

void sse_parser::feed(std::string_view bytes) {
    buffer_.erase(0, read_);
    read_ = 0;
    buffer_ += bytes;
}

std::optional<std::string_view> sse_parser::next_line() {
    // A CR ended the last line at once, without waiting for the LF that may belong to it.
    if (is_behind_cr_ && read_ < buffer_.size()) {
        if (buffer_[read_] == '\n') ++read_;
        is_behind_cr_ = false;
    }
    const auto end = buffer_.find_first_of("\r\n", read_);
    const auto size = (end == std::string::npos ? buffer_.size() : end) - read_;
    if (size + current_.content.size() > event_bytes_max_) has_failed_ = true;
    if (end == std::string::npos || has_failed_) return std::nullopt;
    const auto line = std::string_view{buffer_}.substr(read_, size);
    is_behind_cr_ = buffer_[end] == '\r';
    read_ = end + 1;
    return line;
}

void sse_parser::take_line(std::string_view line) {
    const auto colon = line.find(':');
    const auto field = line.substr(0, colon);
    auto value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (field == "data") {
        if (has_content_) current_.content += '\n';
        current_.content += value;
        has_content_ = true;
    } else if (field == "event") {
        current_.name = value;
    } else if (field == "id" && value.find('\0') == std::string_view::npos) {
        last_id_ = value;
        current_.id = value;
    }
}

std::optional<sse_event> sse_parser::next() {
    while (const auto line = next_line()) {
        if (!line->empty()) {
            take_line(*line);
            continue;
        }
        auto whole = std::move(current_);
        current_ = {};
        if (has_content_) {
            has_content_ = false;
            return whole;
        }
    }
    return std::nullopt;
}

}  // namespace tidemark::http
