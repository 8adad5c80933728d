#include "tidemark/eventstore/postgres_connect.hpp"

#include "tidemark/async/clock.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <memory>
#include <utility>

namespace tidemark {
namespace {

/// Class F0 is "configuration file error": the nearest there is, and no server says it here.
constexpr auto unreadable_url = "F0000";

struct free_settings {
    void operator()(PQconninfoOption* settings) const { PQconninfoFree(settings); }
};
using parsed_url = std::unique_ptr<PQconninfoOption, free_settings>;

std::string trimmed(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
        text.remove_suffix(1);
    }
    return std::string{text};
}

/// Whether libpq would take a part of the password for the name of a host or a database.
bool has_stray_at(std::string_view url) {
    const auto authority = url.find("://");
    if (authority == url.npos) return false;
    const auto path = url.find('/', authority + 3);
    const auto at = url.find('@', authority);
    return path != url.npos && at != url.npos && at > path && at < url.find('?', path);
}

/// What libpq says of a URL without what it quotes from it: that can be the password.
std::string unquoted(std::string_view said) {
    constexpr std::string_view harmless = "invalid URI query parameter";
    if (!said.starts_with(harmless)) said = said.substr(0, said.find(": \""));
    return trimmed(said);
}

/// Null if it cannot be read; then `why` says so.
parsed_url parse(const std::string& url, std::string& why) {
    if (has_stray_at(url)) {
        why = "an @ stands behind a /: in user and password write / as %2F and @ as %40";
        return {};
    }
    char* said = nullptr;
    parsed_url settings{PQconninfoParse(url.c_str(), &said)};
    if (said != nullptr) why = unquoted(said);
    PQfreemem(said);
    return settings;
}

std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> parts;
    for (;;) {
        const auto comma = list.find(',');
        parts.emplace_back(list.substr(0, comma));
        if (comma == std::string_view::npos) return parts;
        list.remove_prefix(comma + 1);
    }
}

const std::string& at_or_last(const std::vector<std::string>& of, std::size_t index) {
    return of[std::min(index, of.size() - 1)];
}

std::string seconds_text(duration of) {
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(of).count());
}

std::string milliseconds_text(duration of) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(of).count());
}

/// Settings of ours that the URL may override, and those that it may not.
postgres_target with_ours(postgres_target target, const postgres_options& options) {
    const auto fall_back = [&target](const char* name, std::string value) {
        target.settings.try_emplace(name, std::move(value));
    };
    fall_back("application_name", options.application);
    fall_back("keepalives", "1");
    fall_back("keepalives_idle", "10");
    fall_back("keepalives_interval", "5");
    fall_back("keepalives_count", "3");
    fall_back("tcp_user_timeout",
              milliseconds_text(options.statement_timeout + options.answer_grace));
    fall_back("connect_timeout", seconds_text(options.connect_timeout));
    if (!options.is_read_only) fall_back("target_session_attrs", "read-write");
    if (!options.password.empty()) target.settings["password"] = options.password;
    target.settings["client_encoding"] = "UTF8";
    if (options.is_pooled) return target;
    auto& session = target.settings["options"];
    session += " -c search_path=" + options.schema +
               ",pg_catalog,pg_temp -c jit=off -c default_transaction_isolation=read\\ committed"
               " -c statement_timeout=" +
               milliseconds_text(options.statement_timeout) +
               " -c idle_in_transaction_session_timeout=" +
               milliseconds_text(options.idle_in_transaction_timeout);
    if (options.is_read_only) session += " -c default_transaction_read_only=on";
    return target;
}

/// Unquoted in the settings of a session and in scripts, so nothing else is taken.
bool is_schema_name(std::string_view name) {
    return !name.empty() && name.size() <= 63 && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    }) && (name[0] < '0' || name[0] > '9');
}

