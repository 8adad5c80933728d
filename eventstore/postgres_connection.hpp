#pragma once

#include "tidemark/eventstore/postgres_failure.hpp"
#include "tidemark/eventstore/postgres_options.hpp"
#include "tidemark/eventstore/postgres_values.hpp"

#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

struct pg_conn;
struct pg_result;

namespace tidemark {

/// The rows of an answer, all in memory. Texts and bytes are valid as long as the rows are.
class postgres_rows {
  public:
    postgres_rows(pg_result* answer, std::int64_t changed);

    /// Steps to the next row; false behind the last one.
    [[nodiscard]] bool next() { return ++row_ < size_; }
    [[nodiscard]] int size() const { return size_; }
    /// Rows inserted, updated or deleted.
    [[nodiscard]] std::int64_t changed() const { return changed_; }

    [[nodiscard]] bool is_null(int column) const;
    /// Of an integer of any width.
    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::uint64_t number(int column) const {
        return static_cast<std::uint64_t>(integer(column));
    }
    [[nodiscard]] bool boolean(int column) const { return integer(column) != 0; }
    /// Of a text or of bytes; "" for NULL.
    [[nodiscard]] std::string_view bytes(int column) const;
    [[nodiscard]] std::string text(int column) const { return std::string{bytes(column)}; }
    /// Of a uuid or of 16 bytes.
    [[nodiscard]] message_id id(int column) const;
    /// Of microseconds since 1970 in an int8.
    [[nodiscard]] instant at(int column) const;
    [[nodiscard]] stream_id stream(int column) const;

  private:
    struct clear {
        void operator()(pg_result* answer) const;
    };

    std::unique_ptr<pg_result, clear> answer_;
    std::int64_t changed_ = 0;
    int row_ = -1;
    int size_ = 0;
};

/// One session with a server that takes writes, and the statements prepared in it. Owned by the
/// pool or by a writer's thread; one thread at a time. Every function blocks, never longer than
/// the timeouts of its options, and throws `postgres_failure`; after a lost connection every later
/// call throws, and the object is to be replaced.
class postgres_connection {
  public:
    using values = std::span<const postgres_value>;

    /// Connects to the first host that takes writes, or, to a read-only store, to the first.
    explicit postgres_connection(const postgres_options& options);
    ~postgres_connection();
    postgres_connection(const postgres_connection&) = delete;
    postgres_connection& operator=(const postgres_connection&) = delete;

    /// Runs one statement with binary parameters and a binary answer. `sql` must live as long as
    /// the connection (a literal): it is prepared at its first use and known by its text.
    postgres_rows run(std::string_view sql, values with);
    postgres_rows run(std::string_view sql, std::initializer_list<postgres_value> with = {}) {
        return run(sql, values{with.begin(), with.size()});
    }
    /// Prepares ahead of the first use; nothing through a pooler.
    void prepare(std::string_view sql, values like);
    /// Runs a script of statements without parameters; the last one's answer, in text form.
    postgres_rows execute(const std::string& script);

    /// False once the connection is lost, as far as can be told without asking the server.
    [[nodiscard]] bool is_alive();
    /// One round trip, given up after `at_most`.
    void ping(duration at_most);
    [[nodiscard]] bool in_transaction() const;

    /// Waits until a notification of another session arrives, the time is over or
    /// `stop_descriptor` (-1: none) becomes
    /// readable; whether one arrived. All that have arrived are taken.
    [[nodiscard]] bool wait_notification(duration at_most, int stop_descriptor);

    /// The URL of this session without its password.
    [[nodiscard]] const std::string& place() const { return place_; }
    /// The schema of its options.
    [[nodiscard]] const std::string& schema() const { return options_.schema; }
    /// Version of the server: 150004 is 15.4.
    [[nodiscard]] int server_version() const;
    /// "TLSv1.3, certificate verified", "not encrypted", …
    [[nodiscard]] std::string encryption() const;
    /// Process id of the session in the server, as `pg_stat_activity` shows it.
    [[nodiscard]] int backend() const;

  private:
    struct close {
        void operator()(pg_conn* session) const;
    };
    using session = std::unique_ptr<pg_conn, close>;

    void open(const postgres_options& options);
    [[nodiscard]] const std::string* name_of(std::string_view sql, values like);
    /// Throws unless something can be sent.
    void demand_alive();
    /// Throws what the session says about a call that could not be sent.
    [[noreturn]] void fail_unsent();
    [[nodiscard]] postgres_rows await_answer();
    [[nodiscard]] postgres_rows await_answer(duration at_most);
    /// The next answer of the statement under way; null behind the last one.
    [[nodiscard]] pg_result* next_answer(duration until);
    void forget_statements();
    static void note(void* self, const pg_result* notice);

    postgres_options options_;
    std::string place_;
    session session_;
    /// Text of each prepared statement → its name. Empty through a pooler.
    std::unordered_map<std::string_view, std::string> prepared_;
    /// The server said that a commit is not on the standby it waited for.
    bool is_commit_unsure_ = false;
};

}  // namespace tidemark
