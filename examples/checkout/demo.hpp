#pragma once

#include "tidemark/cli/app.hpp"

namespace shop {

/// Stocks the shelves and places orders through the shop's own HTTP API until it is told to stop,
/// so that a fresh console has something to show.
[[nodiscard]] tidemark::awaitable<void> run_demo(tidemark::cli::demo_target target);

}  // namespace shop