/// The SQLSTATE that a verbose message of the server holds behind its severity.
std::string sqlstate_in(std::string_view message) {
    constexpr std::size_t state_size = 5;
    for (auto at = message.find(":  "); at != std::string_view::npos;
         at = message.find(":  ", at + 1)) {
        const auto state = message.substr(at + 3, state_size);
        const auto is_state = state.size() == state_size && std::ranges::all_of(state, [](char c) {
                                  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
                              });
        if (is_state && message.substr(at + 3 + state_size).starts_with(":")) {
            return std::string{state};
        }
    }
    return {};
}

/// The message without what only a developer of the server needs.
std::string readable(std::string_view message, const std::string& state) {
    std::string text{message.substr(0, message.find("\nLOCATION:"))};
    if (const auto at = text.find(":  " + state + ": "); !state.empty() && at != text.npos) {
        text.erase(at + 1, state.size() + 2);
    }
    std::ranges::replace(text, '\n', ' ');
    return trimmed(text);
}

/// What libpq itself refuses a server for; it has no SQLSTATE for that.
std::string sqlstate_of_libpq(std::string_view said) {
    const auto says = [said](std::string_view part) { return said.find(part) != said.npos; };
    if (says("session is read-only")) return "25006";
    if (says("but SSL was required")) return std::string{no_tls_state};
    if (says("certificate verify failed") || says("root certificate file") ||
        says("server certificate for") || says("name from server certificate")) {
        return std::string{untrusted_state};
    }
    return {};
}

[[noreturn]] void refuse(PGconn* session) {
    const std::string_view said = PQerrorMessage(session);
    auto state = sqlstate_in(said);
    if (state.empty()) state = sqlstate_of_libpq(said);
    throw postgres_failure{state, postgres_moment::connecting, readable(said, state)};
}

}  // namespace

std::vector<postgres_target> parse_postgres_url(const postgres_options& options) {
    if (!is_schema_name(options.schema)) {
        throw postgres_failure{
            "3F000", postgres_moment::connecting,
            "'" + options.schema + "' is no schema name: small letters, digits and _ make one"};
    }
    std::string why;
    const auto settings = parse(options.url, why);
    if (!settings) throw postgres_failure{unreadable_url, postgres_moment::connecting, why};
    postgres_target all;
    for (const auto* one = settings.get(); one->keyword != nullptr; ++one) {
        if (one->val != nullptr && *one->val != '\0') all.settings[one->keyword] = one->val;
    }
    const auto hosts = split(all.settings["host"]);
    const auto ports = split(all.settings["port"]);
    std::vector<postgres_target> targets;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        auto target = all;
        target.settings["host"] = hosts[i];
        target.settings["port"] = at_or_last(ports, i);
        std::erase_if(target.settings, [](const auto& one) { return one.second.empty(); });
        targets.push_back(with_ours(std::move(target), options));
    }
    return targets;
}

pg_conn* connect_to(const postgres_target& target, duration at_most) {
    std::vector<const char*> names;
    std::vector<const char*> values;
    for (const auto& [name, value] : target.settings) {
        names.push_back(name.c_str());
        values.push_back(value.c_str());
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
    const auto finish = [](PGconn* session) { PQfinish(session); };
    std::unique_ptr<PGconn, decltype(finish)> session{
        PQconnectStartParams(names.data(), values.data(), 0), finish};
    if (!session) throw std::bad_alloc{};
    // libpq would write what the server remarks to stderr.
    PQsetNoticeReceiver(session.get(), [](void*, const PGresult*) {}, nullptr);
    // Only so does a refusal name its SQLSTATE.
    PQsetErrorVerbosity(session.get(), PQERRORS_VERBOSE);
    const auto until = real_clock{}.steady() + at_most;
    for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK;
         state = PQconnectPoll(session.get())) {
        if (PQstatus(session.get()) == CONNECTION_BAD || state == PGRES_POLLING_FAILED) {
            refuse(session.get());
        }
        const short wanted = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        pollfd ready{.fd = PQsocket(session.get()), .events = wanted, .revents = 0};
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(until - real_clock{}.steady());
        if (left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) == 0) {
            throw postgres_failure{"", postgres_moment::connecting,
                                   "no connection within " + milliseconds_text(at_most) + " ms"};
        }
    }
    PQsetErrorVerbosity(session.get(), PQERRORS_DEFAULT);
    return session.release();
}

