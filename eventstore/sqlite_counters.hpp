#pragma once

#include "tidemark/eventstore/sqlite_connection.hpp"

#include <cstdint>

namespace tidemark {

/// The counters of `meta`: kept in memory while a transaction writes, stored once before it
/// commits.
class sqlite_counters {
  public:
    explicit sqlite_counters(sqlite_connection& connection);

    /// Forgets what was drawn since the last commit.
    void load();
    void store();

    [[nodiscard]] std::uint64_t draw_position() { return ++current_.position; }
    [[nodiscard]] std::uint64_t draw_token() { return ++current_.token; }
    [[nodiscard]] std::uint64_t draw_effect() { return ++current_.effect; }
    void count_stream() { ++current_.streams; }
    [[nodiscard]] position last_position() const { return position{current_.position}; }

  private:
    struct values {
        std::uint64_t position = 0;
        std::uint64_t token = 0;
        std::uint64_t effect = 0;
        std::uint64_t streams = 0;
        friend bool operator==(const values&, const values&) = default;
    };

    values current_;
    values stored_;
    sqlite_statement select_;
    sqlite_statement update_;
};

}  // namespace tidemark
