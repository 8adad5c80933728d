#pragma once

#include "tidemark/http/router.hpp"
#include "tidemark/runtime/runtime.hpp"

namespace bank {

/// Adds the bank's API; the runtime has its stores and its projection, and outlives the router.
///
///     POST /api/v1/accounts/{id}/{command}   open, deposit or withdraw; the body is the command
///     POST /api/v1/transfers/{id}            begins a transfer
///     GET  /api/v1/accounts/{id}             from the read model, ?wait_for_position= at most 2 s
///
/// Each POST needs an `Idempotency-Key`; its answer carries `ETag` and `Tidemark-Position`.
void add_api(tidemark::http::router& routes, tidemark::runtime& app);

}  // namespace bank
