#pragma once

#include "tidemark/core/error.hpp"
#include "tidemark/core/ids.hpp"
#include "tidemark/eventstore/postgres_options.hpp"

#include <cstdint>
#include <optional>
#include <string>

/// A log that was restored from a copy is an older one: positions and versions that others have
/// seen are given out again. With another identity it is told from the one that is gone.
namespace tidemark {

class postgres_connection;

/// What becomes of relays, whose topics hold events of the log that is gone.
enum class relay_fate : std::uint8_t {
    /// They are left as they are: beside a new identity they stand still and say so.
    wait,
    /// They publish this log from its start, under its new identity.
    again,
    /// They publish what is added from now on.
    go_on,
};

struct renewal_order {
    /// Nothing is missing: the log was moved as a whole and keeps its identity.
    bool is_whole = false;
    relay_fate relays = relay_fate::wait;
    /// Says what would be done.
    bool is_dry = false;
};

/// What was done.
struct log_renewal {
    message_id before;
    message_id after;
    /// Restored with the log, so they go on.
    std::uint64_t read_models = 0;
    std::uint64_t relays = 0;
};

/// Renews the log of a file. `locked` while a process serves it; `not_found` without the file.
[[nodiscard]] result<log_renewal> renew_sqlite_log(const std::string& path,
                                                   const renewal_order& order);

/// Renews the log of a database, and notes that it is whole where it is now. `locked` while others
/// are connected under the same application name.
[[nodiscard]] result<log_renewal> renew_postgres_log(const postgres_options& options,
                                                     const renewal_order& order);

/// The database is a copy: the log was last served in another cluster or database. Which of the two
/// it is, older or moved, nobody can tell from here.
[[nodiscard]] std::optional<error> find_home_fault(postgres_connection& session);

}  // namespace tidemark
