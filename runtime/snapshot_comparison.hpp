#pragma once

#include "tidemark/eventstore/event_store.hpp"
#include "tidemark/runtime/stream_type.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace tidemark {

/// How a stored snapshot compares with its stream, folded from the first event.
struct snapshot_comparison {
    enum class verdict : std::uint8_t {
        equal,
        /// A load from it would go on from a state that the events do not give.
        differs,
        /// No load of this program uses it: of another schema, or not readable.
        ignored,
    };
    stream_id stream;
    std::string name;
    tidemark::version version;
    verdict outcome = verdict::equal;
    /// Why it is ignored, or where it differs first: "$.balance: 100 -> 60" (stored -> replayed).
    std::string reason;
};

/// Compares one stored snapshot, reading its stream `page` events at a time. `type` is the stream's
/// (null: none of that category is known here). The newest of the name is compared, also if it is
/// newer than `which` says. `not_found` if there is none any more; the store's error if it cannot
/// be read.
[[nodiscard]] awaitable<result<snapshot_comparison>> compare_snapshot(event_store& events,
                                                                      const stream_type* type,
                                                                      snapshot_summary which,
                                                                      std::size_t page);

}  // namespace tidemark
