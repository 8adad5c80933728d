#pragma once

#include "tidemark/core/describe.hpp"

#include <cstdint>
#include <string>

namespace tidemark {

/// How often and how far apart an attempt is repeated. The pause before attempt n + 1 is drawn
/// uniformly from [0, min(cap, first * factor^(n - 1))] (full jitter).
struct retry_policy {
    /// Attempts in all, the first one included; afterwards the effect is a dead letter.
    std::uint32_t attempts_max = 5;
    /// Upper end of the first pause.
    duration first = std::chrono::seconds{1};
    double factor = 2;
    /// Upper end of every pause.
    duration cap = std::chrono::seconds{32};
};

/// How the runtime carries a request out. Plain data, stored with the request.
struct request_options {
    retry_policy retry{};
    /// Longest time one attempt may take.
    duration timeout = std::chrono::seconds{30};
    /// Name of the dependency whose circuit breaker guards the request; empty: none.
    std::string breaker{};
    /// Among due requests the higher one is claimed first.
    std::int32_t priority = 0;
    /// Requests of one stream with the same key run one after the other; empty: independent,
    /// unless the request stands inside a `sequence`.
    std::string sequence_key{};
};

TIDEMARK_STRUCT(retry_policy, attempts_max, first, factor, cap)
TIDEMARK_STRUCT(request_options, retry, timeout, breaker, priority, sequence_key)

}  // namespace tidemark
