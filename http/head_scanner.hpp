#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidemark::http {

/// Sizes a request head is held to.
struct head_limits {
    /// Request line without its CRLF; more is 414.
    std::size_t request_line_bytes_max = 8 * 1024;
    /// All header lines with their CRLFs; more is 431.
    std::size_t header_bytes_max = 8 * 1024;
    /// Header lines; more is 431.
    std::size_t header_count_max = 100;
};

/// What the head says about the rest of the message.
struct head_framing {
    /// Bytes of the head, its blank line included.
    std::size_t size = 0;
    std::optional<std::uint64_t> content_length;
    bool is_chunked = false;
    bool expects_continue = false;
    bool is_http_1_0 = false;
    /// The peer sent `Connection: close`.
    bool wants_close = false;
};

/// Why a head was refused. The connection is closed afterwards: where the next request would start
/// is not known.
struct head_refusal {
    /// A code of `problem_catalogue`.
    std::string_view code;
    std::string detail;
};

/// Looks a request head over while it arrives, stricter than the grammar, before the parser gets
/// it: everything two parsers could read differently (bare LF, folded lines, space before a colon,
/// two lengths, length and chunks) is refused. Pure; one scanner per request head.
class head_scanner {
  public:
    enum class state { incomplete, complete, refused };

    explicit head_scanner(const head_limits& limits = {}) : limits_{limits} {}

    /// `head` is everything received since the head began, each time longer than before. Each byte
    /// is looked at once.
    state scan(std::string_view head);

    /// Valid when complete.
    [[nodiscard]] const head_framing& framing() const { return framing_; }
    /// Valid when refused.
    [[nodiscard]] const head_refusal& refusal() const { return refusal_; }

  private:
    state refuse(std::string_view code, std::string detail);
    state scan_line(std::string_view line);
    state scan_request_line(std::string_view line);
    state scan_version(std::string_view version);
    state scan_field(std::string_view line);
    state scan_known_field(std::string_view name, std::string_view value);
    state scan_content_length(std::string_view value);
    state scan_transfer_encoding(std::string_view value);
    state finish();
    [[nodiscard]] bool is_too_long(std::size_t line_size, bool has_ended) const;

    head_limits limits_;
    head_framing framing_;
    head_refusal refusal_;
    std::size_t line_start_ = 0;
    std::size_t scanned_ = 0;
    std::size_t header_start_ = 0;
    std::size_t header_count_ = 0;
    bool has_request_line_ = false;
    bool has_host_ = false;
};

}  // namespace tidemark::http
