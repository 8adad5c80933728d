#include "tidemark/eventstore/sqlite_connection.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>

namespace tidemark {
namespace {

constexpr int busy_timeout_ms = 5000;

errc classify(int code) {
    switch (code & 0xff) {
        case SQLITE_FULL:
            return errc::disk_full;
        // Checks come before writes: tables that refuse a write contradict each other.
        case SQLITE_CONSTRAINT:
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return errc::corrupt;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return errc::locked;
        case SQLITE_TOOBIG:
            return errc::too_large;
        case SQLITE_NOMEM:
            return errc::unavailable;
        default:
            return errc::io_error;
    }
}

std::string_view remedy(errc code) {
    switch (code) {
        case errc::disk_full:
            return "nothing was stored; free space and try again";
        case errc::corrupt:
            return "it is damaged or no database; restore it from a backup";
        case errc::locked:
            return "another process holds it; end that one and try again";
        case errc::too_large:
            return "send less at once";
        default:
            return "check the disk, the path and its permissions";
    }
}

}  // namespace

bool sqlite_failure::is_full() const { return (code_ & 0xff) == SQLITE_FULL; }
bool sqlite_failure::is_io() const { return (code_ & 0xff) == SQLITE_IOERR; }

error sqlite_failure::as_error(const std::string& path) const {
    const auto code = classify(code_);
    return {code, "SQLite file '" + path + "': " + what() + "; " + std::string{remedy(code)}};
}

sqlite_connection::sqlite_connection(const std::string& path, access how, const std::string& vfs) {
    const auto flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                       (how == access::read_write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                                  : SQLITE_OPEN_READONLY);
    const auto code =
        sqlite3_open_v2(path.c_str(), &handle_, flags, vfs.empty() ? nullptr : vfs.c_str());
    if (code != SQLITE_OK) {
        const std::string what = handle_ != nullptr ? sqlite3_errmsg(handle_) : "out of memory";
        sqlite3_close(handle_);
        throw sqlite_failure{code, "opening: " + what};
    }
    // A file that may only be read is opened all the same: every write would fail, one by one.
    if (how == access::read_write && sqlite3_db_readonly(handle_, "main") == 1) {
        sqlite3_close(handle_);
        throw sqlite_failure{SQLITE_READONLY, "opening: it may only be read, not written"};
    }
    sqlite3_busy_timeout(handle_, busy_timeout_ms);
}

sqlite_connection::~sqlite_connection() { sqlite3_close_v2(handle_); }

void sqlite_connection::execute(const std::string& sql) {
    const auto code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) fail(code, sql.substr(0, 60));
}

std::int64_t sqlite_connection::query_integer(const std::string& sql) {
    sqlite_statement statement{*this, sql};
    auto rows = statement.query();
    return rows.next() ? rows.integer(0) : 0;
}

std::string sqlite_connection::query_text(const std::string& sql) {
    sqlite_statement statement{*this, sql};
    auto rows = statement.query();
    return rows.next() ? rows.text(0) : std::string{};
}

std::int64_t sqlite_connection::changes() const { return sqlite3_changes64(handle_); }

void sqlite_connection::rollback() noexcept {
    if (sqlite3_get_autocommit(handle_) != 0) return;
    sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void sqlite_connection::fail(int code, std::string_view doing) const {
    throw sqlite_failure{code, std::string{doing} + ": " + sqlite3_errmsg(handle_)};
}

sqlite_rows::~sqlite_rows() {
    sqlite3_reset(statement_->handle_);
    sqlite3_clear_bindings(statement_->handle_);
}

bool sqlite_rows::next() {
    const auto code = sqlite3_step(statement_->handle_);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) statement_->connection_.fail(code, statement_->sql_.substr(0, 60));
    return false;
}

std::int64_t sqlite_rows::integer(int column) const {
    return sqlite3_column_int64(statement_->handle_, column);
}

std::uint64_t sqlite_rows::number(int column) const {
    return static_cast<std::uint64_t>(integer(column));
}

bool sqlite_rows::is_null(int column) const {
    return sqlite3_column_type(statement_->handle_, column) == SQLITE_NULL;
}

std::string_view sqlite_rows::bytes(int column) const {
    const auto* start = static_cast<const char*>(sqlite3_column_blob(statement_->handle_, column));
    const auto size = sqlite3_column_bytes(statement_->handle_, column);
    return start == nullptr ? std::string_view{}
                            : std::string_view{start, static_cast<std::size_t>(size)};
}

message_id sqlite_rows::id(int column) const {
    const auto stored = bytes(column);
    message_id::bytes value{};
    if (stored.size() == value.size()) std::memcpy(value.data(), stored.data(), value.size());
    return message_id{value};
}

instant sqlite_rows::at(int column) const { return instant{duration{integer(column)}}; }

stream_id sqlite_rows::stream(int column) const {
    return stream_id::parse(bytes(column)).value_or(stream_id{});
}

sqlite_statement::~sqlite_statement() { sqlite3_finalize(handle_); }

std::int64_t sqlite_statement::run(std::initializer_list<sqlite_value> values) {
    bind(values, false);
    sqlite_rows rows{*this};
    while (rows.next()) {
    }
    return connection_.changes();
}

sqlite_rows sqlite_statement::query(std::initializer_list<sqlite_value> values) {
    bind(values, true);
    return sqlite_rows{*this};
}

void sqlite_statement::bind(std::initializer_list<sqlite_value> values, bool is_copied) {
    if (handle_ == nullptr) {
        const auto code =
            sqlite3_prepare_v3(connection_.handle(), sql_.data(), static_cast<int>(sql_.size()),
                               SQLITE_PREPARE_PERSISTENT, &handle_, nullptr);
        if (code != SQLITE_OK) connection_.fail(code, sql_.substr(0, 60));
    }
    const auto lifetime = is_copied ? SQLITE_TRANSIENT : SQLITE_STATIC;
    auto index = 0;
    for (const auto& value : values) {
        ++index;
        auto code = SQLITE_OK;
        const auto* bytes = value.bytes().data() == nullptr ? "" : value.bytes().data();
        switch (value.type()) {
            case sqlite_value::kind::null:
                code = sqlite3_bind_null(handle_, index);
                break;
            case sqlite_value::kind::integer:
                code = sqlite3_bind_int64(handle_, index, value.integer());
                break;
            case sqlite_value::kind::text:
                code = sqlite3_bind_text64(handle_, index, bytes, value.bytes().size(), lifetime,
                                           SQLITE_UTF8);
                break;
            case sqlite_value::kind::blob:
                code = sqlite3_bind_blob64(handle_, index, bytes, value.bytes().size(), lifetime);
                break;
        }
        if (code != SQLITE_OK) connection_.fail(code, "binding a value");
    }
}

}  // namespace tidemark
