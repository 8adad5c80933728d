#include "tidemark/http/problem.hpp"

#include "tidemark/http/json_text.hpp"

#include <algorithm>
#include <array>

namespace tidemark::http {

namespace {

constexpr auto catalogue = std::to_array<problem_kind>({
    {"bad_request", 400, "The request is not valid HTTP"},
    {"bad_target", 400, "The request target is not valid"},
    {"malformed_payload", 400, "The body does not fit the message"},
    {"unknown_message", 400, "No message of this name is known"},
    {"missing_idempotency_key", 400, "The Idempotency-Key header is missing or not valid"},
    {"bad_precondition", 400, "The If-Match header is not valid"},
    {"forbidden_host", 403, "The Host header names a host this listener does not serve"},
    {"admin_header_required", 403, "A change needs the header Tidemark-Admin"},
    {"not_found", 404, "Nothing is here"},
    {"method_not_allowed", 405, "The method is not offered here"},
    {"request_timeout", 408, "The request did not arrive in time"},
    {"conflict", 409, "Another writer was faster"},
    {"stale", 409, "The work belonged to something that is gone"},
    {"version_mismatch", 412, "The expected version is not the current one"},
    {"too_large", 413, "The body is too large"},
    {"target_too_long", 414, "The request line is too long"},
    {"expectation_failed", 417, "The expectation cannot be met"},
    {"key_reused", 422, "The idempotency key was used with another body"},
    {"invalid_argument", 422, "A value is outside its range"},
    {"bad_setting", 422, "A setting is not valid"},
    {"actor_required", 422, "A change needs to say who makes it"},
    {"reason_required", 422, "A change needs to say why"},
    {"overloaded", 429, "Too much work at once"},
    {"headers_too_large", 431, "The header block is too large"},
    {"internal", 500, "Something failed inside"},
    {"io_error", 500, "Storage failed"},
    {"corrupt", 500, "Stored bytes are damaged"},
    {"schema_mismatch", 500, "The storage has another schema"},
    {"undecodable", 500, "A stored message cannot be read"},
    {"quarantined", 500, "The stream is set aside until it is mended"},
    {"user_code_threw", 500, "Application code failed"},
    {"foreign_log", 500, "The log is not the one that was read before"},
    {"not_implemented", 501, "The method or coding is not supported"},
    {"timed_out", 503, "Not done in time; nothing was stored"},
    {"unavailable", 503, "A dependency cannot be reached"},
    {"shutting_down", 503, "The process is draining"},
    {"locked", 503, "Another process serves this storage"},
    {"unknown_outcome", 504, "The outcome is not known yet"},
    {"bad_version", 505, "The HTTP version is not supported"},
    {"disk_full", 507, "The storage is full; nothing was stored"},
});

const problem_kind* find_kind(std::string_view code) {
    const auto it = std::ranges::find(catalogue, code, &problem_kind::code);
    return it == catalogue.end() ? nullptr : &*it;
}

std::string_view code_of(errc code) {
    switch (code) {
        case errc::conflict:
            return "conflict";
        case errc::overloaded:
            return "overloaded";
        case errc::timed_out:
            return "timed_out";
        case errc::unknown_outcome:
            return "unknown_outcome";
        case errc::unavailable:
            return "unavailable";
        case errc::stale:
            return "stale";
        case errc::key_reused:
            return "key_reused";
        case errc::unknown_message:
            return "unknown_message";
        case errc::malformed_payload:
            return "malformed_payload";
        case errc::undecodable:
            return "undecodable";
        case errc::quarantined:
            return "quarantined";
        case errc::shutting_down:
            return "shutting_down";
        case errc::invalid_argument:
            return "invalid_argument";
        case errc::not_found:
            return "not_found";
        case errc::io_error:
            return "io_error";
        case errc::disk_full:
            return "disk_full";
        case errc::corrupt:
            return "corrupt";
        case errc::schema_mismatch:
            return "schema_mismatch";
        case errc::locked:
            return "locked";
        case errc::user_code_threw:
            return "user_code_threw";
        case errc::too_large:
            return "too_large";
        case errc::bad_setting:
            return "bad_setting";
        case errc::foreign_log:
            return "foreign_log";
    }
    return "internal";
}

std::optional<std::chrono::seconds> retry_after(errc code) {
    if (code == errc::shutting_down) return std::chrono::seconds{5};
    if (code == errc::unavailable || code == errc::locked) return std::chrono::seconds{2};
    if (code == errc::overloaded || code == errc::timed_out) return std::chrono::seconds{1};
    if (code == errc::disk_full) return std::chrono::seconds{30};
    return std::nullopt;
}

/// What a caller may read of a failure whose message can hold paths, statements or user text.
std::string public_detail(const error& e, int status, std::string_view command_id) {
    if (e.code() == errc::unknown_outcome) {
        const auto id = command_id.empty() ? std::string{"{id}"} : std::string{command_id};
        return "the command was sent to the store and its outcome is not known; ask "
               "GET /api/v1/commands/" +
               id + " or repeat it under the same key";
    }
    if (status == 500 || status == 507 || e.code() == errc::unavailable ||
        e.code() == errc::locked) {
        return "the request was not carried out; the log has the reason under this request_id";
    }
    return e.message();
}

std::string_view trace_id_of(std::string_view traceparent) {
    return traceparent.size() >= 35 ? traceparent.substr(3, 32) : std::string_view{};
}

}  // namespace

std::span<const problem_kind> problem_catalogue() { return catalogue; }

problem make_problem(std::string_view code, std::string detail) {
    const auto* kind = find_kind(code);
    if (kind == nullptr) kind = find_kind("internal");
    problem out;
    out.status = kind->status;
    out.code = kind->code;
    out.title = kind->title;
    out.detail = std::move(detail);
    return out;
}

problem to_problem(const error& e, const failed_command& command) {
    const auto is_precondition = e.code() == errc::conflict && command.has_precondition;
    auto out = make_problem(is_precondition ? "version_mismatch" : code_of(e.code()), {});
    out.detail = public_detail(e, out.status, command.id);
    out.logged = e.message();
    out.retry_after = retry_after(e.code());
    if (!command.id.empty()) out.members.emplace_back("command_id", command.id);
    return out;
}

problem rejection_problem(std::string_view code, std::string_view detail) {
    problem out;
    out.status = 409;
    out.code = code;
    out.title = "The command was refused";
    out.detail = detail.empty()
                     ? "the rules of the aggregate refuse this command: " + std::string{code}
                     : std::string{detail};
    return out;
}

std::string to_json(const problem& p, const problem_place& place) {
    const auto* kind = find_kind(p.code);
    const auto fallback = kind != nullptr ? kind->title : status_phrase(p.status);
    std::string out = "{";
    const auto page = "docs/problems.md#" + (kind != nullptr ? p.code : "rejection");
    append_json_member(out, "type", page);
    append_json_member(out, "title", p.title.empty() ? fallback : std::string_view{p.title});
    out += ",\"status\":" + std::to_string(p.status);
    append_json_member(out, "detail", p.detail);
    append_json_member(out, "instance", place.instance);
    append_json_member(out, "code", p.code);
    append_json_member(out, "request_id", place.request_id);
    const auto trace = trace_id_of(place.traceparent);
    if (!trace.empty()) append_json_member(out, "trace_id", trace);
    append_json_member(out, "doc", page);
    for (const auto& [name, value] : p.members) append_json_member(out, name, value);
    out += '}';
    return out;
}

std::string_view status_phrase(int status) {
    struct phrase {
        int status;
        std::string_view text;
    };
    static constexpr auto phrases = std::to_array<phrase>({
        {100, "Continue"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    });
    const auto it = std::ranges::find(phrases, status, &phrase::status);
    return it == phrases.end() ? "Unknown" : it->text;
}

}  // namespace tidemark::http
