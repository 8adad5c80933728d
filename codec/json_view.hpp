#pragma once

#include "tidemark/core/error.hpp"

#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// JSON for people, without knowing its types: what the console and the command line show.
namespace tidemark {

/// The document indented by two spaces, members in their order, numbers exactly as they stand.
/// `malformed_payload` if it is not
/// JSON or nested deeper than 32.
[[nodiscard]] result<std::string> pretty_json(std::string_view text);

/// One place where two documents differ.
struct json_change {
    /// As in decoding errors: "$.items[1].qty".
    std::string path;
    /// Compact JSON; nothing where the document has no such member or element.
    std::optional<std::string> before;
    std::optional<std::string> after;
    friend bool operator==(const json_change&, const json_change&) = default;
    /// "$.balance: 100 -> 60", with "(absent)" for nothing.
    friend std::ostream& operator<<(std::ostream& out, const json_change& change);
};

/// Where `after` differs from `before`, in the order of `before`, additions last; empty if they are
/// equal. Objects are compared by member, arrays by index; values of different kinds are one
/// change. The order of members and the escapes of strings do not count; numbers are compared as
/// text. `malformed_payload` if
/// either is not JSON.
[[nodiscard]] result<std::vector<json_change>> diff_json(std::string_view before,
                                                         std::string_view after);

}  // namespace tidemark
