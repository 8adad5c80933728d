#pragma once

#include "tidemark/core/describe.hpp"

#include <cstdint>
#include <string>

namespace tidemark {

/// An event that a projection threw on and has set aside, as the documents of "<name>.parked" hold
/// it. The payload is text for people: the log has the bytes.
struct parked_event {
    std::uint64_t position = 0;
    std::string stream;
    std::uint64_t version = 0;
    std::string name;
    std::string reason;
    std::string payload;
};
TIDEMARK_STRUCT(parked_event, position, stream, version, name, reason, payload)

}  // namespace tidemark
