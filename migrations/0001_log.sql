-- The log: events, the answers that were given, what was consumed, snapshots.

CREATE SEQUENCE positions AS bigint INCREMENT 1 MINVALUE 1 START 1 CACHE 1 NO CYCLE;

-- Where the log is served: the cluster and the database in it. A dump that was put elsewhere still
-- says where it came from.
CREATE FUNCTION log_home() RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog AS
$function$
  SELECT c.system_identifier || '/' || d.oid FROM pg_control_system() c, pg_database d
  WHERE d.datname = current_database()
$function$;

-- One row. incarnation: a log made anew has another one, so that what was read from a log that is
-- gone is recognised. home: where it was when somebody last said that it is whole. lock_tag: upper
-- 16 bits of the advisory locks by which appends publish how far the log was when they began.
CREATE TABLE meta(
  id smallint PRIMARY KEY DEFAULT 1 CHECK(id = 1),
  incarnation uuid NOT NULL DEFAULT gen_random_uuid(),
  home text NOT NULL DEFAULT log_home(),
  lock_tag integer NOT NULL CHECK(lock_tag BETWEEN 1 AND 32767),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp());

-- The tag differs from that of every other store of this database, or the two would hold each
-- other's readers back.
DO $do$
DECLARE
  store regclass;
  used integer[] := '{}';
  tag integer;
BEGIN
  FOR store IN
    SELECT c.oid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind = 'r' AND c.relname = 'meta' AND a.attname = 'lock_tag'
      AND NOT a.attisdropped AND c.oid <> 'meta'::regclass
      AND has_table_privilege(c.oid, 'SELECT')
  LOOP
    EXECUTE format('SELECT array_agg(lock_tag) || $1 FROM %s', store) INTO used USING used;
  END LOOP;
  LOOP
    tag := 1 + floor(random() * 32767)::integer;
    EXIT WHEN tag <= 32767 AND NOT tag = ANY(used);
  END LOOP;
  INSERT INTO meta(lock_tag) VALUES(tag);
END
$do$;

CREATE TABLE events(
  position bigint PRIMARY KEY,
  version bigint NOT NULL,
  recorded_at bigint NOT NULL,
  id uuid NOT NULL,
  correlation uuid NOT NULL,
  causation uuid NOT NULL,
  stream text COLLATE "C" NOT NULL,
  category text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  traceparent text COLLATE "C" NOT NULL,
  payload bytea NOT NULL,
  CONSTRAINT events_stream UNIQUE(stream, version),
  CONSTRAINT events_id UNIQUE(id));
CREATE INDEX events_category ON events(category, position);
-- Payloads of some kilobytes stay in the row as they are: they are read far more often than they
-- would be worth packing.
ALTER TABLE events ALTER COLUMN payload SET STORAGE EXTERNAL;
-- Rows are only added: statistics matter for few plans, but the visibility map for many reads.
ALTER TABLE events SET (autovacuum_vacuum_insert_scale_factor = 0.05,
                        autovacuum_analyze_scale_factor = 0.05);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  RAISE EXCEPTION '% of % is refused: what happened is never changed', lower(TG_OP), TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation',
          HINT = 'Append an event that corrects it; keep personal data outside the log.';
END
$function$;
CREATE TRIGGER events_are_facts BEFORE UPDATE OR DELETE ON events
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_stay BEFORE TRUNCATE ON events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- Also where a replica applies what it is sent.
ALTER TABLE events ENABLE ALWAYS TRIGGER events_are_facts;
ALTER TABLE events ENABLE ALWAYS TRIGGER events_stay;

-- What each command id was told. outcome: 0 committed, 1 refused.
CREATE TABLE answers(
  scope text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  payload_hash bigint NOT NULL,
  outcome smallint NOT NULL,
  stream text COLLATE "C" NOT NULL,
  first_version bigint NOT NULL,
  last_version bigint NOT NULL,
  position bigint NOT NULL,
  reason text NOT NULL,
  message text NOT NULL,
  at bigint NOT NULL,
  CONSTRAINT answers_id PRIMARY KEY(scope, id));

-- Up to which version each consumer of the bus has consumed each source stream.
CREATE TABLE consumptions(
  consumer text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  CONSTRAINT consumptions_source PRIMARY KEY(consumer, source)) WITH (fillfactor = 70);

CREATE TABLE snapshots(
  stream text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  head uuid NOT NULL,
  payload bytea NOT NULL,
  PRIMARY KEY(stream, name));
