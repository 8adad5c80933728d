#pragma once

#include "tidemark/core/version.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace tidemark {

/// How well a connection has to be protected.
enum class postgres_protection : std::uint8_t {
    none,
    /// Nobody on the way can read it; who answers is not known.
    encrypted,
    /// Encrypted, and the server's certificate is verified to be that of the URL's host:
    /// `sslmode=verify-full`. Or GSSAPI, where both sides prove who they are. `verify-ca` does not
    /// do: every other server of the same authority could answer.
    verified,
};

/// How a PostgreSQL server is reached and how much is asked of it at a time. Copied by whoever
/// takes it.
struct postgres_options {
    /// "postgres://user@host:port/database?sslmode=…": whatever libpq takes. Several hosts are
    /// tried in order until one takes writes.
    std::string url;
    /// Given to libpq instead of the URL's; empty: the URL's, then PGPASSFILE and ~/.pgpass.
    std::string password;
    /// The schema that holds this store; several can live in one database. Through a pooler the
    /// user's own `search_path` has to name it.
    std::string schema = "tidemark";
    /// Apply pending migrations when the store is opened. Without, they are `schema_mismatch`.
    bool migrates = true;
    /// What the sessions are called in `pg_stat_activity`.
    std::string application = "tidemark";
    /// Only for reading: every writing call is `invalid_argument`.
    bool is_read_only = false;
    /// Sessions go through a pooler in transaction mode (PgBouncer): unnamed statements, no
    /// session settings, no LISTEN.
    bool is_pooled = false;
    /// Past the pooler, to the server itself, for the one session that listens. Empty: through a
    /// pooler other processes' commits are found by polling.
    std::string listen_url;
    /// What a connection over the network must be, or it is refused. Sockets and loopback
    /// addresses are not the network.
    postgres_protection protection = postgres_protection::none;
    /// Serve although the server loses commits in a power cut (fsync or synchronous_commit off).
    bool allows_unsafe_durability = false;

    /// How long one host has to take a connection.
    duration connect_timeout = std::chrono::seconds{5};
    /// How long one statement may run on the server; then it is undone and tried again later.
    duration statement_timeout = std::chrono::seconds{20};
    /// How long a transaction may wait for this process; then the server ends its session, which
    /// undoes it. Without, a process that stands still (stopped, swapped out, a machine that is
    /// paused) would keep what it has locked from every other one.
    duration idle_in_transaction_timeout = std::chrono::seconds{10};
    /// How long an answer is waited for after `statement_timeout`; then the connection is given up
    /// and the outcome is unknown.
    duration answer_grace = std::chrono::seconds{5};

    /// Connections kept open at least, and opened at start; and at most, beside the writers'.
    std::size_t connections_min = 1;
    std::size_t connections_max = 8;
    /// How long a call waits for a free connection; then it is `overloaded`, or `unavailable` while
    /// the server cannot be reached.
    duration acquire_timeout = std::chrono::seconds{5};
    /// A connection idle for longer is asked whether it still lives before it is used.
    duration idle_max = std::chrono::seconds{30};
    /// One idle for longer than this is closed, while more than `connections_min` are open.
    duration idle_close = std::chrono::minutes{10};
    /// A connection older than this is replaced, so that it follows a failover and its memory in
    /// the server is given back.
    duration lifetime = std::chrono::minutes{30};
    /// Calls that wait for a thread that asks; one more is `overloaded`.
    std::size_t calls_queued_max = 1'024;

    /// Threads that append, each with a connection of its own.
    std::size_t writers = 2;
    /// Requests that wait for a writer. One more is `overloaded`; a batch larger than this is taken
    /// when nothing waits.
    std::size_t writes_queued_max = 10'000;
    /// Bounds of one statement, of at least two requests. Those beyond them wait for the next.
    std::size_t batch_requests_max = 1'000;
    std::size_t batch_bytes_max = 8UL * 1024 * 1024;
};

}  // namespace tidemark
