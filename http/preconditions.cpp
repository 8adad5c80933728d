#include "tidemark/http/preconditions.hpp"

#include <charconv>

namespace tidemark::http {

namespace {

constexpr std::size_t key_size_max = 255;

error bad_tag(std::string_view value) {
    return {errc::invalid_argument, "If-Match is " + std::string{value} +
                                        "; send one version as it came in ETag, such as \"v7\""};
}

}  // namespace

std::string etag(version at) { return "\"v" + std::to_string(at.value()) + "\""; }

result<std::optional<version>> if_match(const request& r) {
    const auto count = r.headers.count("If-Match");
    if (count == 0) return std::optional<version>{};
    const auto value = *r.headers.find("If-Match");
    if (count > 1) return bad_tag("there twice");
    if (value == "*") return std::optional<version>{};
    if (value.size() < 4 || !value.starts_with("\"v") || value.back() != '"') return bad_tag(value);
    std::uint64_t number = 0;
    const auto* last = value.data() + value.size() - 1;
    const auto [end, ec] = std::from_chars(value.data() + 2, last, number);
    if (ec != std::errc{} || end != last) return bad_tag(value);
    return std::optional{version{number}};
}

result<std::string> idempotency_key(const request& r) {
    const auto count = r.headers.count("Idempotency-Key");
    const auto value = r.headers.find("Idempotency-Key").value_or("");
    if (count == 1 && is_printable_id(value, key_size_max)) return std::string{value};
    const std::string_view seen = count == 0 ? "missing" : count > 1 ? "there twice" : "not valid";
    return error{errc::invalid_argument,
                 "the Idempotency-Key header is " + std::string{seen} +
                     "; send one of 1 to 255 printable characters, fresh for each new order of "
                     "work and the same when you repeat it"};
}

response bad_precondition(const error& e) {
    return refuse(make_problem("bad_precondition", e.message()));
}

response missing_idempotency_key(const error& e) {
    return refuse(make_problem("missing_idempotency_key", e.message()));
}

response version_mismatch(version current) {
    auto p = make_problem("version_mismatch", "the current version is " + etag(current) +
                                                  "; read it again and repeat with its ETag");
    p.members.emplace_back("current_version", std::to_string(current.value()));
    auto out = refuse(std::move(p));
    out.headers.add("ETag", etag(current));
    return out;
}

}  // namespace tidemark::http
