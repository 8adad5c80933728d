#pragma once

#include "tidemark/core/error.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemark::http {

/// Named texts: the parameters of a path or a query, decoded, in order, names case-sensitive. A
/// query may repeat a name.
class parameters {
  public:
    void add(std::string name, std::string value) {
        entries_.emplace_back(std::move(name), std::move(value));
    }
    /// The first value of that name; nothing if there is none.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
    /// Every value of that name.
    [[nodiscard]] std::vector<std::string_view> all(std::string_view name) const;
    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    [[nodiscard]] auto begin() const { return entries_.begin(); }
    [[nodiscard]] auto end() const { return entries_.end(); }

  private:
    std::vector<std::pair<std::string, std::string>> entries_;
};

/// A request target, taken apart and decoded.
struct target_parts {
    /// Decoded path. No decoded segment holds '/', '\', a control character, "." or "..", so that
    /// splitting the decoded text at '/' gives the segments that were sent.
    std::string path;
    parameters query;
};

/// Takes an origin-form target ("/orders/a%20b?limit=5") apart. At most 100 query parameters.
/// Refuses (`invalid_argument`) every other form, characters that may not stand in a target,
/// broken or overlong percent-encoding, text that is not UTF-8, control characters, and encoded or
/// plain traversal, because no route of ours needs any of them.
[[nodiscard]] result<target_parts> parse_target(std::string_view target);

/// Percent-encodes everything but unreserved characters: the inverse for one segment or value.
[[nodiscard]] std::string percent_encode(std::string_view text);

/// True for well-formed UTF-8: no overlong form, no surrogate, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace tidemark::http
