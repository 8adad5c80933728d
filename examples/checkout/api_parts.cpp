#include "tidemark/examples/checkout/api_parts.hpp"

#include <charconv>
#include <system_error>

namespace shop {

using tidemark::http::request;
using tidemark::http::response;

tidemark::message_id command_of(std::string_view key) {
    return tidemark::message_id::derive({"command", key_scope, key});
}

std::optional<response> refuse_bad_key(const request& r) {
    if (r.headers.count("Idempotency-Key") == 0) return std::nullopt;
    const auto key = tidemark::http::idempotency_key(r);
    if (key) return std::nullopt;
    return tidemark::http::missing_idempotency_key(key.error());
}

tidemark::call call_of(const request& r, tidemark::execution& world) {
    tidemark::call how;
    const auto key = r.headers.find("Idempotency-Key").value_or("");
    how.known_as(key.empty() ? world.fresh_id() : command_of(key), std::string{key_scope});
    how.within(r.deadline - world.clock().steady());
    tidemark::trace_context trace;
    trace.traceparent = r.traceparent;
    how.tracing(std::move(trace));
    return how;
}

response answer_of(const tidemark::outcome& told, response ok, bool has_precondition) {
    const auto command = told.command().to_string();
    if (told.is_refused()) {
        ok = tidemark::http::refuse(
            tidemark::http::rejection_problem(told.rejection().code, told.rejection().message));
    } else if (told.is_error()) {
        ok = tidemark::http::refuse(
            tidemark::http::to_problem(told.error(), {command, has_precondition}));
    } else {
        ok.headers.set("ETag", tidemark::http::etag(told.receipt().version));
        ok.headers.set("Tidemark-Position", std::to_string(told.receipt().position.value()));
    }
    ok.headers.set("Tidemark-Command", command);
    if (told.is_repeated()) ok.headers.set("Idempotency-Replayed", "true");
    return ok;
}

response bad_body(const tidemark::error& why) {
    return tidemark::http::refuse(tidemark::http::to_problem(why));
}

std::optional<std::uint64_t> number_of(const request& r, std::string_view name,
                                       std::uint64_t fallback, std::uint64_t most) {
    const auto text = r.query.find(name);
    if (!text) return fallback;
    std::uint64_t value = 0;
    const auto* end = text->data() + text->size();
    const auto [stop, failed] = std::from_chars(text->data(), end, value);
    if (failed != std::errc{} || stop != end || value > most) return std::nullopt;
    return value;
}

}  // namespace shop
