#include "tidemark/cli/finding.hpp"
#include "tidemark/cli/open_store.hpp"
#include "tidemark/eventstore/log_renewal.hpp"
#include "tidemark/eventstore/postgres_event_reads.hpp"
#include "tidemark/eventstore/postgres_migrations.hpp"

#include <chrono>

namespace tidemark::cli {
namespace {

/// Appends take milliseconds; one that is open for longer is stuck.
constexpr duration append_open_max = std::chrono::seconds{10};

finding check_server(postgres_connection& session, const postgres_options& options) {
    finding out{"database", true, "", "do what the line above says"};
    auto rows = session.run(
        "SELECT current_setting('server_version'), current_setting('fsync'), "
        "current_setting('synchronous_commit'), (SELECT count(*) FROM pg_stat_activity "
        "WHERE backend_type = 'client backend'), current_setting('max_connections')::int8");
    if (rows.next()) {
        out.seen = "PostgreSQL " + rows.text(0) + ", fsync " + rows.text(1) +
                   ", synchronous_commit " + rows.text(2) + ", " + std::to_string(rows.integer(3)) +
                   " of " + std::to_string(rows.integer(4)) + " connections, " +
                   session.encryption();
    }
    if (const auto fault = find_server_fault(session, options)) {
        out.is_ok = false;
        out.seen = fault->message();
    }
    return out;
}

finding check_schema(postgres_connection& session) {
    finding out{"schema", true, "", "tidemark migrate status"};
    const auto steps = read_postgres_schema(session);
    out.seen = session.schema() + " has " + std::to_string(steps.size()) + " migrations";
    auto fault = find_schema_fault(steps, session.place());
    if (!fault) fault = find_log_fault(session);
    if (!fault) fault = find_home_fault(session);
    if (!fault) return out;
    out.is_ok = false;
    out.seen = fault->message();
    return out;
}

/// What the server was not set up to notice, or may lose: told, not refused.
finding check_copies(postgres_connection& session) {
    finding out{"copies", true, "", ""};
    auto rows = session.run(
        "SELECT current_setting('data_checksums') = 'on', (SELECT count(*) FROM "
        "pg_stat_replication), current_setting('synchronous_standby_names') <> ''");
    if (!rows.next()) return out;
    out.seen = rows.boolean(0) ? "pages have checksums"
                               : "pages have no checksums: one that rots is not noticed "
                                 "(pg_checksums --enable)";
    const auto standbys = rows.integer(1);
    if (standbys == 0) {
        out.seen += "; no standby is connected";
    } else if (rows.boolean(2)) {
        out.seen += "; a standby is asked before a commit is told";
    } else {
        out.seen += "; " + std::to_string(standbys) +
                    " standbys, none asked before a commit is told: a promotion loses what they "
                    "have not got (synchronous_standby_names)";
    }
    return out;
}

std::string text_of(const horizon_holder& held) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(held.held).count();
    const auto who = held.backend == 0
                         ? "prepared transaction '" + held.application + "' of " + held.client
                         : "session " + std::to_string(held.backend) + " ('" + held.application +
                               "' at " + held.client + ", " + held.state + ")";
    return who + " holds readers at position " + std::to_string(held.position.value()) + " for " +
           std::to_string(seconds) + " s";
}

finding check_horizon(postgres_connection& session) {
    finding out{"horizon", true, "nothing holds readers back", ""};
    const auto holders = horizon_holders(session);
    if (holders.empty()) return out;
    const auto& first = holders.front();
    out.seen = text_of(first);
    out.is_ok = first.held < append_open_max;
    out.fix = first.backend == 0
                  ? "COMMIT PREPARED '" + first.application + "', or ROLLBACK PREPARED it"
                  : "SELECT pg_terminate_backend(" + std::to_string(first.backend) + ")";
    return out;
}

/// What a session sets for itself, and through a pooler the user's role has to.
finding check_pooled(postgres_connection& session, const postgres_options& options) {
    finding out{"pooler", true, "the user's own settings are those that a session would set", ""};
    auto rows = session.run(
        "SELECT session_user::text, current_setting('statement_timeout'), current_setting('jit'), "
        "current_setting('default_transaction_isolation'), "
        "current_setting('idle_in_transaction_session_timeout')");
    if (!rows.next()) return out;
    const auto milliseconds = [](duration of) {
        const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(of).count();
        return std::to_string(count) + "ms";
    };
    const auto lacks = [&](const std::string& name, const std::string& has,
                           const std::string& needs) {
        out.seen = (out.is_ok ? "" : out.seen + ", ") + name + " is " + has;
        out.fix += (out.is_ok ? "" : "; ") + ("ALTER ROLE " + rows.text(0)) + " SET " + name +
                   " = '" + needs + "'";
        out.is_ok = false;
    };
    if (rows.bytes(1) == "0") {
        lacks("statement_timeout", "0", milliseconds(options.statement_timeout));
    }
    if (rows.bytes(4) == "0") {
        lacks("idle_in_transaction_session_timeout", "0",
              milliseconds(options.idle_in_transaction_timeout));
    }
    if (rows.bytes(2) != "off") lacks("jit", rows.text(2), "off");
    if (rows.bytes(3) != "read committed") {
        lacks("default_transaction_isolation", rows.text(3), "read committed");
    }
    return out;
}

}  // namespace

std::vector<finding> check_postgres(const settings& values) {
    // A session that may write, so that a standby is told from a primary.
    const auto options = postgres_settings(values, store_mode::serving);
    try {
        postgres_connection session{options};
        std::vector<finding> found{check_server(session, options), check_schema(session)};
        if (found.back().is_ok) found.push_back(check_horizon(session));
        found.push_back(check_copies(session));
        if (options.is_pooled) found.push_back(check_pooled(session, options));
        return found;
    } catch (const postgres_failure& failed) {
        const auto why =
            failed.as_error(shown(values.at("store.url")), postgres_failure::purpose::read);
        return {{"database", false, why.message(), "do what the line above says"}};
    }
}

}  // namespace tidemark::cli
