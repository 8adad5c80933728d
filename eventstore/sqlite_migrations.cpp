#include "tidemark/eventstore/sqlite_migrations.hpp"

#include "tidemark/core/ids.hpp"

#include <array>

namespace tidemark {
namespace {

constexpr std::string_view first_tables = R"sql(
CREATE TABLE migrations(
  version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
  applied_at INTEGER NOT NULL) STRICT;

-- One row. The counters only grow, so that a position, a token and a place in the order of effects
-- never come again, whatever was deleted.
CREATE TABLE meta(
  id INTEGER PRIMARY KEY CHECK(id = 1), incarnation BLOB NOT NULL, position INTEGER NOT NULL,
  token INTEGER NOT NULL, effect INTEGER NOT NULL, streams INTEGER NOT NULL) STRICT;
INSERT INTO meta VALUES(1, randomblob(16), 0, 0, 0, 0);

CREATE TABLE categories(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE streams(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, version INTEGER NOT NULL,
  head BLOB NOT NULL, last_position INTEGER NOT NULL, last_recorded_at INTEGER NOT NULL) STRICT;
CREATE TABLE events(
  position INTEGER PRIMARY KEY, stream INTEGER NOT NULL, version INTEGER NOT NULL,
  category INTEGER NOT NULL, id BLOB NOT NULL, name TEXT NOT NULL, payload BLOB NOT NULL,
  correlation BLOB NOT NULL, causation BLOB NOT NULL, traceparent TEXT NOT NULL,
  recorded_at INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX events_stream ON events(stream, version);
CREATE UNIQUE INDEX events_id ON events(id);
CREATE INDEX events_category ON events(category, position);

CREATE TABLE answers(
  scope TEXT NOT NULL, id TEXT NOT NULL, payload_hash INTEGER NOT NULL, outcome INTEGER NOT NULL,
  stream TEXT NOT NULL, first_version INTEGER NOT NULL, last_version INTEGER NOT NULL,
  position INTEGER NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY(scope, id)) STRICT, WITHOUT ROWID;
CREATE TABLE consumptions(
  consumer TEXT NOT NULL, source TEXT NOT NULL, version INTEGER NOT NULL,
  PRIMARY KEY(consumer, source)) STRICT, WITHOUT ROWID;
CREATE TABLE snapshots(
  stream TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, head BLOB NOT NULL,
  payload BLOB NOT NULL, PRIMARY KEY(stream, name)) STRICT;

-- Effects and timers not ended. is_head: nothing of its sequence key stands before it. unmet: how
-- many of its tree must end first. available_at: its due time or the end of its lease.
CREATE TABLE effects(
  sequence INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, kind INTEGER NOT NULL,
  source TEXT NOT NULL, source_version INTEGER NOT NULL, target TEXT NOT NULL, name TEXT NOT NULL,
  payload BLOB NOT NULL, sequence_key TEXT, tree BLOB NOT NULL, tree_index INTEGER NOT NULL,
  after TEXT NOT NULL, options TEXT NOT NULL, correlation BLOB NOT NULL, causation BLOB NOT NULL,
  traceparent TEXT NOT NULL, timer_name TEXT, attempt INTEGER NOT NULL,
  stored_at INTEGER NOT NULL, due INTEGER NOT NULL, is_head INTEGER NOT NULL,
  unmet INTEGER NOT NULL, owner TEXT, token INTEGER NOT NULL, lease_until INTEGER NOT NULL,
  available_at INTEGER NOT NULL, parked_at INTEGER, error_code TEXT NOT NULL DEFAULT '',
  error_message TEXT NOT NULL DEFAULT '') STRICT;
CREATE INDEX effects_candidates ON effects(available_at, sequence)
  WHERE is_head = 1 AND unmet = 0 AND parked_at IS NULL;
CREATE INDEX effects_key ON effects(sequence_key, sequence) WHERE sequence_key IS NOT NULL;
CREATE UNIQUE INDEX effects_timer ON effects(source, timer_name) WHERE timer_name IS NOT NULL;
CREATE INDEX effects_source ON effects(source, sequence);
CREATE INDEX effects_parked ON effects(sequence) WHERE parked_at IS NOT NULL;
-- Lets counting pass over any number of timers.
CREATE INDEX effects_work ON effects(sequence) WHERE timer_name IS NULL;
CREATE TABLE effect_order(
  predecessor BLOB NOT NULL, successor BLOB NOT NULL,
  PRIMARY KEY(predecessor, successor)) STRICT, WITHOUT ROWID;
CREATE TABLE audit(
  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL,
  action TEXT NOT NULL, effect BLOB NOT NULL, source TEXT NOT NULL,
  message_name TEXT NOT NULL) STRICT;

-- A model without a name was replaced or erased; its documents are cleared away in small steps.
CREATE TABLE models(
  id INTEGER PRIMARY KEY, name TEXT UNIQUE, position INTEGER NOT NULL,
  incarnation BLOB NOT NULL, documents INTEGER NOT NULL) STRICT;
CREATE TABLE documents(
  model INTEGER NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, indexes BLOB NOT NULL,
  PRIMARY KEY(model, key)) STRICT, WITHOUT ROWID;
CREATE TABLE document_indexes(
  model INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, key TEXT NOT NULL,
  PRIMARY KEY(model, name, value, key)) STRICT, WITHOUT ROWID;
)sql";

constexpr std::array migrations{
    sqlite_migration{.version = 1, .name = "first tables", .sql = first_tables},
};

}  // namespace

std::span<const sqlite_migration> sqlite_migrations() { return migrations; }

std::string checksum_of(const sqlite_migration& step) {
    return message_id::derive({"sqlite migration", step.sql}).to_string();
}

}  // namespace tidemark
