-- The position up to which everything is decided: no event at or below it can appear any more.
-- Every append holds a shared lock named by how far the log was before it drew a position, so
-- nothing at or below the lowest of these names is still to come. The order of the steps matters,
-- and so does that each is a statement of its own. An event must be read in a later statement.
CREATE FUNCTION horizon() RETURNS bigint LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path FROM CURRENT SET jit = off AS $function$
DECLARE
  drawn bigint;
  undecided bigint;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'the horizon needs isolation level read committed, not %',
      current_setting('transaction_isolation') USING ERRCODE = 'invalid_transaction_state',
      HINT = 'Let default_transaction_isolation of this role and database be read committed.';
  END IF;
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'the horizon is known to the primary only'
      USING ERRCODE = 'read_only_sql_transaction',
      HINT = 'Connect to the primary (target_session_attrs=read-write).';
  END IF;
  SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END INTO drawn FROM positions;
  SELECT min(((l.classid::bigint & 65535) << 32) | l.objid::bigint) INTO undecided
    FROM pg_locks l, meta m
    WHERE l.locktype = 'advisory' AND l.objsubid = 1
      AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND l.classid::bigint >> 16 = m.lock_tag;
  RETURN least(drawn, undecided);
END
$function$;

-- Events of a category after a position, up to one that was the horizon before this statement. They
-- are compared as rows, which only the index of categories can do: with an equality the planner may
-- go through all positions, and passes over the whole log for a rare category. A bitmap would read
-- all of a large category for one page of it.
CREATE FUNCTION read_category(of_category text, after bigint, until bigint, most bigint)
RETURNS TABLE("position" bigint, version bigint, recorded_at bigint, id uuid, correlation uuid,
              causation uuid, stream text, name text, traceparent text, payload bytea)
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT SET jit = off SET enable_seqscan = off
SET enable_bitmapscan = off SET enable_sort = off AS $function$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT e.position, e.version, e.recorded_at, e.id, e.correlation, e.causation,
                      e.stream, e.name, e.traceparent, e.payload
    FROM events e
    WHERE (e.category, e.position) > (of_category, after)
      AND (e.category, e.position) <= (of_category, until)
    ORDER BY e.category, e.position LIMIT most;
END
$function$;

-- Events after a position up to the horizon, in order, at most `most` of them; of one category
-- unless it is ''. The last row has no stream: version is the horizon, position the last event
-- looked at, whatever its category.
CREATE FUNCTION read_log(after bigint, most bigint, of_category text)
RETURNS TABLE("position" bigint, version bigint, recorded_at bigint, id uuid, correlation uuid,
              causation uuid, stream text, name text, traceparent text, payload bytea)
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT SET jit = off SET enable_seqscan = off
AS $function$
#variable_conflict use_column
DECLARE
  decided CONSTANT bigint := horizon();
  found bigint;
  last bigint;
BEGIN
  IF of_category = '' THEN
    RETURN QUERY SELECT e.position, e.version, e.recorded_at, e.id, e.correlation, e.causation,
                        e.stream, e.name, e.traceparent, e.payload
      FROM events e WHERE e.position > after AND e.position <= decided
      ORDER BY e.position LIMIT most;
  ELSE
    RETURN QUERY SELECT * FROM read_category(of_category, after, decided, most);
  END IF;
  GET DIAGNOSTICS found = ROW_COUNT;
  IF found < most THEN
    SELECT e.position INTO last FROM events e WHERE e.position > after AND e.position <= decided
      ORDER BY e.position DESC LIMIT 1;
  END IF;
  RETURN QUERY SELECT last, decided, NULL::bigint, NULL::uuid, NULL::uuid, NULL::uuid, NULL::text,
                      NULL::text, NULL::text, NULL::bytea;
END
$function$;

-- Streams whose name starts with `prefix`, in order after `after`: one look into the index each.
CREATE FUNCTION list_streams(prefix text, after text, most bigint)
RETURNS TABLE(stream text, version bigint, "position" bigint, recorded_at bigint)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET jit = off SET enable_seqscan = off
AS $function$
#variable_conflict use_column
DECLARE
  at_stream text COLLATE "C" := after;
  listed bigint := 0;
  is_first boolean := prefix COLLATE "C" > after COLLATE "C";
BEGIN
  WHILE listed < most LOOP
    IF is_first THEN
      SELECT e.stream INTO at_stream FROM events e WHERE e.stream >= prefix COLLATE "C"
        ORDER BY e.stream, e.version LIMIT 1;
      is_first := false;
    ELSE
      SELECT e.stream INTO at_stream FROM events e WHERE e.stream > at_stream
        ORDER BY e.stream, e.version LIMIT 1;
    END IF;
    EXIT WHEN at_stream IS NULL OR NOT starts_with(at_stream, prefix);
    RETURN QUERY SELECT e.stream, e.version, e.position, e.recorded_at FROM events e
      WHERE e.stream = at_stream ORDER BY e.version DESC LIMIT 1;
    listed := listed + 1;
  END LOOP;
END
$function$;

