#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/eventbus/event_bus.hpp"
#include "tidemark/eventstore/postgres_options.hpp"
#include "tidemark/eventstore/storage.hpp"
#include "tidemark/runtime/settings.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace tidemark {

class postgres_storage;
class sqlite_storage;

}  // namespace tidemark

namespace tidemark::cli {

/// How a store is opened.
enum class store_mode : std::uint8_t {
    /// Without its lock and without writing; a file, or a migrated database, must be there.
    read_only,
    /// Under its lock, if it has one; a file that is not there is made, an older schema is
    /// migrated.
    serving,
    /// As serving, and demanding what is for production: over the network an encrypted connection
    /// to a server that has proved who it is.
    production,
};

/// The store that `store.url` names. Throws `failure` with what is wrong and what to do: CLI-005
/// if another process serves the file, CLI-006 otherwise. `world` outlives the store.
[[nodiscard]] std::unique_ptr<storage> open_store(execution& world, const settings& values,
                                                  store_mode mode);

/// What the settings say about PostgreSQL, for a "postgres:" URL.
[[nodiscard]] postgres_options postgres_settings(const settings& values, store_mode mode);

/// Whether `store.url` names a PostgreSQL database.
[[nodiscard]] bool is_postgres(const settings& values);

/// The store as what it is, for what only this backend tells; null if it is another.
[[nodiscard]] postgres_storage* as_postgres(storage& events);
[[nodiscard]] sqlite_storage* as_sqlite(storage& events);

/// The bus that `bus.url` names; nobody has to be there yet. Throws `failure` (CLI-011) for
/// settings that it cannot work with, and unless `allows_plaintext` for brokers on other machines
/// that are spoken to in plaintext. `world` outlives the bus.
[[nodiscard]] std::unique_ptr<event_bus> open_bus(execution& world, const settings& values,
                                                  bool allows_plaintext);

/// The path of a "sqlite:" URL; "" for any other.
[[nodiscard]] std::string sqlite_path(const settings& values);

}  // namespace tidemark::cli
