#include "tidemark/eventstore/sqlite_counters.hpp"

namespace tidemark {

sqlite_counters::sqlite_counters(sqlite_connection& connection)
    : select_{connection, "SELECT position, token, effect, streams FROM meta WHERE id = 1"},
      update_{connection,
              "UPDATE meta SET position = ?, token = ?, effect = ?, streams = ? WHERE id = 1"} {}

void sqlite_counters::load() {
    auto rows = select_.query();
    if (!rows.next()) throw sqlite_failure{11, "the row of table meta is missing"};
    stored_ = {rows.number(0), rows.number(1), rows.number(2), rows.number(3)};
    current_ = stored_;
}

void sqlite_counters::store() {
    if (current_ == stored_) return;
    update_.run({current_.position, current_.token, current_.effect, current_.streams});
    stored_ = current_;
}

}  // namespace tidemark
