#pragma once

#include "tidemark/eventstore/postgres_failure.hpp"
#include "tidemark/eventstore/postgres_options.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct pg_conn;

namespace tidemark {

/// One host to try: libpq's settings by name.
struct postgres_target {
    std::map<std::string, std::string> settings;
};

/// The hosts of `options.url` in their order, each with our settings added. Throws
/// `postgres_failure` if libpq cannot read the URL.
[[nodiscard]] std::vector<postgres_target> parse_postgres_url(const postgres_options& options);

/// A session with that host, owned by the caller (`PQfinish`). Throws `postgres_failure`.
[[nodiscard]] pg_conn* connect_to(const postgres_target& target, duration at_most);

/// Whether what is sent to this address stays on this machine; "" is a socket.
[[nodiscard]] bool is_near(std::string_view address);

/// How a session is protected, as libpq tells it.
struct session_protection {
    /// Of the server; "" is a socket.
    std::string address;
    bool is_encrypted = false;
    bool is_gssapi = false;
    /// "prefer", "require", …, and where that was said.
    std::string sslmode;
    std::string sslmode_source;
};
/// What is missing from what is demanded; nothing if the session may be used.
[[nodiscard]] std::optional<postgres_failure> find_protection_fault(const session_protection& of,
                                                                    postgres_protection demanded);
/// How a session that was made from these options is protected.
[[nodiscard]] session_protection protection_of(pg_conn* session, const postgres_options& options);

/// `target` at the address of a session that was seen, so that libpq itself takes no session with
/// it that is protected less: for those who connect by other means than `connect_to`.
[[nodiscard]] postgres_target hold_to(const session_protection& seen, postgres_target target);

/// `target`, held to a session that was tried out if the options demand protection. Throws
/// `postgres_failure` if that one could not be made or is not protected as demanded.
[[nodiscard]] postgres_target try_out(const postgres_target& target,
                                      const postgres_options& options);

/// The URL without its password, for messages.
[[nodiscard]] std::string mask_postgres_url(const std::string& url);

}  // namespace tidemark
