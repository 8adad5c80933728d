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
/// versions. Its end is judged by each process's own clock: one that is ahead takes over early and
/// makes copies. One whose owner was ahead ends all the same when it was not renewed for `span` by
/// the steady clock of who looks at it.
struct relay_lease {
    std::string owner;
    /// Grows with every change of owner; goes with each message.
    std::uint64_t token = 0;
    instant until{};
    /// For how long it was taken.
    duration span{};
    friend bool operator==(const relay_lease&, const relay_lease&) = default;

    [[nodiscard]] bool is_free_for(const std::string& who, instant now) const {
        return owner == who || until <= now;
    }
    /// Whether `who` holds it for at least two thirds of `whole` more: no need to write it again.
    [[nodiscard]] bool is_fresh_for(const std::string& who, instant now, duration whole) const {
        return owner == who && (whole <= duration{0} || until - now >= whole * 2 / 3);
    }
};
TIDEMARK_STRUCT(relay_lease, owner, token, until, span)

/// Since when a lease has been as it is, by a steady clock of one's own. The idea: Gray, Cheriton,
/// "Leases", 1989, for clocks of which only the speed can be trusted.
class observed_lease {
  public:
    /// Whoever stores or loads it calls this with what is there.
    void saw(const relay_lease& lease, duration now);
    /// The one that was seen unchanged for all of its span; none if there is no such.
    [[nodiscard]] std::optional<relay_lease> ended(duration now) const;

  private:
    relay_lease seen_;
    duration since_{};
};

/// The key of the document in the relay's model.
inline constexpr const char* relay_lease_key = "lease";

/// Throws `std::system_error` if it cannot be written as JSON.
[[nodiscard]] document to_document(const relay_lease& lease);
/// Nothing for a body that is none of ours.
[[nodiscard]] std::optional<relay_lease> parse_lease(const document& from);

/// Takes or renews the lease for `who` where it is free for it and no longer fresh, and answers the
/// one that holds. `ended` is free, whatever it says. A `span` of 0 takes it from whoever had it:
/// nobody else can be there.
relay_lease take_lease(read_model& in, const std::string& who, instant now, duration span,
                       const std::optional<relay_lease>& ended = std::nullopt);
/// Ends the lease of `who`, so that nobody has to wait for its time.
void release_lease(read_model& in, const std::string& who);

}  // namespace tidemark
