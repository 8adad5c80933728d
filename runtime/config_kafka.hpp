#pragma once

#include "tidemark/eventbus/kafka_options.hpp"
#include "tidemark/runtime/settings.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace tidemark {

/// Adds `kafka.*`: how brokers are reached.
void add_kafka(config_schema& schema);

/// What `bus.url` may not be; nothing if it may.
[[nodiscard]] std::optional<std::string> check_bus(std::string_view url);

/// The options that `bus.url` and `kafka.*` make. `bus.url` is a "kafka:" one.
[[nodiscard]] kafka_options kafka_settings(const settings& values);

/// Whether every broker of a "kafka:" URL is on this machine.
[[nodiscard]] bool is_loopback(const kafka_options& options);

}  // namespace tidemark
