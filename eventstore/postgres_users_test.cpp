#include "tidemark/eventstore/contract.hpp"
#include "tidemark/eventstore/postgres_connection.hpp"
#include "tidemark/eventstore/postgres_database.hpp"
#include "tidemark/eventstore/postgres_event_store.hpp"
#include "tidemark/eventstore/postgres_migrations.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;

namespace {

/// A user of the database with nothing but these roles, if any.
postgres_options sign_in(const postgres_database& database, const std::string& roles,
                         const std::string& user) {
    postgres_connection{database.options()}.execute(
        "CREATE ROLE " + user + " LOGIN PASSWORD 'p'" +
        (roles.empty() ? "" : "; GRANT " + roles + " TO " + user));
    auto options = database.options();
    options.url += options.url.find('?') == std::string::npos ? "?" : "&";
    options.url += "user=" + user;
    options.password = "p";
    return options;
}

postgres_options sign_in(const postgres_database& database, const std::string& roles) {
    static int last = 0;
    return sign_in(database, roles, database.name() + "_user" + std::to_string(++last));
}

class signed_in_store : public contract_store {
  public:
    explicit signed_in_store(const postgres_options& options) {
        auto opened = postgres_storage::open(options, &time);
        const auto text = opened ? std::string{} : opened.error().message();
        REQUIRE_MESSAGE(opened.has_value(), text);
        storage_ = std::move(*opened);
    }
    [[nodiscard]] storage& store() override { return *storage_; }

  private:
    std::unique_ptr<postgres_storage> storage_;
};

/// The SQLSTATE that a script ends with; "" if it succeeds.
std::string refusal_of(postgres_connection& session, const std::string& script) {
    try {
        session.execute(script);
    } catch (const postgres_failure& failed) {
        return failed.sqlstate();
    }
    return "";
}

constexpr const char* process_roles = "tidemark_writer, tidemark_runner, tidemark_projector";
constexpr const char* insufficient_privilege = "42501";

}  // namespace

TEST_CASE("postgres users: a process needs no more than three roles") {
    if (!has_postgres()) return;
    const postgres_database database;
    signed_in_store s{sign_in(database, process_roles)};
    const auto committed = s.commit(command(account("1"), expected_version::none(), "c1", 2));
    CHECK(committed.version == version{2});
    CHECK(s.read(account("1")).size() == 2);
    CHECK(run(s.store().read_all({}, 10))->events.size() == 2);
    CHECK(run(s.store().list_streams("", "", 10))->size() == 1);
    CHECK(run(s.store().status()).has_value());

    const auto stored = s.commit(effects({effect("key"), effect("key")}, "me"));
    REQUIRE(stored.claimed.size() == 1);
    CHECK(s.complete(stored.claimed[0]));
    const auto next = s.claim("me").claimed;
    REQUIRE(next.size() == 1);
    const completion held{.effect = next[0].effect.id, .token = next[0].token};
    CHECK(run(s.store().park(held, "broken", "by hand")).has_value());
    CHECK(run(s.store().drop(held.effect, {.actor = "ada", .reason = "test"})).has_value());

    const auto from = *run(s.store().load_checkpoint("m"));
    const checkpoint to{.position = committed.position, .incarnation = from.incarnation};
    const auto put = [](read_model& m) { m.put({.key = "k", .body = "{}", .indexes = {}}); };
    CHECK(run(s.store().update("m", from, to, put)).has_value());
    CHECK(run(s.store().erase_model("m")).has_value());
    const snapshot taken{.stream = account("1"),
                         .name = "account.state.v1",
                         .version = version{2},
                         .head = next_id(),
                         .payload = "{}"};
    CHECK(run(s.store().save_snapshot(taken)).has_value());
}

TEST_CASE("postgres users: that of a process cannot write the log but by appending") {
    if (!has_postgres()) return;
    const postgres_database database;
    signed_in_store s{sign_in(database, process_roles)};
    s.commit(request(account("1"), expected_version::none()));
    postgres_connection session{sign_in(database, process_roles)};
    for (const auto* script :
         {"UPDATE events SET name = 'x'", "DELETE FROM events", "TRUNCATE events",
          "INSERT INTO events SELECT * FROM events", "DELETE FROM answers", "TRUNCATE answers",
          "UPDATE meta SET incarnation = gen_random_uuid()", "SELECT setval('positions', 1)",
          "SELECT nextval('positions')", "CREATE TABLE mine(id int)", "DELETE FROM audit",
          "UPDATE audit SET reason = ''", "DELETE FROM migrations"}) {
        CAPTURE(script);
        CHECK(refusal_of(session, script) == insufficient_privilege);
    }
}

