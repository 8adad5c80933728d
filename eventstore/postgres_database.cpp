#include "tidemark/eventstore/postgres_database.hpp"

#include "tidemark/eventstore/postgres_connection.hpp"
#include "tidemark/eventstore/postgres_migrations.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <utility>

namespace tidemark::testing {
namespace {

std::string environment(const char* name) {
    const auto* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

void run_on_server(const std::string& statement) {
    postgres_connection{{.url = postgres_server_url()}}.execute(statement);
}

std::string fresh_name() {
    static std::atomic<int> last{0};
    return "tidemark_" + std::to_string(::getpid()) + "_" + std::to_string(++last);
}

/// A migrated database that others are copied from, made once a process.
const std::string& template_database() {
    static const std::string made = [] {
        auto name = fresh_name();
        run_on_server("CREATE DATABASE " + name);
        const auto migrated =
            migrate_postgres({.url = with_database(postgres_server_url(), name)}, false);
        REQUIRE_MESSAGE(migrated.has_value(), migrated.error().message());
        return name;
    }();
    return made;
}

}  // namespace

std::string postgres_server_url() { return environment("TIDEMARK_TEST_POSTGRES"); }

bool has_postgres() {
    if (!postgres_server_url().empty()) return true;
    const auto is_strict = !environment("TIDEMARK_STRICT").empty();
    CHECK_MESSAGE(!is_strict, "TIDEMARK_TEST_POSTGRES is not set, and nothing may be skipped");
    MESSAGE(
        "SKIPPED on PostgreSQL: TIDEMARK_TEST_POSTGRES is not set "
        "(tools/postgres_cluster.py COMMAND sets it)");
    return false;
}

std::string with_database(const std::string& url, const std::string& database) {
    const auto authority = url.find("://") + 3;
    const auto path = url.find('/', authority);
    const auto query = url.find('?', authority);
    return url.substr(0, std::min(path, query)) + "/" + database +
           (query == std::string::npos ? "" : url.substr(query));
}

postgres_database::postgres_database(content with) : name_{fresh_name()} {
    if (with == content::empty) {
        run_on_server("CREATE DATABASE " + name_);
        return;
    }
    run_on_server("CREATE DATABASE " + name_ + " TEMPLATE " + template_database());
    // A copy has the incarnation of what it was copied from.
    postgres_connection{options()}.execute(
        "UPDATE meta SET incarnation = gen_random_uuid(), home = log_home()");
}

postgres_options postgres_database::options() const {
    return {.url = with_database(postgres_server_url(), name_)};
}

}  // namespace tidemark::testing
