#include "tidemark/codec/json_members.hpp"

#include <cstdint>
#include <string>

namespace tidemark {
namespace {

std::string not_a_field(std::span<const json_member> members) {
    std::string sentence = "is not a field; ";
    if (members.empty()) return sentence + "there are none";
    sentence += "the fields are ";
    for (const auto& member : members) {
        if (&member != members.data()) sentence += ", ";
        sentence += member.name;
    }
    return sentence;
}

/// Index of the member called `name`, or how many there are.
std::size_t index_of(std::span<const json_member> members, std::size_t guess,
                     std::string_view name) {
    if (guess < members.size() && members[guess].name.data() == name.data()) return guess;
    std::size_t at = 0;
    while (at < members.size() && members[at].name != name) ++at;
    return at;
}

}  // namespace

bool read_members(json_reader& in, std::span<const json_member> members, void* owner) {
    const auto start = in.mark();
    if (!in.begin_object()) return false;
    std::uint64_t seen = 0;
    std::size_t guess = 0;  // members usually come in the order they were written
    std::string_view name;
    while (in.next_name(name, guess < members.size() ? members[guess].name : "")) {
        const auto at = index_of(members, guess, name);
        if (at == members.size()) {
            if (in.options().strict) {
                return in.fail_with(errc::malformed_payload, start, not_a_field(members), name);
            }
            if (!in.skip_value()) return false;
            continue;
        }
        const auto bit = std::uint64_t{1} << at;
        if ((seen & bit) != 0) {
            return in.fail_with(errc::malformed_payload, start, "appears twice", name);
        }
        seen |= bit;
        guess = at + 1;
        if (!members[at].read(in, owner)) return false;
    }
    if (!in.ok()) return false;
    for (std::size_t at = 0; at < members.size(); ++at) {
        if (members[at].is_required && (seen & (std::uint64_t{1} << at)) == 0) {
            return in.fail_with(errc::malformed_payload, start, "is missing", members[at].name);
        }
    }
    return true;
}

}  // namespace tidemark