TEST_CASE("postgres users: a missing right is said with its remedy, and a reader only reads") {
    if (!has_postgres()) return;
    const postgres_database database;
    signed_in_store{database.options()}.commit(request(account("1"), expected_version::none()));
    auto options = sign_in(database, "tidemark_reader");
    options.is_read_only = true;
    signed_in_store reader{options};
    CHECK(reader.read(account("1")).size() == 1);
    CHECK(error_of(reader.append(request(account("1"), expected_version::any()))) ==
          errc::invalid_argument);

    options.is_read_only = false;
    signed_in_store refused{options};
    const auto told = refused.append(request(account("1"), expected_version::any()));
    REQUIRE(std::holds_alternative<error>(told));
    CHECK(std::get<error>(told).code() == errc::bad_setting);
    CHECK(std::get<error>(told).message().find("tidemark_writer") != std::string::npos);
}

namespace {

/// Somebody without a right, and what he is told when he opens the store.
struct rightless {
    const char* name;
    postgres_database::content has;
    const char* roles;
    /// Run by the owner before; USER is who signs in.
    std::string before;
    errc code;
    std::vector<std::string> says;
    std::vector<std::string> says_not;
};

void check_told(const rightless& who) {
    CAPTURE(who.name);
    const postgres_database database{who.has};
    const auto user = database.name() + "_rightless";
    const auto options = sign_in(database, who.roles, user);
    auto script = who.before;
    if (const auto at = script.find("USER"); at != script.npos) script.replace(at, 4, user);
    postgres_connection{database.options()}.execute(script);
    const auto opened = postgres_storage::open(options);
    REQUIRE(opened.has_error());
    const auto& told = opened.error();
    CHECK(told.code() == who.code);
    CHECK_MESSAGE(told.message().find("'" + user + "'") != std::string::npos, told.message());
    for (const auto& part : who.says) {
        CHECK_MESSAGE(told.message().find(part) != std::string::npos, told.message());
    }
    for (const auto& part : who.says_not) {
        CHECK_MESSAGE(told.message().find(part) == std::string::npos, told.message());
    }
}

}  // namespace

TEST_CASE("postgres users: who lacks a right at the start is told which, and who can give it") {
    if (!has_postgres()) return;
    using content = postgres_database::content;
    constexpr auto* last_is_pending =
        "DELETE FROM migrations WHERE version = (SELECT max(version) FROM migrations)";
    check_told({"a login without any role",
                content::migrated,
                "",
                "SELECT 1",
                errc::bad_setting,
                {"may not use schema 'tidemark'", "GRANT tidemark_writer"},
                {"migrate up"}});
    check_told({"a process, and migrations are pending",
                content::migrated,
                process_roles,
                last_is_pending,
                errc::schema_mismatch,
                {"may not apply them", "belongs to", "tidemark migrate up"},
                {"GRANT"}});
    check_told({"nothing migrated, and no right to make a schema",
                content::empty,
                "",
                "SELECT 1",
                errc::bad_setting,
                {"GRANT CREATE ON DATABASE", "tidemark migrate up"},
                {"tidemark_writer"}});
}

TEST_CASE("postgres users: whoever may make tables in the schema but does not own it is told so") {
    if (!has_postgres()) return;
    const postgres_database database;
    const auto user = database.name() + "_guest";
    const auto options = sign_in(database, process_roles, user);
    postgres_connection{database.options()}.execute(
        "GRANT CREATE ON SCHEMA tidemark TO " + user +
        "; DELETE FROM migrations WHERE version = (SELECT max(version) FROM migrations)");
    const auto told = migrate_postgres(options, false);
    REQUIRE(told.has_error());
    CHECK(told.error().code() == errc::schema_mismatch);
    CHECK(told.error().message().find("with the schema's owner") != std::string::npos);
}

TEST_CASE("postgres users: verifying makes a schema beside it, and says who may not") {
    if (!has_postgres()) return;
    const postgres_database database;
    const auto told = verify_postgres(sign_in(database, process_roles));
    REQUIRE(told.has_error());
    CHECK(told.error().code() == errc::bad_setting);
    CHECK(told.error().message().find("GRANT CREATE ON DATABASE") != std::string::npos);
}
