#pragma once

#include "tidemark/core/error.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidemark {

/// Writes one JSON document to the end of a string: no tree, no space, members in the order they
/// are given, so that equal values have equal bytes. The calls must nest as JSON does. A value that
/// JSON cannot hold (text that is not UTF-8, a number that is not finite) sticks as `failure`; what
/// was written is then not a document. Borrows `out`, which must outlive the writer.
class json_writer {
  public:
    explicit json_writer(std::string& out) : out_{out}, start_{out.size()} {}

    void begin_object() { open('{'); }
    void end_object() { close('}'); }
    void begin_array() { open('['); }
    void end_array() { close(']'); }
    /// Name of the member whose value comes next. Names in one object must differ.
    void key(std::string_view name);

    void text(std::string_view value);
    void number(std::int64_t value) { integer(value); }
    void number(std::uint64_t value) { integer(value); }
    /// Shortest text that reads back as the same double.
    void number(double value);
    void boolean(bool value);
    void null();

    [[nodiscard]] bool ok() const { return !failure_.has_value(); }
    /// The first value that JSON cannot hold, with its path. Only if `!ok()`.
    [[nodiscard]] const error& failure() const { return *failure_; }

  private:
    void separate() {
        if (needs_comma_) out_ += ',';
        needs_comma_ = true;
    }
    void open(char c) {
        separate();
        out_ += c;
        needs_comma_ = false;
    }
    void close(char c) {
        out_ += c;
        needs_comma_ = true;
    }
    template <class Integer>
    void integer(Integer value) {
        separate();
        char digits[20];
        const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
        out_.append(digits, static_cast<std::size_t>(end - digits));
    }
    void fail(std::size_t offset, std::string_view sentence);

    std::string& out_;
    std::size_t start_;
    bool needs_comma_ = false;
    std::optional<error> failure_;
};

}  // namespace tidemark
