#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark::http {

/// One header field as sent or received; the name keeps its spelling.
struct header_field {
    std::string name;
    std::string value;
    friend bool operator==(const header_field&, const header_field&) = default;
};

/// The header fields of a message, in order. Names compare without regard to case. Lookups are
/// linear: a message has at most a hundred fields.
class header_fields {
  public:
    /// Appends a field. Throws `std::invalid_argument` if the name is not a token or the value
    /// holds a control character: such a field could smuggle a second message.
    void add(std::string_view name, std::string_view value);
    /// Replaces every field of that name by one. Throws as `add` does.
    void set(std::string_view name, std::string_view value);
    /// Removes every field of that name.
    void erase(std::string_view name);

    /// The first value of that name; nothing if there is none. Valid until the next change.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
    [[nodiscard]] bool contains(std::string_view name) const { return find(name).has_value(); }
    [[nodiscard]] std::size_t count(std::string_view name) const;

    [[nodiscard]] bool empty() const { return fields_.empty(); }
    [[nodiscard]] std::size_t size() const { return fields_.size(); }
    [[nodiscard]] auto begin() const { return fields_.begin(); }
    [[nodiscard]] auto end() const { return fields_.end(); }

    friend bool operator==(const header_fields&, const header_fields&) = default;

  private:
    std::vector<header_field> fields_;
};

/// Compares ASCII letters without regard to case.
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b);

/// True for a non-empty RFC 9110 token: what a method or a field name is made of.
[[nodiscard]] bool is_token(std::string_view text);

/// True if no byte is a control character; a horizontal tab is allowed.
[[nodiscard]] bool is_field_value(std::string_view text);

/// True if a comma-separated list ("gzip, br;q=0.5") has `member`, parameters ignored, unless its
/// weight is zero.
[[nodiscard]] bool lists(std::string_view list, std::string_view member);

}  // namespace tidemark::http
