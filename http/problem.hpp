#pragma once

#include "tidemark/core/error.hpp"

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemark::http {

/// Why a request was not carried out, told to the caller as RFC 9457 `application/problem+json`.
struct problem {
    int status = 500;
    /// Stable and searchable; callers branch on it. Written in snake_case, never reworded.
    std::string code = "internal";
    /// The same for every problem of this code; empty takes the catalogue's, or the status phrase.
    std::string title;
    /// This occurrence: the value, where it came from and the remedy. Never internals.
    std::string detail;
    /// Sent as `Retry-After`; set where a later try can succeed.
    std::optional<std::chrono::seconds> retry_after;
    /// Further members with text values, such as `command_id` or `current_version`.
    std::vector<std::pair<std::string, std::string>> members;
    /// For the log line only, never sent: what the machinery said.
    std::string logged;
};

/// Where a problem happened; what lets a caller and an operator speak of the same request.
struct problem_place {
    std::string_view instance;
    std::string_view request_id;
    /// W3C `traceparent`; the trace id is taken from it. May be empty.
    std::string_view traceparent;
};

/// The JSON body of a problem: type, title, status, detail, instance, code, request_id, trace_id,
/// doc, and its own members. `type` and `doc` refer to the section of docs/problems.md; a code that
/// is not catalogued belongs to the application and refers to the one on rejections.
[[nodiscard]] std::string to_json(const problem& p, const problem_place& place);

/// What the caller of a failed command needs to hear beside the error.
struct failed_command {
    /// The command's id, so that an unknown outcome can be asked about; may be empty.
    std::string_view id;
    /// The caller sent `If-Match`: its conflict is a failed precondition (412), not a 409.
    bool has_precondition = false;
};

/// The problem of a failure of the machinery. The message is sent where it concerns the caller's
/// own input or what to do next; for failures inside (storage, user code) it goes to the log only.
[[nodiscard]] problem to_problem(const error& e, const failed_command& command = {});

/// The problem of a domain refusal: 409 with the rejection's own code.
[[nodiscard]] problem rejection_problem(std::string_view code, std::string_view detail = {});

/// One entry of the list of codes that this library itself sends.
struct problem_kind {
    std::string_view code;
    int status;
    std::string_view title;
};

/// Every code this library sends, for the documentation and its test. Rejection codes belong to
/// the application and are not among them.
[[nodiscard]] std::span<const problem_kind> problem_catalogue();

/// The problem of a catalogued code. An unknown code gives `internal`.
[[nodiscard]] problem make_problem(std::string_view code, std::string detail);

/// "Not Found" for 404; "Unknown" for a status we never send.
[[nodiscard]] std::string_view status_phrase(int status);

}  // namespace tidemark::http
