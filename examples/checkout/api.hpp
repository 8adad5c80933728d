#pragma once

#include "tidemark/examples/checkout/provider.hpp"
#include "tidemark/http/router.hpp"
#include "tidemark/runtime/runtime.hpp"

namespace shop {

/// Adds the shop's HTTP API under `/api/v1`, and `/sim/payments` for the provider's knobs. Both
/// objects outlive the router.
void add_api(tidemark::http::router& routes, tidemark::runtime& app, provider& payments);

}  // namespace shop