-- How many streams there are: exact up to `exact_up_to`, beyond by the planner's statistics.
CREATE FUNCTION count_streams(exact_up_to bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET jit = off SET enable_seqscan = off
AS $function$
DECLARE
  at_stream text COLLATE "C" := '';
  counted bigint := 0;
  estimate double precision;
BEGIN
  LOOP
    SELECT e.stream INTO at_stream FROM events e WHERE e.stream > at_stream
      ORDER BY e.stream, e.version LIMIT 1;
    EXIT WHEN at_stream IS NULL;
    counted := counted + 1;
    EXIT WHEN counted >= exact_up_to;
  END LOOP;
  IF at_stream IS NULL THEN RETURN counted; END IF;
  SELECT CASE WHEN s.n_distinct >= 0 THEN s.n_distinct ELSE -s.n_distinct * c.reltuples END
    INTO estimate FROM pg_stats s, pg_class c
    WHERE c.oid = 'events'::regclass AND s.schemaname = c.relnamespace::regnamespace::text
      AND s.tablename = 'events' AND s.attname = 'stream';
  RETURN greatest(counted, coalesce(estimate, 0)::bigint);
END
$function$;

-- What must hold before the log is served: nothing, or what is wrong.
CREATE FUNCTION find_log_fault() RETURNS text LANGUAGE plpgsql STABLE
SET search_path FROM CURRENT AS $function$
DECLARE
  s record;
  last bigint;
  drawn bigint;
BEGIN
  SELECT seqincrement, seqcache, seqcycle INTO s FROM pg_sequence
    WHERE seqrelid = 'positions'::regclass;
  IF s.seqincrement <> 1 OR s.seqcache <> 1 OR s.seqcycle THEN
    RETURN format('sequence positions has INCREMENT %s, CACHE %s, CYCLE %s: readers would miss '
                  'events; set INCREMENT 1 CACHE 1 NO CYCLE', s.seqincrement, s.seqcache,
                  s.seqcycle);
  END IF;
  SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END INTO drawn FROM positions;
  SELECT max(position) INTO last FROM events;
  IF last > drawn THEN
    RETURN format('sequence positions stands at %s, but the log at %s: was it restored in parts? '
                  'Run SELECT setval(''positions'', %s)', drawn, last, last);
  END IF;
  RETURN NULL;
END
$function$;

-- Sessions that hold the horizon back, the one that does so most first. For a prepared transaction
-- pid and state are NULL, application is its name and client the role that prepared it.
CREATE FUNCTION horizon_holders()
RETURNS TABLE("position" bigint, pid integer, application text, client text, state text,
              began timestamptz) LANGUAGE sql STABLE SECURITY DEFINER
SET search_path FROM CURRENT AS $function$
  SELECT ((l.classid::bigint & 65535) << 32) | l.objid::bigint, l.pid,
         coalesce(a.application_name, x.gid),
         coalesce(host(a.client_addr), x.owner::text, 'local'), a.state,
         coalesce(a.xact_start, x.prepared)
  FROM meta m, pg_locks l
  LEFT JOIN pg_stat_activity a ON a.pid = l.pid
  LEFT JOIN pg_locks t ON l.pid IS NULL AND t.pid IS NULL AND t.locktype = 'transactionid'
    AND t.virtualtransaction = l.virtualtransaction
  LEFT JOIN pg_prepared_xacts x ON x.transaction = t.transactionid
  WHERE l.locktype = 'advisory' AND l.objsubid = 1
    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    AND l.classid::bigint >> 16 = m.lock_tag
  ORDER BY 1, 6
$function$;

-- One step of forgetting answers: looks at `most` of them behind (after_scope, after_id), in the
-- order of scope and id. Kept: those younger than `retention`; those to an effect that has not
-- ended (its id stands in theirs); all of a stream that settles something (kind 2).
CREATE FUNCTION prune_answers(at_time bigint, after_scope text, after_id text, retention bigint,
                              most bigint)
RETURNS TABLE(pruned bigint, looked bigint, last_scope text, last_id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path FROM CURRENT SET jit = off SET enable_seqscan = off AS $function$
DECLARE
  before CONSTANT bigint :=
    coalesce(at_time, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) - retention;
BEGIN
  RETURN QUERY
    WITH page AS MATERIALIZED (
      SELECT a.scope, a.id, a.at,
             CASE WHEN a.id ~ '^(answer:)?[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$'
                  THEN right(a.id, 36)::uuid END AS effect
      FROM answers a WHERE (a.scope, a.id) > (after_scope COLLATE "C", after_id COLLATE "C")
      ORDER BY a.scope, a.id LIMIT most),
    gone AS (
      DELETE FROM answers d USING page p
      WHERE d.scope = p.scope AND d.id = p.id AND p.at < before
        AND NOT EXISTS (SELECT 1 FROM effects e WHERE e.id = p.effect)
        AND NOT EXISTS (SELECT 1 FROM effects e WHERE e.source = p.scope AND e.kind = 2)
      RETURNING 1)
    SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM page), p.scope, p.id
    FROM page p ORDER BY p.scope DESC, p.id DESC LIMIT 1;
END
$function$;
