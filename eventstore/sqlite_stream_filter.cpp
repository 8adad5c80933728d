#include "tidemark/eventstore/sqlite_stream_filter.hpp"

#include <algorithm>
#include <functional>
#include <string_view>

namespace tidemark {
namespace {

std::uint64_t hash_of(std::string_view stream) { return std::hash<std::string_view>{}(stream); }

}  // namespace

void sqlite_stream_filter::load(sqlite_connection& connection) {
    const std::scoped_lock lock{mutex_};
    const auto streams = connection.query_integer("SELECT coalesce(max(id), 0) FROM streams");
    if (static_cast<std::size_t>(streams) > std::min(loaded_max, bound_)) return;
    sqlite_statement select{connection,
                            "SELECT name FROM streams UNION SELECT stream FROM snapshots"};
    auto rows = select.query();
    while (rows.next()) hashes_.insert(hash_of(rows.bytes(0)));
    knows_all_ = true;
}

void sqlite_stream_filter::add(const std::string& stream) {
    const std::scoped_lock lock{mutex_};
    if (!knows_all_) return;
    hashes_.insert(hash_of(stream));
    if (hashes_.size() > bound_) forget();
}

bool sqlite_stream_filter::may_hold(const std::string& stream) const {
    const std::scoped_lock lock{mutex_};
    return !knows_all_ || hashes_.contains(hash_of(stream));
}

void sqlite_stream_filter::forget() {
    knows_all_ = false;
    hashes_ = {};
}

}  // namespace tidemark
