#include "tidemark/http/head_scanner.hpp"

#include "tidemark/http/header_fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace tidemark::http {

namespace {

bool is_known_method(std::string_view text) {
    constexpr auto known = std::to_array<std::string_view>(
        {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"});
    return std::ranges::find(known, text) != known.end();
}

bool is_host(std::string_view value) {
    return std::ranges::none_of(value, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte <= 0x20 || byte >= 0x7f || c == '/' || c == '@' || c == ',' || c == '\\';
    });
}

}  // namespace

head_scanner::state head_scanner::refuse(std::string_view code, std::string detail) {
    refusal_ = {code, std::move(detail)};
    return state::refused;
}

bool head_scanner::is_too_long(std::size_t line_size, bool has_ended) const {
    if (!has_request_line_) return line_size > limits_.request_line_bytes_max;
    const auto header_size = line_start_ - header_start_ + line_size + (has_ended ? 2 : 0);
    // The blank line at the end is not a header line.
    return line_size > 0 && header_size > limits_.header_bytes_max;
}

head_scanner::state head_scanner::scan(std::string_view head) {
    if (scanned_ == 0 && !head.empty() && !is_token(head.substr(0, 1))) {
        return refuse("bad_request",
                      "the first byte does not begin a method; this port speaks "
                      "plain HTTP/1.1, not TLS");
    }
    while (true) {
        const auto end = head.find('\n', scanned_);
        const auto has_ended = end != std::string_view::npos;
        scanned_ = has_ended ? end + 1 : head.size();
        const auto size = (has_ended ? end : head.size()) - line_start_;
        if (is_too_long(has_ended && size > 0 ? size - 1 : size, has_ended)) {
            if (!has_request_line_) {
                return refuse("target_too_long",
                              "the request line is over " +
                                  std::to_string(limits_.request_line_bytes_max) +
                                  " bytes; shorten the target");
            }
            return refuse("headers_too_large", "the header block is over " +
                                                   std::to_string(limits_.header_bytes_max) +
                                                   " bytes; send fewer or shorter headers");
        }
        if (!has_ended) return state::incomplete;
        const auto line = head.substr(line_start_, size);
        if (line.empty() || line.back() != '\r') {
            return refuse("bad_request", "a line ends in LF without CR; end lines in CRLF");
        }
        line_start_ = scanned_;
        const auto outcome = scan_line(line.substr(0, line.size() - 1));
        if (outcome != state::incomplete) return outcome;
    }
}

head_scanner::state head_scanner::scan_line(std::string_view line) {
    if (!has_request_line_) return scan_request_line(line);
    return line.empty() ? finish() : scan_field(line);
}

head_scanner::state head_scanner::scan_request_line(std::string_view line) {
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) {
        return refuse("bad_request", "the request line is not \"METHOD target HTTP/1.1\"");
    }
    const auto name = line.substr(0, first);
    const auto target = line.substr(first + 1, last - first - 1);
    if (!is_token(name)) return refuse("bad_request", "the method is not a token");
    const auto is_printable = std::ranges::all_of(
        target, [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; });
    if (target.empty() || !is_printable) {
        return refuse("bad_target", "the target is empty or has a space or control character");
    }
    const auto outcome = scan_version(line.substr(last + 1));
    if (outcome != state::incomplete) return outcome;
    if (!is_known_method(name)) {
        return refuse("not_implemented", "method " + std::string{name.substr(0, 32)} +
                                             " is not supported; methods are upper case");
    }
    if (target.front() != '/') {
        return refuse("bad_target", "the target is not a path from the root; send \"/path?query\"");
    }
    has_request_line_ = true;
    header_start_ = line_start_;
    return state::incomplete;
}

head_scanner::state head_scanner::scan_version(std::string_view version) {
    if (version == "HTTP/1.1") return state::incomplete;
    if (version == "HTTP/1.0") {
        framing_.is_http_1_0 = true;
        return state::incomplete;
    }
    const auto is_other = version.size() == 8 && version.starts_with("HTTP/") &&
                          version[6] == '.' && version[5] >= '0' && version[5] <= '9';
    if (is_other) return refuse("bad_version", "this port speaks HTTP/1.1 and HTTP/1.0");
    return refuse("bad_request", "the request line is not \"METHOD target HTTP/1.1\"");
}

head_scanner::state head_scanner::scan_field(std::string_view line) {
    if (line.front() == ' ' || line.front() == '\t') {
        return refuse("bad_request", "a header line is folded; send each header on one line");
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
        return refuse("bad_request", "a header line is not \"Name: value\"");
    }
    auto value = line.substr(colon + 1);
    if (!is_field_value(value)) {
        return refuse("bad_request", "header " + std::string{line.substr(0, colon)} +
                                         " holds a control character");
    }
    if (++header_count_ > limits_.header_count_max) {
        return refuse(
            "headers_too_large",
            "there are over " + std::to_string(limits_.header_count_max) + " headers; send fewer");
    }
    if (value.starts_with(' ')) value.remove_prefix(1);
    return scan_known_field(line.substr(0, colon), value);
}

head_scanner::state head_scanner::scan_known_field(std::string_view name, std::string_view value) {
    if (equals_ignoring_case(name, "Content-Length")) return scan_content_length(value);
    if (equals_ignoring_case(name, "Transfer-Encoding")) return scan_transfer_encoding(value);
    if (equals_ignoring_case(name, "Host")) {
        if (has_host_ || !is_host(value)) {
            return refuse("bad_request", "Host is there twice or not a host name");
        }
        has_host_ = true;
    } else if (equals_ignoring_case(name, "Expect")) {
        if (!equals_ignoring_case(value, "100-continue")) {
            return refuse("expectation_failed", "only \"Expect: 100-continue\" is understood");
        }
        framing_.expects_continue = true;
    } else if (equals_ignoring_case(name, "Connection")) {
        framing_.wants_close = framing_.wants_close || lists(value, "close");
    } else if (equals_ignoring_case(name, "Upgrade")) {
        return refuse("not_implemented", "no protocol can be upgraded to here; drop Upgrade");
    }
    return state::incomplete;
}

head_scanner::state head_scanner::scan_content_length(std::string_view value) {
    if (framing_.content_length) {
        return refuse("bad_request", "Content-Length is there twice");
    }
    std::uint64_t size = 0;
    const auto* last = value.data() + value.size();
    const auto [end, ec] = std::from_chars(value.data(), last, size);
    const auto is_digits = value.find_first_not_of("0123456789") == std::string_view::npos;
    if (!is_digits || ec != std::errc{} || end != last) {
        return refuse("bad_request", "Content-Length is not a plain decimal number");
    }
    framing_.content_length = size;
    return state::incomplete;
}

head_scanner::state head_scanner::scan_transfer_encoding(std::string_view value) {
    if (framing_.is_chunked) return refuse("bad_request", "Transfer-Encoding is there twice");
    if (!equals_ignoring_case(value, "chunked")) {
        return refuse("not_implemented", "only \"Transfer-Encoding: chunked\" is understood");
    }
    framing_.is_chunked = true;
    return state::incomplete;
}

head_scanner::state head_scanner::finish() {
    if (framing_.is_chunked && framing_.content_length) {
        return refuse("bad_request", "both Content-Length and Transfer-Encoding are there");
    }
    if (framing_.is_http_1_0 && framing_.is_chunked) {
        return refuse("bad_request", "HTTP/1.0 has no Transfer-Encoding");
    }
    if (!framing_.is_http_1_0 && !has_host_) {
        return refuse("bad_request", "the Host header is missing");
    }
    framing_.size = line_start_;
    return state::complete;
}

}  // namespace tidemark::http
