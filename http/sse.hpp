#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tidemark::http {

/// One server-sent event.
struct sse_event {
    /// Comes back as `Last-Event-ID` when the reader connects again; empty leaves the reader's id
    /// as it is.
    std::string id;
    /// Empty means "message".
    std::string name;
    std::string content;
    friend bool operator==(const sse_event&, const sse_event&) = default;
};

/// The event as it stands on the wire, its blank line included. Line breaks in the content become
/// several data lines. Throws `std::invalid_argument` if id or name holds a line break or NUL.
[[nodiscard]] std::string to_text(const sse_event& e);

/// A comment line that readers ignore: proof of life. `text` is cut at its first line break.
[[nodiscard]] std::string sse_comment(std::string_view text);

/// Takes an event stream apart as it arrives. Pure; one parser per connection.
class sse_parser {
  public:
    /// `event_bytes_max` bounds one unfinished event; a longer one makes the parser `failed`.
    explicit sse_parser(std::size_t event_bytes_max = 1024 * 1024)
        : event_bytes_max_{event_bytes_max} {}

    void feed(std::string_view bytes);
    /// The next whole event; nothing until more is fed. Comments and events without data are
    /// passed over; an id alone is remembered.
    [[nodiscard]] std::optional<sse_event> next();
    /// The id to send as `Last-Event-ID`.
    [[nodiscard]] const std::string& last_id() const { return last_id_; }
    [[nodiscard]] bool has_failed() const { return has_failed_; }

  private:
    std::optional<std::string_view> next_line();
    void take_line(std::string_view line);

    std::size_t event_bytes_max_;
    std::string buffer_;
    std::size_t read_ = 0;
    sse_event current_;
    bool has_content_ = false;
    bool is_behind_cr_ = false;
    bool has_failed_ = false;
    std::string last_id_;
};

}  // namespace tidemark::http
