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

relay_lease take_lease(read_model& in, const std::string& who, instant now, duration span) {
    relay_lease held;
    if (const auto found = in.get(relay_lease_key)) {
        // What nobody can read nobody owns.
        held = parse_lease(*found).value_or(relay_lease{});
    }
    if (held.is_fresh_for(who, now, span)) return held;
    if (span > duration{0} && !held.is_free_for(who, now)) return held;
    if (held.owner != who) ++held.token;
    held.owner = who;
    held.until = now + span;
    in.put(to_document(held));
    return held;
}

void release_lease(read_model& in, const std::string& who, instant now) {
    const auto found = in.get(relay_lease_key);
    if (!found) return;
    auto held = parse_lease(*found).value_or(relay_lease{});
    if (held.owner != who) return;
    held.until = now;
    in.put(to_document(held));
}

}  // namespace tidemark