bool is_near(std::string_view address) {
    return address.empty() || address.starts_with("127.") || address == "::1";
}

std::optional<postgres_failure> find_protection_fault(const session_protection& of,
                                                      postgres_protection demanded) {
    if (demanded == postgres_protection::none || is_near(of.address)) return std::nullopt;
    const auto refused = [&of](std::string_view state, const std::string& why) {
        return postgres_failure{
            std::string{state}, postgres_moment::connecting,
            why + ": sslmode is '" + of.sslmode + "', from " + of.sslmode_source};
    };
    if (!of.is_encrypted) {
        return refused(not_encrypted_state,
                       "the connection to " + of.address + " is not encrypted");
    }
    const auto is_verified = of.is_gssapi || of.sslmode == "verify-full";
    if (demanded == postgres_protection::encrypted || is_verified) return std::nullopt;
    return refused(not_verified_state, "the server at " + of.address +
                                           " has not proved that it is the host of the URL");
}

namespace {

/// Where a session of these options has its `sslmode` from, for messages.
std::string sslmode_source(const postgres_options& options) {
    if (parse_postgres_url(options).front().settings.contains("sslmode")) return "the URL";
    // Read by libpq the same way; nothing here sets it.
    const auto* const said = std::getenv("PGSSLMODE");  // NOLINT(concurrency-mt-unsafe)
    return said != nullptr ? "PGSSLMODE" : "libpq's default or a service file";
}

std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

/// A setting of the session as libpq took it.
std::string setting_of(PGconn* session, std::string_view name) {
    const parsed_url settings{PQconninfo(session)};
    for (const auto* one = settings.get(); one != nullptr && one->keyword != nullptr; ++one) {
        if (one->keyword == name) return text_or_empty(one->val);
    }
    return {};
}

}  // namespace

session_protection protection_of(pg_conn* session, const postgres_options& options) {
    const auto is_gssapi = PQgssEncInUse(session) != 0;
    return {.address = text_or_empty(PQhostaddr(session)),
            .is_encrypted = is_gssapi || PQsslInUse(session) != 0,
            .is_gssapi = is_gssapi,
            .sslmode = setting_of(session, "sslmode"),
            .sslmode_source = sslmode_source(options)};
}

postgres_target hold_to(const session_protection& seen, postgres_target target) {
    if (!seen.address.empty()) target.settings["hostaddr"] = seen.address;
    if (seen.is_gssapi) {
        target.settings["gssencmode"] = "require";
    } else if (seen.is_encrypted) {
        // "allow" and "prefer" would also take one in the clear.
        const auto is_firm = seen.sslmode == "verify-ca" || seen.sslmode == "verify-full";
        target.settings["sslmode"] = is_firm ? seen.sslmode : "require";
    }
    return target;
}

postgres_target try_out(const postgres_target& target, const postgres_options& options) {
    if (options.protection == postgres_protection::none) return target;
    const auto finish = [](PGconn* session) { PQfinish(session); };
    const std::unique_ptr<PGconn, decltype(finish)> session{
        connect_to(target, options.connect_timeout), finish};
    const auto seen = protection_of(session.get(), options);
    if (auto fault = find_protection_fault(seen, options.protection)) {
        throw postgres_failure{*fault};
    }
    return hold_to(seen, target);
}

std::string mask_postgres_url(const std::string& url) {
    std::string why;
    const auto settings = parse(url, why);
    if (!settings) return "postgres:// (not readable)";
    std::map<std::string, std::string> of;
    for (const auto* one = settings.get(); one->keyword != nullptr; ++one) {
        if (one->val != nullptr) of[one->keyword] = one->val;
    }
    auto text = "postgres://" + of["user"] + (of["user"].empty() ? "" : "@");
    const auto hosts = split(of["host"]);
    const auto ports = split(of["port"]);
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        const auto& port = at_or_last(ports, i);
        text += (i == 0 ? "" : ",") + hosts[i] + (port.empty() ? "" : ":" + port);
    }
    return text + "/" + of["dbname"];
}

}  // namespace tidemark
