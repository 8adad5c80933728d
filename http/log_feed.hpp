#pragma once

#include "tidemark/eventstore/event_store.hpp"
#include "tidemark/http/event_stream.hpp"

#include <functional>
#include <optional>

namespace tidemark::http {

/// How a stored event is told to readers; nothing: it is not for them.
using told_as = std::function<std::optional<sse_event>(const recorded_event&)>;

/// The log after `after` as an event stream, without gaps: what is stored, then what is committed
/// from now on, as soon as it is. Pulls as fast as the reader takes. Ends when the stream does, or
/// finishes it when the store fails: the reader connects again and goes on behind its last event.
/// To be awaited by the stream's producer; store and `time` outlive it.
[[nodiscard]] awaitable<void> feed_log(event_stream& to, event_store& from, execution& time,
                                       position after, told_as tell);

}  // namespace tidemark::http
