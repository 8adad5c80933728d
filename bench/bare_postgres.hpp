#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bench {

/// Names of streams that lie all over an index, as those that people choose do.
[[nodiscard]] std::string spread_name(std::uint64_t number);

/// One session of libpq without anything of ours: what the floors and limits are measured with.
/// Throws `std::runtime_error` with the server's words.
class bare_session {
  public:
    explicit bare_session(const std::string& url);

    void execute(const std::string& script);
    /// One event, one statement, one commit.
    void insert(const std::string& stream, std::int64_t version, const std::string& payload);
    /// Many events in one statement over arrays in binary, each on a stream of its own; returns
    /// once it is sent. `socket` is ready to be read when there may be news for `is_answered`.
    void send_many(const std::vector<std::string>& streams,
                   const std::vector<std::string>& payloads);
    [[nodiscard]] int socket() const;
    [[nodiscard]] bool is_answered();
    /// The same, and waits.
    void insert_many(const std::vector<std::string>& streams,
                     const std::vector<std::string>& payloads);
    /// Rows of a table of keys and bodies ("documents", "places"), in one statement over an array.
    void upsert(const std::string& table, const std::vector<std::string>& keys,
                const std::string& body);
    /// Bytes of all that a query yields by COPY in binary form.
    std::uint64_t copy(const std::string& query);

  private:
    void check(PGresult* answer, ExecStatusType wanted);
    void drain();

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
