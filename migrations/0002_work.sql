-- Effects and timers that have not ended, and what operators did to dead letters.

CREATE SEQUENCE effect_sequences AS bigint INCREMENT 1 MINVALUE 1 START 1 CACHE 1 NO CYCLE;
-- Fencing tokens: one counter for all keys, so that none comes again.
CREATE SEQUENCE tokens AS bigint INCREMENT 1 MINVALUE 1 START 1 CACHE 1 NO CYCLE;

-- kind: 0 send, 1 request, 2 settle, 3 timer. is_head: nothing of its sequence key stands before
-- it; the lease of a key is kept on its head. unmet: how many of its tree must end first.
-- available_at: its due time or the end of its lease. owner: '' while under no lease.
CREATE TABLE effects(
  sequence bigint PRIMARY KEY DEFAULT nextval('effect_sequences'),
  source_version bigint NOT NULL,
  stored_at bigint NOT NULL,
  due bigint NOT NULL,
  available_at bigint NOT NULL,
  lease_until bigint NOT NULL,
  token bigint NOT NULL,
  parked_at bigint,
  tree_index integer NOT NULL,
  attempt integer NOT NULL,
  unmet integer NOT NULL,
  kind smallint NOT NULL,
  is_head boolean NOT NULL,
  id uuid NOT NULL,
  tree uuid NOT NULL,
  correlation uuid NOT NULL,
  causation uuid NOT NULL,
  source text COLLATE "C" NOT NULL,
  target text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  sequence_key text COLLATE "C",
  timer_name text COLLATE "C",
  owner text COLLATE "C" NOT NULL,
  after text COLLATE "C" NOT NULL,
  options text NOT NULL,
  traceparent text COLLATE "C" NOT NULL,
  error_code text COLLATE "C" NOT NULL DEFAULT '',
  error_message text NOT NULL DEFAULT '',
  payload bytea NOT NULL,
  CONSTRAINT effects_id UNIQUE(id));
CREATE INDEX effects_candidates ON effects(available_at, sequence)
  WHERE is_head AND unmet = 0 AND parked_at IS NULL;
-- Two transactions that both find a key free cannot both put their effect at its head.
CREATE UNIQUE INDEX effects_head ON effects(sequence_key)
  WHERE is_head AND sequence_key IS NOT NULL;
CREATE INDEX effects_key ON effects(sequence_key, sequence) WHERE sequence_key IS NOT NULL;
CREATE UNIQUE INDEX effects_timer ON effects(source, timer_name) WHERE timer_name IS NOT NULL;
CREATE INDEX effects_source ON effects(source, sequence);
CREATE INDEX effects_parked ON effects(sequence) INCLUDE (parked_at) WHERE parked_at IS NOT NULL;
-- Rows come and go: vacuum by count, not by share.
ALTER TABLE effects SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01,
                         autovacuum_vacuum_threshold = 2000);

-- Effects of one tree that wait for others of it.
CREATE TABLE effect_order(
  predecessor uuid NOT NULL,
  successor uuid NOT NULL,
  PRIMARY KEY(predecessor, successor));

CREATE TABLE audit(
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at bigint NOT NULL,
  actor text NOT NULL,
  reason text NOT NULL,
  action text NOT NULL,
  effect uuid NOT NULL,
  source text COLLATE "C" NOT NULL,
  message_name text COLLATE "C" NOT NULL);

-- Ends effects whatever their state; what waited for them goes on. The caller holds a lock on their
-- rows (FOR UPDATE, in the order of `sequence`). Answers how many there were.
CREATE FUNCTION end_effects(ended uuid[]) RETURNS bigint LANGUAGE plpgsql
  SET search_path FROM CURRENT SET enable_seqscan = off AS $function$
DECLARE
  keys text[];
  gone uuid[];
  found_next bigint;
  promoted_next bigint;
BEGIN
  WITH deleted AS (
    DELETE FROM effects WHERE id = ANY(ended) RETURNING id, sequence_key, is_head)
  SELECT array_agg(DISTINCT sequence_key ORDER BY sequence_key)
           FILTER (WHERE is_head AND sequence_key IS NOT NULL),
         array_agg(id)
    INTO keys, gone FROM deleted;
  IF gone IS NULL THEN RETURN 0; END IF;

  -- The next of a key can be ended by another transaction while we wait for its row; then the one
  -- behind it is looked for in a new snapshot, until every key that is not empty has a head.
  WHILE keys IS NOT NULL LOOP
    WITH following AS MATERIALIZED (
      SELECT next.sequence FROM unnest(keys) AS k(key), LATERAL (
        SELECT e.sequence, e.is_head FROM effects e WHERE e.sequence_key = k.key
          ORDER BY e.sequence LIMIT 1) next
      WHERE NOT next.is_head ORDER BY next.sequence),
    promoted AS (
      UPDATE effects SET is_head = true FROM following
        WHERE effects.sequence = following.sequence RETURNING 1)
    SELECT (SELECT count(*) FROM following), (SELECT count(*) FROM promoted)
      INTO found_next, promoted_next;
    EXIT WHEN found_next = promoted_next;
  END LOOP;

  PERFORM 1 FROM effect_order o WHERE o.predecessor = ANY(gone) LIMIT 1;
  IF FOUND THEN
    WITH freed AS (
      DELETE FROM effect_order o WHERE o.predecessor = ANY(gone) RETURNING o.successor)
    UPDATE effects SET unmet = unmet - met.predecessors
      FROM (SELECT successor, count(*) AS predecessors FROM freed GROUP BY successor) met
      WHERE effects.id = met.successor;
  END IF;
  RETURN cardinality(gone);
END
$function$;
