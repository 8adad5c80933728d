#pragma once

#include "tidemark/core/error.hpp"
#include "tidemark/core/version.hpp"
#include "tidemark/http/request.hpp"
#include "tidemark/http/response.hpp"

#include <optional>
#include <string>

namespace tidemark::http {

/// The entity tag of a version: `"v7"`, with its quotes.
[[nodiscard]] std::string etag(version at);

/// The version an `If-Match` header demands; nothing if the header is missing or `*`. An error
/// (`invalid_argument`) for anything that is not one strong tag of the form `"v7"`: a list would be
/// a demand nobody can keep.
[[nodiscard]] result<std::optional<version>> if_match(const request& r);

/// The `Idempotency-Key` header. An error (`invalid_argument`) if it is missing, sent twice, or not
/// 1 to 255 printable ASCII characters.
[[nodiscard]] result<std::string> idempotency_key(const request& r);

/// 400 with the code `bad_precondition`, for the error of `if_match`.
[[nodiscard]] response bad_precondition(const error& e);
/// 400 with the code `missing_idempotency_key`, for the error of `idempotency_key`.
[[nodiscard]] response missing_idempotency_key(const error& e);
/// 412 with the code `version_mismatch`; names the version the caller has to look at again.
[[nodiscard]] response version_mismatch(version current);

}  // namespace tidemark::http
