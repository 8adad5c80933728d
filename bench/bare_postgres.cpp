#include "tidemark/bench/bare_postgres.hpp"

#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

namespace bench {
namespace {

constexpr auto insert_sql = "INSERT INTO bare(stream, version, payload) VALUES($1, $2, $3)";
constexpr auto insert_all_sql =
    "INSERT INTO bare(stream, version, payload) SELECT s, 1, $2 FROM unnest($1::text[]) AS s";

std::string server_url() {
    const auto* url = std::getenv("TIDEMARK_TEST_POSTGRES");
    if (url == nullptr) {
        throw std::runtime_error{
            "TIDEMARK_TEST_POSTGRES is not set: run this by "
            "tools/postgres_cluster.py COMMAND"};
    }
    return url;
}

}  // namespace

bare_session::bare_session(const std::string& url) : session_{PQconnectdb(url.c_str()), PQfinish} {
    if (PQstatus(session_.get()) != CONNECTION_OK) {
        throw std::runtime_error{PQerrorMessage(session_.get())};
    }
    execute(
        "SET client_min_messages = warning; CREATE TABLE IF NOT EXISTS bare(position bigserial "
        "PRIMARY KEY, stream text, version bigint, payload text, UNIQUE(stream, version))");
    check(PQprepare(session_.get(), "insert", insert_sql, 3, nullptr), PGRES_COMMAND_OK);
    check(PQprepare(session_.get(), "insert_all", insert_all_sql, 2, nullptr), PGRES_COMMAND_OK);
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

void bare_session::insert_all(const std::vector<std::string>& streams, const std::string& payload) {
    std::string all{"{"};
    for (const auto& stream : streams) all.append(all.size() == 1 ? "" : ",").append(stream);
    all += "}";
    const char* const values[] = {all.c_str(), payload.c_str()};
    check(PQexecPrepared(session_.get(), "insert_all", 2, values, nullptr, nullptr, 1),
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
    check(PQgetResult(session_.get()), PGRES_COMMAND_OK);
    while (auto* more = PQgetResult(session_.get())) PQclear(more);
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
