#pragma once

#include "tidemark/eventstore/postgres_options.hpp"

#include <string>

namespace tidemark::testing {

/// URL of a server for tests, from TIDEMARK_TEST_POSTGRES: of a user who may create databases.
/// "" without one; then tests of PostgreSQL say by name that they are skipped, and with
/// TIDEMARK_STRICT set they fail.
[[nodiscard]] std::string postgres_server_url();

/// Whether there is a server to test on. Without one it says so for the running test, or fails it.
[[nodiscard]] bool has_postgres();

/// A database of a test's own on that server. It is left there: the server is gone after the tests,
/// and dropping costs seconds.
class postgres_database {
  public:
    enum class content : std::uint8_t {
        /// All migrations applied, with an incarnation of its own.
        migrated,
        empty,
    };
    explicit postgres_database(content with = content::migrated);

    /// To connect to it.
    [[nodiscard]] postgres_options options() const;
    [[nodiscard]] const std::string& name() const { return name_; }

  private:
    std::string name_;
};

/// `url` with another database.
[[nodiscard]] std::string with_database(const std::string& url, const std::string& database);

}  // namespace tidemark::testing
