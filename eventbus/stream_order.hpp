#pragma once

#include "tidemark/eventbus/headers.hpp"

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

namespace tidemark {

/// Checks on the consumer's side that every stream arrives complete, once and in order, per log
/// incarnation: the one check that finds loss, duplication and reordering, whoever caused them.
/// Pure. Owned by one consumer.
///
/// Memory is bounded: beyond `streams_max` the stream not seen for longest is forgotten. A
/// forgotten stream, and any stream after a restart, is `unknown`: read how far it was consumed
/// where the consumption is stored (0 if it never was), `remember` that and ask again.
class stream_order {
  public:
    enum class verdict : std::uint8_t {
        /// The next version: apply it, then call `applied`.
        apply,
        /// Applied before: drop it.
        duplicate,
        /// Versions are missing: stop this stream, fetch (last, version) from the store, apply and
        /// report each as `applied`; then ask again.
        gap,
        /// Nothing is remembered of this stream.
        unknown,
    };
    struct answer {
        verdict what = verdict::unknown;
        /// Last version applied, if known.
        version last;
        friend bool operator==(const answer&, const answer&) = default;
    };

    explicit stream_order(std::size_t streams_max = 100'000);

    [[nodiscard]] answer check(const bus_origin& arrived);
    /// This version has taken effect. It must be the next one of a remembered stream.
    void applied(const bus_origin& taken);
    /// How far the stream was consumed. Never moves a remembered stream back.
    void remember(const message_id& log, const stream_id& stream, version last);
    [[nodiscard]] std::size_t size() const { return places_.size(); }

  private:
    struct entry {
        std::string key;
        version last;
    };
    using recency = std::list<entry>;

    [[nodiscard]] entry* touch(const std::string& key);

    std::size_t streams_max_;
    /// Most recently asked for first.
    recency entries_;
    std::unordered_map<std::string, recency::iterator> places_;
};

}  // namespace tidemark
