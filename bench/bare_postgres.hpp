#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bench {

/// One session of libpq without anything of ours: what the floors and limits are measured with.
/// Throws `std::runtime_error` with the server's words.
class bare_session {
  public:
    explicit bare_session(const std::string& url);

    void execute(const std::string& script);
    /// One event, one statement, one commit.
    void insert(const std::string& stream, std::int64_t version, const std::string& payload);
    /// Many events in one statement over arrays, each on a stream of its own.
    void insert_all(const std::vector<std::string>& streams, const std::string& payload);
    /// Bytes of all that a query yields by COPY in binary form.
    std::uint64_t copy(const std::string& query);

  private:
    void check(PGresult* answer, ExecStatusType wanted);

    std::unique_ptr<PGconn, void (*)(PGconn*)> session_;
};

/// A database of its own on the server of TIDEMARK_TEST_POSTGRES, dropped at the end.
class bench_database {
  public:
    bench_database();
    ~bench_database();
    bench_database(const bench_database&) = delete;
    bench_database& operator=(const bench_database&) = delete;
    [[nodiscard]] const std::string& url() const { return url_; }

  private:
    std::string server_;
    std::string name_;
    std::string url_;
};

}  // namespace bench
