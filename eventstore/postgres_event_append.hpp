#pragma once

#include "tidemark/eventstore/append.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace tidemark {

class postgres_connection;

/// The short way of most appends: events and answers alone, each stream's first append checked by
/// the database and the others against the one before them here. Nothing, and nothing is stored,
/// if the requests ask for more or something speaks against one of them; then the long way tells
/// each its outcome. `order`: places in `requests`, those of one stream together. Throws
/// `postgres_failure`, a duplicate if an event id is stored already.
[[nodiscard]] std::optional<std::vector<append_outcome>> append_events(
    postgres_connection& session, const std::vector<const append_request*>& requests,
    const std::vector<std::size_t>& order, std::optional<instant> now);

/// The shortest way, for a request that travels alone: one event and perhaps an answer. Nothing as
/// above. Throws `postgres_failure`, a duplicate if the event id is stored already.
[[nodiscard]] std::optional<append_outcome> append_event(postgres_connection& session,
                                                         const append_request& request,
                                                         std::optional<instant> now);

/// Prepares the statements of both.
void prepare_append_events(postgres_connection& session);

}  // namespace tidemark
