#include "tidemark/eventstore/postgres_failure.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tidemark {
namespace {

struct remedy {
    /// An SQLSTATE, or the first two characters of a class.
    std::string_view state;
    errc code;
    std::string_view advice;
};

/// What to do about failures that will not go away by themselves. The first that fits.
constexpr std::array remedies{
    remedy{"28P01", errc::bad_setting, "check user and password in store.url or PGPASSFILE"},
    remedy{"28", errc::bad_setting, "check user, password and the server's pg_hba.conf"},
    remedy{"3D000", errc::bad_setting, "create the database, or name another one in store.url"},
    remedy{not_encrypted_state, errc::bad_setting,
           "add sslmode=verify-full to store.url, or set postgres.encryption = optional"},
    remedy{not_verified_state, errc::bad_setting,
           "add sslmode=verify-full and sslrootcert=FILE to store.url, or set "
           "postgres.encryption = required, which takes whoever answers"},
    remedy{untrusted_state, errc::bad_setting,
           "let sslrootcert name the certificate of who signed the server's, and the URL name the "
           "host that it was made for"},
    remedy{no_tls_state, errc::bad_setting,
           "let the server speak TLS (ssl, ssl_cert_file, ssl_key_file), or change sslmode"},
    remedy{"F0", errc::bad_setting,
           "write store.url as postgres://user@host:port/database?name=value"},
    remedy{no_usage_state, errc::bad_setting,
           "GRANT tidemark_writer, tidemark_runner, tidemark_projector TO this user, or only "
           "tidemark_reader, or use the user that migrated"},
    remedy{no_schema_right_state, errc::bad_setting,
           "GRANT CREATE ON DATABASE to this user, or run as another one: tidemark migrate up"},
    remedy{not_migrator_state, errc::schema_mismatch,
           "run: tidemark migrate up, with the schema's owner in store.url"},
    remedy{wrong_path_state, errc::bad_setting,
           "ALTER ROLE this user SET search_path = that schema, pg_catalog, pg_temp: no session "
           "can through a pooler"},
    remedy{"42501", errc::bad_setting,
           "GRANT tidemark_writer, tidemark_runner, tidemark_projector TO this user, or use the "
           "user that migrated"},
    remedy{"3F000", errc::schema_mismatch, "run: tidemark migrate up"},
    remedy{"42P01", errc::schema_mismatch, "run: tidemark migrate up"},
    remedy{"42883", errc::schema_mismatch, "run: tidemark migrate up"},
    remedy{"42P07", errc::schema_mismatch,
           "the schema holds foreign tables; name another one in postgres.schema"},
    remedy{"42703", errc::schema_mismatch, "run: tidemark migrate verify"},
    remedy{"22", errc::invalid_argument, "the values do not fit; see the message"},
    remedy{"54", errc::too_large, "send less in one call"},
    remedy{"XX001", errc::corrupt, "restore a backup; the server's files are damaged"},
    remedy{"XX002", errc::corrupt, "reindex the database, then check it with pg_amcheck"},
    remedy{"", errc::io_error, "see the server's log"},
};

const remedy& remedy_for(std::string_view state) {
    return *std::ranges::find_if(remedies,
                                 [&](const remedy& one) { return state.starts_with(one.state); });
}

bool is_any(std::string_view state, std::initializer_list<std::string_view> of) {
    return std::ranges::find(of, state) != of.end();
}

}  // namespace

postgres_verdict judge(std::string_view sqlstate, postgres_moment when) {
    using enum postgres_verdict;
    const auto is_sent = when == postgres_moment::after_send;
    if (sqlstate.empty() || sqlstate.starts_with("08") ||
        is_any(sqlstate, {"57P01", "57P02", "57P03", "57P04", "57P05"})) {
        return is_sent ? unknown : unsent;
    }
    // 40003 says that the server itself does not know whether it committed.
    if (sqlstate == "40003") return unknown;
    if (sqlstate.starts_with("40")) return repeat;
    if (sqlstate == "23505") return duplicate;
    if (sqlstate == "53100") return full;
    if (sqlstate == "25006") return read_only;
    if (sqlstate.starts_with("53") || is_any(sqlstate, {"55P03", "57014", "25P03"})) return busy;
    return permanent;
}

postgres_failure::postgres_failure(std::string sqlstate, postgres_moment when,
                                   const std::string& what)
    : std::runtime_error{what}, sqlstate_{std::move(sqlstate)}, verdict_{judge(sqlstate_, when)} {}

bool postgres_failure::is_lost() const {
    return verdict_ == postgres_verdict::unsent || verdict_ == postgres_verdict::unknown ||
           verdict_ == postgres_verdict::read_only;
}

error postgres_failure::as_error(const std::string& place, purpose of) const {
    const auto said = "PostgreSQL at " + place + ": " + what() +
                      (sqlstate_.empty() ? std::string{} : " (" + sqlstate_ + ")");
    switch (verdict_) {
        case postgres_verdict::unknown:
            if (of == purpose::write) {
                return {errc::unknown_outcome, said + "; send the same request again"};
            }
            [[fallthrough]];
        case postgres_verdict::unsent:
            return {errc::unavailable, said + "; check that the server runs and can be reached"};
        case postgres_verdict::read_only:
            return {errc::unavailable,
                    said + "; name the primary in store.url, or let this server take writes"};
        case postgres_verdict::repeat:
        case postgres_verdict::busy:
            return {errc::unavailable, said + "; try again later"};
        case postgres_verdict::full:
            return {errc::disk_full, said + "; make room on the server's disk"};
        case postgres_verdict::duplicate:
        case postgres_verdict::permanent:
            break;
    }
    const auto& found = remedy_for(sqlstate_);
    return {found.code, said + "; " + std::string{found.advice}};
}

}  // namespace tidemark
