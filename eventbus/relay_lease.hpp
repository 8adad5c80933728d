#pragma once

#include "tidemark/core/describe.hpp"
#include "tidemark/core/version.hpp"
#include "tidemark/eventstore/read_model.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace tidemark {

/// Which relay of a topic publishes: a document beside the checkpoint, so that it is looked at in
/// the transactions that move it. It saves copies and no more: a relay that was paused past its
/// lease can still have messages on their way, whoever owns it now, which is why consumers check
/// versions. Its end is judged by each process's own clock; one that is ahead takes over early and
/// makes copies.
struct relay_lease {
    std::string owner;
    /// Grows with every change of owner; goes with each message.
    std::uint64_t token = 0;
    instant until{};
    friend bool operator==(const relay_lease&, const relay_lease&) = default;

    [[nodiscard]] bool is_free_for(const std::string& who, instant now) const {
        return owner == who || until <= now;
    }
    /// Whether `who` holds it for at least two thirds of `span` more: no need to write it again.
    [[nodiscard]] bool is_fresh_for(const std::string& who, instant now, duration span) const {
        return owner == who && (span <= duration{0} || until - now >= span * 2 / 3);
    }
};
TIDEMARK_STRUCT(relay_lease, owner, token, until)

/// The key of the document in the relay's model.
inline constexpr const char* relay_lease_key = "lease";

/// Throws `std::system_error` if it cannot be written as JSON.
[[nodiscard]] document to_document(const relay_lease& lease);
/// Nothing for a body that is none of ours.
[[nodiscard]] std::optional<relay_lease> parse_lease(const document& from);

/// Takes or renews the lease for `who` where it is free for it and no longer fresh, and answers the
/// one that holds. A
/// `span` of 0 takes it from whoever had it: nobody else can be there.
relay_lease take_lease(read_model& in, const std::string& who, instant now, duration span);
/// Ends the lease of `who`, so that nobody has to wait for its time.
void release_lease(read_model& in, const std::string& who, instant now);

}  // namespace tidemark
