#pragma once

#include "tidemark/core/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidemark {

/// How a payload is read.
struct decode_options {
    /// Refuse fields the type does not have. Off for stored messages, which may be newer than the
    /// reader; on for what callers send, where an unknown field is a typing mistake.
    bool strict = false;
    /// Arrays and objects inside each other; one more is refused.
    std::size_t depth_max = 32;
};

/// Reads one JSON document (RFC 8259) from front to back, straight into C++ values: no tree, no
/// allocation but the values' own. The first mistake sticks: every later call returns false and
/// `failure` describes it with path, what was expected and what was found. Stricter than the
/// RFC leaves open: text must be UTF-8 without lone surrogates, a field may appear once. Borrows
/// `text`, which must outlive the reader.
class json_reader {
  public:
    json_reader(std::string_view text, const decode_options& options)
        : text_{text}, options_{options} {}

    [[nodiscard]] bool read_boolean(bool& out);
    /// Digits only: a fraction or an exponent is not an integer, however it would round.
    [[nodiscard]] bool read_signed(std::int64_t& out, std::int64_t min, std::int64_t max);
    [[nodiscard]] bool read_unsigned(std::uint64_t& out, std::uint64_t max);
    /// Nearest double; a number that is too large or too small for one is refused.
    [[nodiscard]] bool read_real(double& out);
    /// `out` is valid until the next call. `expected` names what the text should be.
    [[nodiscard]] bool read_text(std::string_view& out, std::string_view expected = "string");
    /// Passes a null if it comes next.
    [[nodiscard]] bool take_null();

    /// Enters an object; then `next_name` yields each member's name (valid until the next call) and
    /// the caller reads its value. False at the end and after a mistake: ask `ok`.
    [[nodiscard]] bool begin_object(std::string_view expected = "object");
    /// A `likely` name, which must need no escapes, is recognised quicker and then is the `name`
    /// yielded; any other is right as well.
    [[nodiscard]] bool next_name(std::string_view& name, std::string_view likely = {});
    /// Likewise for arrays: `next_element` is true when a value follows.
    [[nodiscard]] bool begin_array();
    [[nodiscard]] bool next_element();
    /// Checks and passes one value of any kind.
    [[nodiscard]] bool skip_value();
    /// Only space may be left.
    [[nodiscard]] bool finish();

    /// Start of the value that comes next; for `fail_at`, when a value turns out wrong after it was
    /// read.
    [[nodiscard]] std::size_t mark();
    /// Just behind what was read.
    [[nodiscard]] std::size_t offset() const { return at_; }
    /// Records "expected …, got …" for the value at `offset`.
    bool fail_at(std::size_t offset, std::string_view expected);
    /// Records a sentence of its own about the value at `offset`, or about its member `name`.
    bool fail_with(errc code, std::size_t offset, std::string_view sentence,
                   std::string_view name = {});

    [[nodiscard]] bool ok() const { return !failure_.has_value(); }
    [[nodiscard]] const decode_options& options() const { return options_; }
    /// The first mistake. Only if `!ok()`.
    [[nodiscard]] const error& failure() const { return *failure_; }

  private:
    [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
    void skip_space();
    [[nodiscard]] bool take(char c);
    [[nodiscard]] bool take_literal(std::string_view literal);
    [[nodiscard]] bool enter(char open, std::string_view expected);
    [[nodiscard]] bool leave_or_next(char close);
    [[nodiscard]] bool take_likely_name(std::string_view likely);
    [[nodiscard]] bool take_number(std::string_view& token, bool& is_integer);
    [[nodiscard]] bool take_string(std::string_view& out);
    [[nodiscard]] bool take_escape(std::size_t string);
    [[nodiscard]] bool take_unicode_escape(std::size_t string);
    [[nodiscard]] bool take_four_digits(std::uint32_t& out);
    [[nodiscard]] std::string describe(std::size_t offset) const;

    std::string_view text_;
    decode_options options_;
    std::size_t at_ = 0;
    std::size_t depth_ = 0;
    /// An array or object was just entered: its first element needs no comma before it.
    bool is_first_ = false;
    /// Text of the string being read, once it has needed an escape.
    std::string unescaped_;
    std::optional<error> failure_;
};

}  // namespace tidemark
