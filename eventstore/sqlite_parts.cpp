#include "tidemark/eventstore/sqlite_parts.hpp"

#include "tidemark/eventstore/sqlite_schema.hpp"

#include <unistd.h>

#include <algorithm>

namespace tidemark {
namespace {

constexpr std::string_view durability_pragma(sqlite_durability chosen) {
    return chosen == sqlite_durability::full ? "PRAGMA synchronous = FULL"
                                             : "PRAGMA synchronous = NORMAL";
}

void tune(sqlite_connection& connection, const sqlite_options& options) {
    connection.execute(std::string{durability_pragma(options.durability)});
    connection.execute("PRAGMA temp_store = MEMORY");
    connection.execute("PRAGMA cache_size = -16384");
    connection.execute("PRAGMA journal_size_limit = 67108864");
    limit_file_size(connection, options.file_bytes_max);
}

message_id incarnation_of(sqlite_connection& connection) {
    sqlite_statement select{connection, "SELECT incarnation FROM meta WHERE id = 1"};
    auto rows = select.query();
    return rows.next() ? rows.id(0) : message_id{};
}

}  // namespace

void limit_file_size(sqlite_connection& connection, std::uint64_t bytes_max) {
    constexpr std::uint64_t pages_unlimited = 4294967294;
    const auto page_bytes =
        static_cast<std::uint64_t>(connection.query_integer("PRAGMA page_size"));
    const auto pages =
        bytes_max == 0 ? pages_unlimited : std::max<std::uint64_t>(bytes_max / page_bytes, 1);
    std::ignore = connection.query_integer("PRAGMA max_page_count = " + std::to_string(pages));
}

result<std::unique_ptr<sqlite_parts>> sqlite_parts::open(const clock& time,
                                                         sqlite_options options) {
    std::unique_ptr<sqlite_parts> parts{new sqlite_parts{time, std::move(options)}};
    try {
        if (auto fault = parts->start()) return std::move(*fault);
    } catch (const sqlite_failure& failed) {
        return failed.as_error(parts->options.path);
    }
    return parts;
}

std::optional<error> sqlite_parts::start() {
    if (options.path.empty()) {
        return error{errc::bad_setting, "the SQLite file has no name; give its path"};
    }
    if (options.is_read_only && ::access(options.path.c_str(), F_OK) != 0) {
        return error{errc::not_found, "'" + options.path +
                                          "' does not exist; name the file of a "
                                          "store that has been served"};
    }
    if (!options.is_read_only) {
        auto held = file_lock::acquire(options.path);
        if (!held) return held.error();
        lock = std::move(*held);
    }
    if (auto fault = check_sqlite_header(options.path)) return fault;
    if (options.is_read_only) {
        sqlite_connection seen{options.path, sqlite_connection::access::read_only, options.vfs};
        if (auto fault = check_sqlite_schema(seen, options.path)) return fault;
    } else if (auto fault = start_writer()) {
        return fault;
    }
    readers = std::make_unique<sqlite_readers>(options);
    return std::nullopt;
}

std::optional<error> sqlite_parts::start_writer() {
    auto tables = std::make_unique<sqlite_writes>(options.path, options.vfs);
    auto& connection = tables->connection;
    connection.execute("PRAGMA synchronous = FULL");
    if (auto fault = migrate_sqlite(connection, options.path, time.now())) return fault;
    tune(connection, options);
    streams.load(connection);
    tables->prepare(incarnation_of(connection), streams);
    writer = std::make_unique<sqlite_writer>(std::move(tables), time, options,
                                             [this] { wakes.notify(); });
    return std::nullopt;
}

void sqlite_parts::push(std::unique_ptr<sqlite_write> work) {
    if (writer) {
        writer->push(std::move(work));
        return;
    }
    work->fail({errc::invalid_argument, "'" + options.path +
                                            "' is open for reading only; ask the process that "
                                            "serves it, or open it for writing"});
}

}  // namespace tidemark
