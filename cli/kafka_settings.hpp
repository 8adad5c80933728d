#pragma once

#include "tidemark/eventbus/kafka_options.hpp"
#include "tidemark/runtime/settings.hpp"

namespace tidemark::cli {

/// The options that `bus.url` and `kafka.*` make. `bus.url` is a "kafka:" one.
[[nodiscard]] kafka_options kafka_settings(const settings& values);

/// Whether every broker is on this machine.
[[nodiscard]] bool is_loopback(const kafka_options& options);

}  // namespace tidemark::cli
