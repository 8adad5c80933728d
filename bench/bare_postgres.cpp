#include "tidemark/bench/bare_postgres.hpp"

#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

namespace bench {
namespace {

constexpr auto insert_sql = "INSERT INTO bare(stream, version, payload) VALUES($1, $2, $3)";
constexpr auto insert_many_sql =
    "INSERT INTO bare(stream, version, payload) SELECT stream, 1, payload FROM "
    "unnest($1::text[], $2::text[]) AS e(stream, payload)";
constexpr std::uint32_t text_type = 25;
/// Of one of the tables below.
std::string upsert_sql(const std::string& table) {
    return "INSERT INTO bare_" + table +
           "(key, body) SELECT k, $2 FROM unnest($1::text[]) AS k ON CONFLICT (key) DO UPDATE SET "
           "body = excluded.body";
}

constexpr auto tables_sql =
    "SET client_min_messages = warning; CREATE TABLE IF NOT EXISTS bare(position bigserial "
    "PRIMARY KEY, stream text, version bigint, payload text, UNIQUE(stream, version)); "
    "CREATE TABLE IF NOT EXISTS bare_documents(key text PRIMARY KEY, body text); "
    "CREATE TABLE IF NOT EXISTS bare_places(key text PRIMARY KEY, body text)";

/// As the text of an array; the values need no quotes.
std::string array_of(const std::vector<std::string>& values) {
    std::string all{"{"};
    for (const auto& each : values) all.append(all.size() == 1 ? "" : ",").append(each);
    return all + "}";
}

std::string server_url() {
    const auto* url = std::getenv("TIDEMARK_TEST_POSTGRES");
    if (url == nullptr) {
        throw std::runtime_error{
            "TIDEMARK_TEST_POSTGRES is not set: run this by "
            "tools/postgres_cluster.py COMMAND"};
    }
    return url;
}

void put(std::string& to, std::uint32_t number) {
    for (const auto shift : {24U, 16U, 8U, 0U}) to += static_cast<char>(number >> shift);
}

/// A text[] as the protocol has it in binary.
std::string text_array(const std::vector<std::string>& texts) {
    std::string made;
    const auto count = static_cast<std::uint32_t>(texts.size());
    for (const auto number : {1U, 0U, text_type, count, 1U}) put(made, number);
    for (const auto& text : texts) {
        put(made, static_cast<std::uint32_t>(text.size()));
        made += text;
    }
    return made;
}

}  // namespace

std::string spread_name(std::uint64_t number) {
    return "account-" + std::to_string(number * 0x9E3779B97F4A7C15U);
}

bare_session::bare_session(const std::string& url) : session_{PQconnectdb(url.c_str()), PQfinish} {
    if (PQstatus(session_.get()) != CONNECTION_OK) {
        throw std::runtime_error{PQerrorMessage(session_.get())};
    }
    execute(tables_sql);
    check(PQprepare(session_.get(), "insert", insert_sql, 3, nullptr), PGRES_COMMAND_OK);
    check(PQprepare(session_.get(), "insert_many", insert_many_sql, 2, nullptr), PGRES_COMMAND_OK);
    for (const auto* table : {"documents", "places"}) {
        const auto sql = upsert_sql(table);
        check(PQprepare(session_.get(), table, sql.c_str(), 2, nullptr), PGRES_COMMAND_OK);
    }
}

void bare_session::check(PGresult* answer, ExecStatusType wanted) {
    const auto is_wanted = PQresultStatus(answer) == wanted;
    PQclear(answer);
    if (!is_wanted) throw std::runtime_error{PQerrorMessage(session_.get())};
}

void bare_session::execute(const std::string& script) {
    check(PQexec(session_.get(), script.c_str()), PGRES_COMMAND_OK);
}

void bare_session::insert(const std::string& stream, std::int64_t version,
                          const std::string& payload) {
    const auto at = std::to_string(version);
    const char* const values[] = {stream.c_str(), at.c_str(), payload.c_str()};
    check(PQexecPrepared(session_.get(), "insert", 3, values, nullptr, nullptr, 1),
          PGRES_COMMAND_OK);
}

void bare_session::send_many(const std::vector<std::string>& streams,
                             const std::vector<std::string>& payloads) {
    const auto names = text_array(streams);
    const auto contents = text_array(payloads);
    const char* const values[] = {names.data(), contents.data()};
    const int lengths[] = {static_cast<int>(names.size()), static_cast<int>(contents.size())};
    const int formats[] = {1, 1};
    if (PQsendQueryPrepared(session_.get(), "insert_many", 2, values, lengths, formats, 1) != 1) {
        throw std::runtime_error{PQerrorMessage(session_.get())};
    }
}

int bare_session::socket() const { return PQsocket(session_.get()); }

bool bare_session::is_answered() {
    if (PQconsumeInput(session_.get()) != 1) {
        throw std::runtime_error{PQerrorMessage(session_.get())};
    }
    if (PQisBusy(session_.get()) == 1) return false;
    drain();
    return true;
}

void bare_session::drain() {
    while (auto* answer = PQgetResult(session_.get())) check(answer, PGRES_COMMAND_OK);
}

void bare_session::insert_many(const std::vector<std::string>& streams,
                               const std::vector<std::string>& payloads) {
    send_many(streams, payloads);
    drain();
}

void bare_session::upsert(const std::string& table, const std::vector<std::string>& keys,
                          const std::string& body) {
    const auto all = array_of(keys);
    const char* const values[] = {all.c_str(), body.c_str()};
    check(PQexecPrepared(session_.get(), table.c_str(), 2, values, nullptr, nullptr, 1),
          PGRES_COMMAND_OK);
}

std::uint64_t bare_session::copy(const std::string& query) {
    check(PQexec(session_.get(), ("COPY (" + query + ") TO STDOUT (FORMAT binary)").c_str()),
          PGRES_COPY_OUT);
    std::uint64_t bytes = 0;
    char* row = nullptr;
    for (auto size = PQgetCopyData(session_.get(), &row, 0); size > 0;
         size = PQgetCopyData(session_.get(), &row, 0)) {
        bytes += static_cast<std::uint64_t>(size);
        PQfreemem(row);
    }
    drain();
    return bytes;
}

bench_database::bench_database() : server_{server_url()} {
    static int made = 0;
    name_ = "tidemark_bench_" + std::to_string(::getpid()) + "_" + std::to_string(++made);
    bare_session{server_}.execute("CREATE DATABASE " + name_);
    const auto path = server_.find('/', server_.find("://") + 3);
    const auto query = server_.find('?');
    url_ = server_.substr(0, std::min(path, query)) + "/" + name_ +
           (query == std::string::npos ? "" : server_.substr(query));
}

bench_database::~bench_database() {
    try {
        bare_session{server_}.execute("DROP DATABASE " + name_ + " WITH (FORCE)");
    } catch (const std::exception&) {
        // A database that stays behind disturbs nobody: the server goes with the run.
    }
}

}  // namespace bench
