#pragma once

#include "tidemark/core/error.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace tidemark {

/// What a failure of PostgreSQL means for the statement that met it.
enum class postgres_verdict : std::uint8_t {
    /// Undone in favour of another transaction (40001, 40P01): the same statement again.
    repeat,
    /// The server cannot be reached and nothing was sent: connect again, then the same statement.
    unsent,
    /// Sent, and the answer did not come, or the commit is not on its standby: the same ids again.
    unknown,
    /// A unique index holds such a row already (23505).
    duplicate,
    /// No room left on the server's disk (53100): nothing was stored.
    full,
    /// Undone because the server has too much to do or took too long: later.
    busy,
    /// This server takes no writes (25006): connect to the one that does.
    read_only,
    /// The same statement will fail again: the values, the rights or the schema are wrong.
    permanent,
};

/// When a failure happened: whether the server may have carried the statement out.
enum class postgres_moment : std::uint8_t { connecting, before_send, after_send };

/// The verdict on an SQLSTATE; "" is a failure that the server did not tell of (a lost connection).
[[nodiscard]] postgres_verdict judge(std::string_view sqlstate, postgres_moment when);

// Our own SQLSTATEs.

/// The session is not encrypted and has to be.
inline constexpr std::string_view not_encrypted_state = "TM001";
/// The server's name is not verified and has to be.
inline constexpr std::string_view not_verified_state = "TM002";
/// The server's certificate was looked at and is not that of the URL's host.
inline constexpr std::string_view untrusted_state = "TM003";
/// The server does not speak TLS, and `sslmode` asks for it.
inline constexpr std::string_view no_tls_state = "TM004";
/// The user may not use the store's schema.
inline constexpr std::string_view no_usage_state = "TM005";
/// The store's schema is missing, and the user may not make it.
inline constexpr std::string_view no_schema_right_state = "TM006";
/// Migrations are to be applied by somebody who may not change the schema.
inline constexpr std::string_view not_migrator_state = "TM007";
/// Through a pooler: the user's own search path does not name the store's schema.
inline constexpr std::string_view wrong_path_state = "TM008";

/// What PostgreSQL or the way to it said. Thrown inside the backend only; its rim turns it into an
/// `error`.
class postgres_failure : public std::runtime_error {
  public:
    postgres_failure(std::string sqlstate, postgres_moment when, const std::string& what);

    /// Five characters; empty if the server did not say.
    [[nodiscard]] const std::string& sqlstate() const { return sqlstate_; }
    [[nodiscard]] postgres_verdict verdict() const { return verdict_; }
    /// Of a duplicate: the unique index.
    [[nodiscard]] const std::string& constraint() const { return constraint_; }
    [[nodiscard]] bool is_lost() const;

    /// For the caller of the port. `place` is a masked URL. An unknown outcome of a statement that
    /// only reads is `unavailable`.
    enum class purpose : std::uint8_t { read, write };
    [[nodiscard]] error as_error(const std::string& place, purpose of) const;

    postgres_failure& with_constraint(std::string name) {
        constraint_ = std::move(name);
        return *this;
    }
    /// An answer that came, for a commit that is not safe on the standby that it waited for.
    postgres_failure& as_unknown() {
        verdict_ = postgres_verdict::unknown;
        return *this;
    }

  private:
    std::string sqlstate_;
    postgres_verdict verdict_;
    std::string constraint_;
};

}  // namespace tidemark
