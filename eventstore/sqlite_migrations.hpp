#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tidemark {

/// One step of the schema. Never edited once released: a file remembers the checksum of every step
/// it has seen and is refused when it differs.
struct sqlite_migration {
    std::uint32_t version = 0;
    std::string_view name;
    std::string_view sql;
};

/// All steps in order.
[[nodiscard]] std::span<const sqlite_migration> sqlite_migrations();
[[nodiscard]] std::string checksum_of(const sqlite_migration& step);

}  // namespace tidemark
