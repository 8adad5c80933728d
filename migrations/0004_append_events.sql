-- Stores appends of events, and the answers given with them, if nothing speaks against any of them:
-- the short way of most calls. at: NULL, and nothing is stored, if some head is not the expected
-- one or some command is known; `append` then tells which. A stored event id is a unique violation.
--
-- streams: each once, with what its first append expects (see `append`); the caller has seen that
-- its later appends follow from the first. event_offsets: 1 for the first event of the stream here.
-- answer_*: per command; its versions by their offset, its position by that of its last event.
-- befores: version of each stream before; drawn: position of each event, in order.
CREATE FUNCTION append_events(
  at_time bigint, streams text[], categories text[], expected bigint[], expected_heads uuid[],
  event_streams integer[], event_offsets integer[], event_ids uuid[], event_names text[],
  event_correlations uuid[], event_causations uuid[], event_traceparents text[],
  event_payloads bytea[],
  answer_streams integer[], answer_firsts integer[], answer_lasts integer[],
  answer_events integer[], scopes text[], commands text[], hashes bigint[], outcomes smallint[],
  reasons text[], messages text[],
  OUT at bigint, OUT befores bigint[], OUT drawn bigint[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path FROM CURRENT SET jit = off SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan AS $function$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'an append needs isolation level read committed, not %',
      current_setting('transaction_isolation') USING ERRCODE = 'invalid_transaction_state',
      HINT = 'Let default_transaction_isolation of this role and database be read committed.';
  END IF;

  -- Readers stay behind the lowest of these locks, so it must stand before a position is drawn.
  PERFORM pg_advisory_xact_lock_shared(
    (m.lock_tag::bigint << 48) | (p.last_value - CASE WHEN p.is_called THEN 0 ELSE 1 END))
    FROM meta m, positions p;

  IF cardinality(scopes) > 0 THEN
    PERFORM 1 FROM unnest(scopes, commands) AS c(scope, command), LATERAL (
      SELECT 1 FROM answers k WHERE k.scope = c.scope AND k.id = c.command LIMIT 1) k LIMIT 1;
    IF FOUND THEN RETURN; END IF;
  END IF;

  befores := ARRAY(
    SELECT CASE WHEN s.expected = -1 OR (s.expected = coalesce(h.version, 0)
                  AND (s.head = '00000000-0000-0000-0000-000000000000' OR s.head = h.id))
                THEN coalesce(h.version, 0) ELSE -1 END
    FROM unnest(streams, expected, expected_heads) AS s(stream, expected, head)
    LEFT JOIN LATERAL (SELECT e.version, e.id FROM events e
      WHERE e.stream = s.stream ORDER BY e.version DESC LIMIT 1) h ON true);
  IF -1 = ANY(befores) THEN RETURN; END IF;

  at := coalesce(at_time, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
  WITH added AS (
    INSERT INTO events(position, version, recorded_at, id, correlation, causation, stream,
                       category, name, traceparent, payload)
      SELECT nextval('positions'), befores[e.stream] + e.place, at, e.id, e.correlation,
             e.causation, streams[e.stream], categories[e.stream], e.name, e.traceparent, e.payload
      FROM unnest(event_streams, event_offsets, event_ids, event_names, event_correlations,
                  event_causations, event_traceparents, event_payloads)
        AS e(stream, place, id, name, correlation, causation, traceparent, payload)
      RETURNING position)
  SELECT array_agg(a.position) INTO drawn FROM added a;

  IF cardinality(scopes) > 0 THEN
    INSERT INTO answers(scope, id, payload_hash, outcome, stream, first_version, last_version,
                        position, reason, message, at)
      SELECT c.scope, c.command, c.hash, c.outcome, streams[c.stream],
             befores[c.stream] + c.first, befores[c.stream] + c.last, drawn[c.event], c.reason,
             c.message, at
      FROM unnest(answer_streams, answer_firsts, answer_lasts, answer_events, scopes, commands,
                  hashes, outcomes, reasons, messages)
        AS c(stream, first, last, event, scope, command, hash, outcome, reason, message);
  END IF;
END
$function$;

-- Stores one event, and the answer given with it, if nothing speaks against it: the shortest way,
-- for an append that travels alone. expected, expected_head: see `append`; answer_scope: '' without
-- a command. Answers when it was stored, the version of the stream before, and its position;
-- nothing if the head is not the expected one or the command is known.
CREATE FUNCTION append_event(
  at_time bigint, to_stream text, to_category text, expected bigint, expected_head uuid,
  event_id uuid, event_name text, event_correlation uuid, event_causation uuid,
  event_traceparent text, event_payload bytea, answer_scope text, answer_id text,
  answer_hash bigint, answer_outcome integer, answer_reason text, answer_message text)
RETURNS bigint[] LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path FROM CURRENT SET enable_seqscan = off AS $function$
DECLARE
  zero CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
  at bigint;
  head bigint;
  head_event uuid;
  drawn bigint;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'an append needs isolation level read committed, not %',
      current_setting('transaction_isolation') USING ERRCODE = 'invalid_transaction_state',
      HINT = 'Let default_transaction_isolation of this role and database be read committed.';
  END IF;

  -- Readers stay behind the lowest of these locks, so it must stand before a position is drawn. A
  -- sequence that was never called has no last value: the log is empty.
  PERFORM pg_advisory_xact_lock_shared(
    (m.lock_tag::bigint << 48) | coalesce(pg_sequence_last_value('positions'), 0)) FROM meta m;

  IF answer_scope <> '' THEN
    PERFORM 1 FROM answers k WHERE k.scope = answer_scope AND k.id = answer_id;
    IF FOUND THEN RETURN NULL; END IF;
  END IF;

  SELECT e.version, e.id INTO head, head_event FROM events e
    WHERE e.stream = to_stream ORDER BY e.version DESC LIMIT 1;
  head := coalesce(head, 0);
  IF expected >= 0 AND (expected <> head
                        OR expected_head <> zero AND expected_head IS DISTINCT FROM head_event) THEN
    RETURN NULL;
  END IF;

  at := coalesce(at_time, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
  drawn := nextval('positions');
  INSERT INTO events(position, version, recorded_at, id, correlation, causation, stream, category,
                     name, traceparent, payload)
    VALUES(drawn, head + 1, at, event_id, event_correlation, event_causation, to_stream,
           to_category, event_name, event_traceparent, event_payload);
  IF answer_scope <> '' THEN
    INSERT INTO answers(scope, id, payload_hash, outcome, stream, first_version, last_version,
                        position, reason, message, at)
      VALUES(answer_scope, answer_id, answer_hash, answer_outcome, to_stream, head, head + 1,
             drawn, answer_reason, answer_message, at);
  END IF;
  RETURN ARRAY[at, head, drawn];
END
$function$;
