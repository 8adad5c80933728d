#pragma once

#include "tidemark/core/error.hpp"
#include "tidemark/core/ids.hpp"
#include "tidemark/core/version.hpp"

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace tidemark {

/// What SQLite said. Thrown inside the backend only; its rim turns it into an `error`.
class sqlite_failure : public std::runtime_error {
  public:
    sqlite_failure(int code, const std::string& what) : std::runtime_error{what}, code_{code} {}
    /// Extended result code.
    [[nodiscard]] int code() const { return code_; }
    [[nodiscard]] bool is_full() const;
    /// The operating system failed; whether a commit reached the disk is not known.
    [[nodiscard]] bool is_io() const;
    [[nodiscard]] error as_error(const std::string& path) const;

  private:
    int code_;
};

/// One bound parameter. Refers to texts and bytes: they must outlive the call it is passed to.
class sqlite_value {
  public:
    enum class kind : std::uint8_t { null, integer, text, blob };

    sqlite_value(std::nullopt_t) {}  // NOLINT(google-explicit-constructor)
    template <std::integral T>
    sqlite_value(T value)  // NOLINT(google-explicit-constructor)
        : kind_{kind::integer}, integer_{static_cast<std::int64_t>(value)} {}
    sqlite_value(version v) : sqlite_value{v.value()} {}   // NOLINT(google-explicit-constructor)
    sqlite_value(position p) : sqlite_value{p.value()} {}  // NOLINT(google-explicit-constructor)
    sqlite_value(instant at)                               // NOLINT(google-explicit-constructor)
        : sqlite_value{at.time_since_epoch().count()} {}
    sqlite_value(std::string_view text)  // NOLINT(google-explicit-constructor)
        : kind_{kind::text}, bytes_{text} {}
    sqlite_value(const std::string& text)  // NOLINT(google-explicit-constructor)
        : sqlite_value{std::string_view{text}} {}
    sqlite_value(const char*) = delete;
    sqlite_value(const message_id& id)  // NOLINT(google-explicit-constructor)
        : kind_{kind::blob},
          bytes_{reinterpret_cast<const char*>(id.value().data()), id.value().size()} {}
    [[nodiscard]] static sqlite_value blob(std::string_view bytes) {
        sqlite_value value{bytes};
        value.kind_ = kind::blob;
        return value;
    }

    [[nodiscard]] kind type() const { return kind_; }
    [[nodiscard]] std::int64_t integer() const { return integer_; }
    [[nodiscard]] std::string_view bytes() const { return bytes_; }

  private:
    kind kind_ = kind::null;
    std::int64_t integer_ = 0;
    std::string_view bytes_;
};

class sqlite_statement;

/// One connection and the statements prepared on it. Not thread-safe: one thread at a time.
class sqlite_connection {
  public:
    enum class access : std::uint8_t { read_write, read_only };
    /// Opens, or creates with `read_write`. `vfs`: name of a registered one, empty: the platform's.
    sqlite_connection(const std::string& path, access how, const std::string& vfs = {});
    ~sqlite_connection();
    sqlite_connection(const sqlite_connection&) = delete;
    sqlite_connection& operator=(const sqlite_connection&) = delete;

    /// Runs statements without parameters and results.
    void execute(const std::string& sql);
    /// First column of the first row of a query.
    [[nodiscard]] std::int64_t query_integer(const std::string& sql);
    [[nodiscard]] std::string query_text(const std::string& sql);
    /// Rows changed by the last statement.
    [[nodiscard]] std::int64_t changes() const;
    /// Ends an open transaction, if SQLite has not done so by itself. Does not throw.
    void rollback() noexcept;

    [[nodiscard]] sqlite3* handle() const { return handle_; }
    [[noreturn]] void fail(int code, std::string_view doing) const;

  private:
    sqlite3* handle_ = nullptr;
};

/// Result rows under way. Resets its statement when it ends; at most one per statement at a time.
/// Texts and bytes are valid until the next `next`.
class sqlite_rows {
  public:
    explicit sqlite_rows(sqlite_statement& statement) : statement_{&statement} {}
    ~sqlite_rows();
    sqlite_rows(const sqlite_rows&) = delete;
    sqlite_rows& operator=(const sqlite_rows&) = delete;

    [[nodiscard]] bool next();
    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::uint64_t number(int column) const;
    [[nodiscard]] bool is_null(int column) const;
    [[nodiscard]] std::string_view bytes(int column) const;
    [[nodiscard]] std::string text(int column) const { return std::string{bytes(column)}; }
    [[nodiscard]] message_id id(int column) const;
    [[nodiscard]] instant at(int column) const;
    [[nodiscard]] stream_id stream(int column) const;

  private:
    sqlite_statement* statement_;
};

/// A statement, prepared at its first use and kept. `sql` must live as long: a literal.
class sqlite_statement {
  public:
    sqlite_statement(sqlite_connection& connection, std::string_view sql)
        : connection_{connection}, sql_{sql} {}
    ~sqlite_statement();
    sqlite_statement(const sqlite_statement&) = delete;
    sqlite_statement& operator=(const sqlite_statement&) = delete;

    /// Runs it to its end; the number of rows changed.
    std::int64_t run(std::initializer_list<sqlite_value> values = {});
    /// Binds copies and answers the rows to come.
    [[nodiscard]] sqlite_rows query(std::initializer_list<sqlite_value> values = {});

  private:
    friend class sqlite_rows;
    void bind(std::initializer_list<sqlite_value> values, bool is_copied);

    sqlite_connection& connection_;
    std::string_view sql_;
    sqlite3_stmt* handle_ = nullptr;
};

}  // namespace tidemark
