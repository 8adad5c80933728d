#pragma once

#include "tidemark/core/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidemark {

/// Writes one JSON document into its own buffer: no tree, no space, members in the order they are
/// given, so that equal values have equal bytes. The calls must nest as JSON does. A value that
/// JSON cannot hold (text that is not UTF-8, a number that is not finite) sticks as `failure`; what
/// was written is then not a document. The buffer grows with the document and is kept by `clear`.
class json_writer {
  public:
    void begin_object() { open('{'); }
    void end_object() { close('}'); }
    void begin_array() { open('['); }
    void end_array() { close(']'); }
    /// Name of the member whose value comes next. Names in one object must differ.
    void key(std::string_view name);

    void text(std::string_view value);
    void number(std::int64_t value);
    void number(std::uint64_t value);
    /// Shortest text that reads back as the same double.
    void number(double value);
    void boolean(bool value) { token(value ? "true" : "false"); }
    void null() { token("null"); }

    /// The document so far, valid until the next call.
    [[nodiscard]] std::string_view written() const { return {buffer_.data(), size_}; }
    [[nodiscard]] std::size_t capacity() const { return buffer_.size(); }
    /// Begins a new document.
    void clear();

    [[nodiscard]] bool ok() const { return !failure_.has_value(); }
    /// The first value that JSON cannot hold, with its path. Only if `!ok()`.
    [[nodiscard]] const error& failure() const { return *failure_; }

  private:
    /// Where the next bytes go: there is room for a comma and `count` bytes, and the comma is
    /// written if one is due.
    [[nodiscard]] char* room(std::size_t count) {
        if (buffer_.size() - size_ <= count) grow(count);
        auto* at = buffer_.data() + size_;
        if (needs_comma_) *at++ = ',';
        needs_comma_ = true;
        return at;
    }
    void wrote_until(const char* end) { size_ = static_cast<std::size_t>(end - buffer_.data()); }
    void open(char c);
    void close(char c);
    void token(std::string_view literal);
    void text_with_escapes(char* at, std::string_view value);
    void grow(std::size_t count);
    void fail(std::size_t offset, std::string_view sentence);

    /// Its size is how much room there is, `size_` how much of it is written.
    std::string buffer_;
    std::size_t size_ = 0;
    bool needs_comma_ = false;
    std::optional<error> failure_;
};

}  // namespace tidemark
