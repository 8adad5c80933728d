#include "tidemark/eventbus/relay_lease.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace tidemark {

document to_document(const relay_lease& lease) {
    const boost::json::value body{{"owner", lease.owner},
                                  {"token", lease.token},
                                  {"until", lease.until.time_since_epoch().count()}};
    return {relay_lease_key, boost::json::serialize(body), {}};
}

std::optional<relay_lease> parse_lease(const document& from) {
    boost::system::error_code failure;
    const auto body = boost::json::parse(from.body, failure);
    if (failure || !body.is_object()) return std::nullopt;
    const auto& members = body.as_object();
    const auto* const owner = members.if_contains("owner");
    const auto* const token = members.if_contains("token");
    const auto* const until = members.if_contains("until");
    if (owner == nullptr || token == nullptr || until == nullptr) return std::nullopt;
    if (!owner->is_string() || !until->is_int64()) return std::nullopt;
    relay_lease out;
    out.owner = std::string{owner->as_string()};
    out.token = token->to_number<std::uint64_t>(failure);
    if (failure) return std::nullopt;
    out.until = instant{duration{until->as_int64()}};
    return out;
}

relay_lease take_lease(read_model& in, const std::string& who, instant now, duration span) {
    relay_lease held;
    if (const auto found = in.get(relay_lease_key)) {
        // What nobody can read nobody owns.
        held = parse_lease(*found).value_or(relay_lease{});
    }
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
