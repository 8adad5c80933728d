#pragma once

#include "tidemark/core/version.hpp"
#include "tidemark/http/header_fields.hpp"
#include "tidemark/http/target.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidemark::http {

/// The methods a route can be offered for.
enum class method : std::uint8_t {
    get,
    /// Answered by the route of `get`, without its body.
    head,
    post,
    put,
    patch,
    /// DELETE, which C++ keeps for itself.
    erase,
    /// Answered by the router with the methods of the path.
    options,
};

[[nodiscard]] std::string_view to_string(method m);
/// Nothing for a method that no route can be offered for.
[[nodiscard]] std::optional<method> parse_method(std::string_view text);

/// A whole request, checked and decoded, as an action gets it. Owns everything it holds.
struct request {
    http::method method = http::method::get;
    /// As sent, with the query.
    std::string target;
    /// Decoded, without the query.
    std::string path;
    /// The values of `{name}` in the route's pattern, decoded.
    parameters path_parameters;
    parameters query;
    header_fields headers;
    std::string body;
    /// Address of the peer without its port.
    std::string remote_address;
    /// `X-Request-ID` of the caller if it was 1 to 128 printable ASCII characters, else a fresh
    /// UUID v7.
    std::string request_id;
    /// W3C `traceparent` if it was well-formed, else empty.
    std::string traceparent;
    /// Steady time of the execution's clock after which nobody waits for the answer.
    duration deadline{};

    /// Value of a path parameter. Throws `std::out_of_range` if the route has none of that name,
    /// which is a mistake in the program, not in the request.
    [[nodiscard]] const std::string& parameter(std::string_view name) const;
};

/// True for what is accepted as a request id or an idempotency key: printable ASCII without space,
/// 1 to `size_max` characters.
[[nodiscard]] bool is_printable_id(std::string_view text, std::size_t size_max);

/// True for a W3C `traceparent` of version 00 whose ids are not zero.
[[nodiscard]] bool is_traceparent(std::string_view text);

}  // namespace tidemark::http
