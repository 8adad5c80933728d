#pragma once

#include "tidemark/eventstore/effect_log.hpp"
#include "tidemark/eventstore/event_store.hpp"
#include "tidemark/eventstore/read_model.hpp"

namespace tidemark {

/// Everything a backend offers: the log, the effects that are due, the read models. They are one
/// object because they commit together.
class storage : public event_store, public effect_log, public read_model_store {};

}  // namespace tidemark
