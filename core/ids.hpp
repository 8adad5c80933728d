#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tidemark {

/// 128-bit identity of a message: an event, a command, an effect or a timer generation. Printed
/// and stored as a UUID. The all-zero value means "none".
class message_id {
  public:
    using bytes = std::array<std::uint8_t, 16>;

    constexpr message_id() = default;
    explicit constexpr message_id(const bytes& value) : bytes_{value} {}

    /// Name-based UUID (RFC 9562, version 5) of the parts, each preceded by its length, so that no
    /// two different part lists collide by concatenation. The same parts give the same id for ever:
    /// effect keys and derived command ids are stored.
    [[nodiscard]] static message_id derive(std::initializer_list<std::string_view> parts);

    /// UUID version 7 (RFC 9562) from a Unix time in milliseconds and 74 bits of randomness.
    [[nodiscard]] static message_id v7(std::uint64_t unix_ms, std::uint64_t random_a,
                                       std::uint64_t random_b);

    /// Parses the 36-character UUID form; nothing for anything else.
    [[nodiscard]] static std::optional<message_id> parse(std::string_view text);

    [[nodiscard]] std::string to_string() const;
    [[nodiscard]] constexpr const bytes& value() const { return bytes_; }
    [[nodiscard]] constexpr bool is_none() const { return bytes_ == bytes{}; }

    friend constexpr auto operator<=>(const message_id&, const message_id&) = default;
    friend std::ostream& operator<<(std::ostream& out, const message_id& id);

  private:
    bytes bytes_{};
};

/// Identity of one stream: the category (a written-down name without '-') and the id of the
/// instance within it. Text form "category-id", at most 255 bytes, printable, no control characters
/// (`is_valid`).
class stream_id {
  public:
    stream_id() = default;
    stream_id(std::string_view category, std::string_view id);

    /// Splits "category-id" at the first '-'. Nothing if either half is empty or the text is not
    /// valid.
    [[nodiscard]] static std::optional<stream_id> parse(std::string_view text);

    [[nodiscard]] std::string_view category() const;
    [[nodiscard]] std::string_view id() const;
    [[nodiscard]] const std::string& text() const { return text_; }
    /// Non-empty halves, no '-' in the category, at most 255 bytes, no control characters, UTF-8.
    [[nodiscard]] bool is_valid() const;

    friend auto operator<=>(const stream_id&, const stream_id&) = default;
    friend std::ostream& operator<<(std::ostream& out, const stream_id& id);

  private:
    std::string text_;
    std::size_t category_size_ = 0;
};

/// Writes the text of an `id`; not a template, so that this header stays free of <ostream>.
std::ostream& print_id_text(std::ostream& out, const std::string& text);

/// Identity of one instance of `Aggregate` (an aggregate or a saga). A literal converts
/// implicitly, run-time text only explicitly.
template <class Aggregate>
class id {
  public:
    using aggregate_type = Aggregate;

    id() = default;
    template <std::size_t N>
    id(const char (&literal)[N]) : text_{literal} {}  // NOLINT(google-explicit-constructor)
    explicit id(std::string text) : text_{std::move(text)} {}

    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] stream_id stream() const { return {Aggregate::category, text_}; }

    friend auto operator<=>(const id&, const id&) = default;
    friend bool operator==(const id&, const id&) = default;
    friend std::ostream& operator<<(std::ostream& out, const id& value) {
        return print_id_text(out, value.text_);
    }

  private:
    std::string text_;
};

}  // namespace tidemark

template <>
struct std::hash<tidemark::message_id> {
    std::size_t operator()(const tidemark::message_id& id) const noexcept;
};

template <>
struct std::hash<tidemark::stream_id> {
    std::size_t operator()(const tidemark::stream_id& id) const noexcept {
        return std::hash<std::string>{}(id.text());
    }
};

template <class Aggregate>
struct std::hash<tidemark::id<Aggregate>> {
    std::size_t operator()(const tidemark::id<Aggregate>& id) const noexcept {
        return std::hash<std::string>{}(id.text());
    }
};
