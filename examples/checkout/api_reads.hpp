#pragma once

#include "tidemark/examples/checkout/provider.hpp"
#include "tidemark/http/router.hpp"
#include "tidemark/runtime/runtime.hpp"

namespace shop {

/// Adds the routes that read: orders, stock, events, what became of a command.
void add_reads(tidemark::http::router& routes, tidemark::runtime& app, provider& payments);

}  // namespace shop
