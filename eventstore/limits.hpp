#pragma once

#include "tidemark/eventstore/append.hpp"
#include "tidemark/eventstore/event_store.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace tidemark {

/// Largest payload of one event: with its key and headers it is a message that brokers take unless
/// told otherwise (Kafka's `message.max.bytes`: 1,048,588).
inline constexpr std::size_t event_bytes_max = 900UL * 1024;
/// Largest payload of one effect, timer or snapshot.
inline constexpr std::size_t payload_bytes_max = 1024UL * 1024;
/// Most requests in one call of `append`.
inline constexpr std::size_t batch_requests_max = 10'000;
/// Most events in one request.
inline constexpr std::size_t request_events_max = 10'000;
/// Longest stored name, timer name, command scope, command id, consumer and owner.
inline constexpr std::size_t name_bytes_max = 255;
/// Longest sequence key.
inline constexpr std::size_t sequence_key_bytes_max = 1024;

/// What is wrong with a request before any backend looks at it: `invalid_argument` or `too_large`;
/// nothing if it can be stored.
[[nodiscard]] std::optional<error> find_fault(const append_request& request);
/// The same for a snapshot.
[[nodiscard]] std::optional<error> find_fault(const snapshot& taken);

/// The outcomes of a batch that is too long to be looked at; nothing if it is not.
[[nodiscard]] std::optional<std::vector<append_outcome>> refuse_long_batch(std::size_t requests);

/// Rough size of a request in memory and on disk; what group commit bounds a transaction by.
[[nodiscard]] std::size_t bytes_of(const append_request& request);

}  // namespace tidemark
