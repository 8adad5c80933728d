#include "tidemark/examples/checkout/api_parts.hpp"

#include <charconv>
#include <system_error>

namespace shop {

using tidemark::http::request;
using tidemark::http::response;

tidemark::result<std::string> name_command(const request& r, tidemark::execution& world) {
    if (r.headers.count("Idempotency-Key") != 0) return tidemark::http::idempotency_key(r);
    return world.fresh_id().to_string();
}

tidemark::call call_of(const request& r, const std::string& name, tidemark::execution& world) {
    tidemark::call how;
    how.once(name, std::string{key_scope});
    how.within(r.deadline - world.clock().steady());
    tidemark::trace_context trace;
    trace.traceparent = r.traceparent;
    how.tracing(std::move(trace));
    return how;
}

response answer_of(const tidemark::outcome& told, const std::string& name, response ok,
                   bool has_precondition) {
    if (told.is_refused()) {
        ok = tidemark::http::refuse(
            tidemark::http::rejection_problem(told.rejection().code, told.rejection().message));
    } else if (told.is_error()) {
        ok = tidemark::http::refuse(
            tidemark::http::to_problem(told.error(), {name, has_precondition}));
    } else {
        ok.headers.set("ETag", tidemark::http::etag(told.receipt().version));
        ok.headers.set("Tidemark-Position", std::to_string(told.receipt().position.value()));
    }
    ok.headers.set("Tidemark-Command", name);
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
