#include "tidemark/eventbus/relay_lease.hpp"

#include "tidemark/codec/json_codec.hpp"

#include <system_error>
#include <utility>

namespace tidemark {

document to_document(const relay_lease& lease) {
    auto body = encode_json(lease);
    if (!body)
        throw std::system_error{make_error_code(body.error().code()), body.error().message()};
    return {relay_lease_key, std::move(*body), {}};
}

std::optional<relay_lease> parse_lease(const document& from) {
    auto lease = decode<relay_lease>(from.body);
    if (!lease) return std::nullopt;
    return std::move(*lease);
}

void observed_lease::saw(const relay_lease& lease, duration now) {
    if (lease == seen_) return;
    seen_ = lease;
    since_ = now;
}

std::optional<relay_lease> observed_lease::ended(duration now) const {
    if (seen_.owner.empty() || now - since_ < seen_.span) return std::nullopt;
    return seen_;
}

relay_lease take_lease(read_model& in, const std::string& who, instant now, duration span,
                       const std::optional<relay_lease>& ended) {
    relay_lease held;
    if (const auto found = in.get(relay_lease_key)) {
        // What nobody can read nobody owns.
        held = parse_lease(*found).value_or(relay_lease{});
    }
    if (held.is_fresh_for(who, now, span)) return held;
    const auto is_free = held.is_free_for(who, now) || held == ended;
    if (span > duration{0} && !is_free) return held;
    if (held.owner != who) ++held.token;
    held.owner = who;
    held.until = now + span;
    held.span = span;
    in.put(to_document(held));
    return held;
}

void release_lease(read_model& in, const std::string& who) {
    const auto found = in.get(relay_lease_key);
    if (!found) return;
    auto held = parse_lease(*found).value_or(relay_lease{});
    if (held.owner != who) return;
    // By every clock.
    held.until = {};
    in.put(to_document(held));
}

}  // namespace tidemark
