#pragma once

#include "tidemark/codec/json_codec.hpp"
#include "tidemark/http/preconditions.hpp"
#include "tidemark/http/problem.hpp"
#include "tidemark/http/request.hpp"
#include "tidemark/http/response.hpp"
#include "tidemark/runtime/runtime.hpp"

#include <optional>
#include <string>
#include <utility>

namespace shop {

/// Whose idempotency keys are meant by keys in this API.
inline constexpr std::string_view key_scope = "http";

/// Id of the command that was sent under an idempotency key.
[[nodiscard]] tidemark::message_id command_of(std::string_view key);

/// The refusal of a request whose `Idempotency-Key` is none; nothing without a key.
[[nodiscard]] std::optional<tidemark::http::response> refuse_bad_key(
    const tidemark::http::request& r);

/// The call a request makes: its deadline, trace and the id that `GET /api/v1/commands/{id}` can be
/// asked for, the one of its `Idempotency-Key` or a fresh one.
[[nodiscard]] tidemark::call call_of(const tidemark::http::request& r, tidemark::execution& world);

/// The answer to a command: what `ok` makes of the receipt, or the problem of its refusal or error.
/// Carries ETag, Tidemark-Position and Tidemark-Command.
[[nodiscard]] tidemark::http::response answer_of(const tidemark::outcome& told,
                                                 tidemark::http::response ok,
                                                 bool has_precondition = false);

/// The body as `T`, unknown fields refused; or the 400 problem with the path of what is wrong.
template <class T>
[[nodiscard]] std::optional<T> read_body(const tidemark::http::request& r,
                                         tidemark::http::response& refused);

/// The problem of a body that does not fit.
[[nodiscard]] tidemark::http::response bad_body(const tidemark::error& why);

/// A whole number from the query; the fallback if it is absent, nothing if it is no such number.
[[nodiscard]] std::optional<std::uint64_t> number_of(const tidemark::http::request& r,
                                                     std::string_view name, std::uint64_t fallback,
                                                     std::uint64_t most);

template <class T>
std::optional<T> read_body(const tidemark::http::request& r, tidemark::http::response& refused) {
    tidemark::decode_options strictly;
    strictly.strict = true;
    auto body = tidemark::decode<T>(r.body, strictly);
    if (body) return std::move(*body);
    refused = bad_body(body.error());
    return std::nullopt;
}

}  // namespace shop
