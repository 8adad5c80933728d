#pragma once

#include "tidemark/runtime/settings.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace tidemark {

/// Adds `kafka.*`: how brokers are reached.
void add_kafka(config_schema& schema);

/// What `bus.url` may not be; nothing if it may.
[[nodiscard]] std::optional<std::string> check_bus(std::string_view url);

}  // namespace tidemark
