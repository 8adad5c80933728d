-- Which of the asked appends are stored already: their event ids stand in the log together, in this
-- order, on their stream, with their answer. culprit: ids that are stored, but not so.
CREATE FUNCTION find_repeats(
  asked boolean[], streams text[], event_counts integer[], scopes text[], commands text[],
  event_appends integer[], event_indexes integer[], event_ids uuid[],
  effect_appends integer[], effect_ids uuid[], effect_timers text[])
RETURNS TABLE(append integer, version bigint, "position" bigint, at bigint, culprit uuid)
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off AS $function$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT f.append,
           max(f.version), max(f.position), max(f.recorded_at),
           CASE WHEN count(*) = event_counts[f.append] AND bool_and(f.stream = streams[f.append])
                     AND max(f.version - f.index) = min(f.version - f.index)
                     AND (scopes[f.append] = '' OR EXISTS (
                       SELECT 1 FROM answers k
                       WHERE k.scope = scopes[f.append] AND k.id = commands[f.append]))
                THEN NULL ELSE (array_agg(f.id ORDER BY f.index))[1] END
    FROM (SELECT e.append, e.index, e.id, s.stream, s.version, s.position, s.recorded_at
          FROM unnest(event_appends, event_indexes, event_ids) AS e(append, index, id), LATERAL (
            SELECT l.stream, l.version, l.position, l.recorded_at FROM events l
            WHERE l.id = e.id LIMIT 1) s
          WHERE asked[e.append]) f
    GROUP BY f.append;
  -- Effects alone are known again by the first of them.
  RETURN QUERY
    SELECT f.append, s.source_version, NULL::bigint, s.stored_at, NULL::uuid
    FROM (SELECT DISTINCT ON (e.append) e.append, e.id
          FROM unnest(effect_appends, effect_ids, effect_timers) WITH ORDINALITY
            AS e(append, id, timer, place)
          WHERE e.timer = '' AND asked[e.append] AND event_counts[e.append] = 0
            AND scopes[e.append] = ''
          ORDER BY e.append, e.place) f, LATERAL (
      SELECT l.source_version, l.stored_at FROM effects l WHERE l.id = f.id LIMIT 1) s;
END
$function$;

-- Stores independent appends, each as a whole or not at all, and tells the outcome of each.
--
-- at_time: now by the caller's clock; NULL: the database's. check_ids: look first whether the ids
-- are stored already; asked for after a unique violation, for then some are.
-- Arrays by subject; the elements of one subject are parallel, and `*_appends` says which append an
-- element belongs to (from 1). The appends of one stream stand together, the first of them is its
-- lead. No id, command, timer name or consumption stands in two appends of one call.
-- expected: -1 any, otherwise the version of the head; expected_heads: zero, or the head's event.
-- scopes: '' without a command. effect_keys, effect_timers: '' for none.
--
-- Rows: one of kind 8 for each effect that its owner holds (id; position: its token); then one per
-- append, in order. kind 0: committed (version, position, at). 1: conflict (version: the head).
-- 2: answered before (outcome, stream, first_version, version, position, reason, message).
-- 3, 4, 5: completion, fire, consumption number `version` is stale (position: what was consumed
-- last). 6: the command id was used with another payload. 7: event `id` is stored already.
CREATE FUNCTION append(
  at_time bigint, check_ids boolean,
  streams text[], leads boolean[], expected bigint[], expected_heads uuid[],
  event_counts integer[], last_events uuid[],
  scopes text[], commands text[], hashes bigint[], outcomes smallint[],
  reasons text[], messages text[],
  event_appends integer[], event_indexes integer[], event_ids uuid[], event_streams text[],
  event_categories text[], event_names text[], event_correlations uuid[],
  event_causations uuid[], event_traceparents text[], event_payloads bytea[],
  effect_appends integer[], effect_ids uuid[], effect_kinds smallint[], effect_sources text[],
  effect_targets text[], effect_names text[], effect_payloads bytea[], effect_keys text[],
  effect_trees uuid[], effect_indexes integer[], effect_afters text[], effect_unmets integer[],
  effect_options text[], effect_correlations uuid[], effect_causations uuid[],
  effect_traceparents text[], effect_timers text[], effect_dues bigint[],
  effect_owners text[], effect_leases bigint[],
  order_appends integer[], order_predecessors uuid[], order_successors uuid[],
  held_appends integer[], held_indexes integer[], held_ids uuid[], held_tokens bigint[],
  fire_appends integer[], fire_indexes integer[], fire_streams text[], fire_names text[],
  fire_ids uuid[],
  end_appends integer[], end_ids uuid[],
  cancel_appends integer[], cancel_streams text[], cancel_names text[],
  consumed_appends integer[], consumed_indexes integer[], consumed_consumers text[],
  consumed_sources text[], consumed_versions bigint[])
RETURNS TABLE(kind smallint, version bigint, "position" bigint, at bigint, id uuid,
              first_version bigint, outcome smallint, stream text, reason text, message text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path FROM CURRENT SET jit = off SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan AS $function$
#variable_conflict use_column
DECLARE
  zero CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
  now_at CONSTANT bigint :=
    coalesce(at_time, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
  size CONSTANT integer := cardinality(streams);
  has_work CONSTANT boolean := cardinality(effect_ids) + cardinality(held_ids)
    + cardinality(end_ids) + cardinality(cancel_names) + cardinality(fire_ids) > 0;
  -- By append: what becomes of it (9: stored before), the version before it, how many events are
  -- stored before its own (-1: none of its own are), what stands in the answer.
  kinds smallint[] := array_fill(0::smallint, ARRAY[size]);
  befores bigint[] := array_fill(0::bigint, ARRAY[size]);
  slots integer[] := array_fill(-1, ARRAY[size]);
  versions bigint[] := array_fill(0::bigint, ARRAY[size]);
  places bigint[] := array_fill(0::bigint, ARRAY[size]);
  times bigint[] := array_fill(now_at, ARRAY[size]);
  culprits uuid[] := array_fill(zero, ARRAY[size]);
  stales smallint[] := '{}';
  stale_indexes bigint[] := '{}';
  stale_lasts bigint[] := '{}';
  asked boolean[];
  wanted bigint[];
  ended uuid[];
  busy text[];
  drawn bigint[];
  has_refusal boolean := false;
  has_repeat boolean := false;
  has_empty boolean := false;
  stored integer := 0;
  head bigint := 0;
  head_event uuid;
  last_position bigint := 0;
  changed bigint;
  r record;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'an append needs isolation level read committed, not %',
      current_setting('transaction_isolation') USING ERRCODE = 'invalid_transaction_state',
      HINT = 'Let default_transaction_isolation of this role and database be read committed.';
  END IF;

  -- Readers stay behind the lowest of these locks, so it must stand before a position is drawn.
  IF cardinality(event_ids) > 0 THEN
    PERFORM pg_advisory_xact_lock_shared(
      (m.lock_tag::bigint << 48) | (p.last_value - CASE WHEN p.is_called THEN 0 ELSE 1 END))
      FROM meta m, positions p;
  END IF;

  -- Every row of work that this call may end or stand behind, locked in one order.
  IF has_work THEN
    SELECT array_agg(DISTINCT w.sequence ORDER BY w.sequence) INTO wanted FROM (
      SELECT e.sequence FROM unnest(end_ids || held_ids || fire_ids) AS u(id), LATERAL (
        SELECT l.sequence FROM effects l WHERE l.id = u.id LIMIT 1) e
      UNION ALL
      SELECT e.sequence FROM unnest(effect_keys) AS u(key), LATERAL (
        SELECT l.sequence FROM effects l
        WHERE l.sequence_key = u.key AND l.is_head AND u.key <> '' LIMIT 1) e
      UNION ALL
      SELECT e.sequence FROM unnest(cancel_streams, cancel_names) AS u(stream, name), LATERAL (
        SELECT l.sequence FROM effects l
        WHERE l.source = u.stream AND l.timer_name = u.name LIMIT 1) e) w;
    IF wanted IS NOT NULL THEN
      PERFORM 1 FROM effects e WHERE e.sequence = ANY(wanted) ORDER BY e.sequence FOR UPDATE;
    END IF;
  END IF;

  IF cardinality(held_ids) + cardinality(fire_ids) + cardinality(consumed_sources) > 0 THEN
    stales := array_fill(0::smallint, ARRAY[size]);
    stale_indexes := array_fill(0::bigint, ARRAY[size]);
    stale_lasts := array_fill(0::bigint, ARRAY[size]);
    -- Backwards, so that the first of an append is the one that is told.
    FOR r IN
      SELECT c.append, 5::smallint AS what, c.index, coalesce(l.version, 0) AS last
      FROM unnest(consumed_appends, consumed_indexes, consumed_consumers, consumed_sources,
                  consumed_versions) AS c(append, index, consumer, source, version)
      LEFT JOIN LATERAL (SELECT s.version FROM consumptions s
        WHERE s.consumer = c.consumer AND s.source = c.source LIMIT 1) l ON true
      WHERE c.version <> coalesce(l.version, 0) + 1
      UNION ALL
      SELECT f.append, 4::smallint, f.index, 0
      FROM unnest(fire_appends, fire_indexes, fire_streams, fire_names, fire_ids)
        AS f(append, index, stream, name, id)
      LEFT JOIN LATERAL (SELECT true AS is_set FROM effects s
        WHERE s.source = f.stream AND s.timer_name = f.name AND s.id = f.id LIMIT 1) l ON true
      WHERE l.is_set IS NULL
      UNION ALL
      SELECT h.append, 3::smallint, h.index, 0
      FROM unnest(held_appends, held_indexes, held_ids, held_tokens)
        AS h(append, index, id, token)
      LEFT JOIN LATERAL (SELECT true AS is_held FROM effects s
        WHERE s.id = h.id AND s.token = h.token AND s.owner <> '' LIMIT 1) l ON true
      WHERE l.is_held IS NULL
      ORDER BY 2 DESC, 3 DESC
    LOOP
      stales[r.append] := r.what;
      stale_indexes[r.append] := r.index;
      stale_lasts[r.append] := r.last;
    END LOOP;
  END IF;

  IF check_ids THEN
    asked := array_fill(true, ARRAY[size]);
    FOR r IN SELECT * FROM find_repeats(asked, streams, event_counts, scopes, commands,
        event_appends, event_indexes, event_ids, effect_appends, effect_ids, effect_timers)
    LOOP
      kinds[r.append] := CASE WHEN r.culprit IS NULL THEN 9 ELSE 7 END;
      versions[r.append] := r.version;
      places[r.append] := r.position;
      times[r.append] := r.at;
      culprits[r.append] := coalesce(r.culprit, zero);
      has_repeat := true;
    END LOOP;
  END IF;

  -- What becomes of each, in order, each against the result of those before it.
  FOR r IN
    SELECT a.place::integer AS i, a.lead, a.expected, a.expected_head, a.events, a.last_event,
           h.version, h.id, k.payload_hash, a.hash
    FROM unnest(streams, leads, expected, expected_heads, event_counts, last_events, scopes,
                commands, hashes) WITH ORDINALITY
      AS a(stream, lead, expected, expected_head, events, last_event, scope, command, hash, place)
    LEFT JOIN LATERAL (SELECT e.version, e.id FROM events e
      WHERE a.lead AND e.stream = a.stream ORDER BY e.version DESC LIMIT 1) h ON true
    LEFT JOIN LATERAL (SELECT s.payload_hash FROM answers s
      WHERE a.scope <> '' AND s.scope = a.scope AND s.id = a.command LIMIT 1) k ON true
    ORDER BY a.place
  LOOP
    IF r.lead THEN
      head := coalesce(r.version, 0);
      head_event := r.id;
    END IF;
    IF kinds[r.i] <> 0 THEN
      CONTINUE;
    ELSIF r.payload_hash IS NOT NULL THEN
      kinds[r.i] := CASE WHEN r.payload_hash = r.hash THEN 2 ELSE 6 END;
      has_refusal := true;
    ELSIF stales[r.i] > 0 THEN
      kinds[r.i] := stales[r.i];
      versions[r.i] := stale_indexes[r.i];
      places[r.i] := stale_lasts[r.i];
      has_refusal := true;
    ELSIF r.expected >= 0 AND (r.expected <> head OR
        r.expected_head <> zero AND r.expected_head IS DISTINCT FROM head_event) THEN
      kinds[r.i] := 1;
      versions[r.i] := head;
      has_refusal := true;
    ELSE
      befores[r.i] := head;
      IF r.events > 0 THEN
        slots[r.i] := stored;
        stored := stored + r.events;
        head := head + r.events;
        head_event := r.last_event;
      ELSE
        has_empty := true;
      END IF;
      versions[r.i] := head;
    END IF;
  END LOOP;

  -- A refusal may be that of an append that was stored the first time it was sent.
  IF has_refusal AND NOT check_ids THEN
    SELECT array_agg(k <> 0 ORDER BY place) INTO asked
      FROM unnest(kinds) WITH ORDINALITY AS u(k, place);
    FOR r IN SELECT * FROM find_repeats(asked, streams, event_counts, scopes, commands,
        event_appends, event_indexes, event_ids, effect_appends, effect_ids, effect_timers)
    LOOP
      kinds[r.append] := CASE WHEN r.culprit IS NULL THEN 9 ELSE 7 END;
      versions[r.append] := r.version;
      places[r.append] := r.position;
      times[r.append] := r.at;
      culprits[r.append] := coalesce(r.culprit, zero);
      has_repeat := true;
    END LOOP;
  END IF;

  IF stored > 0 THEN
    drawn := ARRAY(SELECT nextval('positions') FROM generate_series(1, stored));
    INSERT INTO events(position, version, recorded_at, id, correlation, causation, stream,
                       category, name, traceparent, payload)
      SELECT drawn[slots[e.append] + e.index], befores[e.append] + e.index, now_at, e.id,
             e.correlation, e.causation, e.stream, e.category, e.name, e.traceparent, e.payload
      FROM unnest(event_appends, event_indexes, event_ids, event_streams, event_categories,
                  event_names, event_correlations, event_causations, event_traceparents,
                  event_payloads)
        AS e(append, index, id, stream, category, name, correlation, causation, traceparent,
             payload)
      WHERE slots[e.append] >= 0;
  END IF;
  -- What was stored before may not be on its standby yet, and whoever is told of it takes it for
  -- safe. A commit that writes waits until everything before it is there.
  IF (has_repeat OR 2 = ANY(kinds)) AND current_setting('synchronous_standby_names') <> '' THEN
    PERFORM pg_logical_emit_message(true, 'tidemark', '');
  END IF;

  IF has_empty OR has_repeat THEN
    SELECT coalesce(max(e.position), 0) INTO last_position FROM events e;
  END IF;

  IF cardinality(end_ids) + cardinality(cancel_names) > 0 THEN
    SELECT array_agg(u.id) INTO ended FROM (
      SELECT e.id FROM unnest(end_appends, end_ids) AS e(append, id) WHERE kinds[e.append] = 0
      UNION ALL
      SELECT t.id FROM unnest(cancel_appends, cancel_streams, cancel_names)
          AS c(append, stream, name), LATERAL (
        SELECT l.id FROM effects l WHERE l.source = c.stream AND l.timer_name = c.name LIMIT 1) t
      WHERE kinds[c.append] = 0) u;
    IF ended IS NOT NULL THEN PERFORM end_effects(ended); END IF;
  END IF;

  IF cardinality(consumed_sources) > 0 THEN
    WITH moved AS (
      INSERT INTO consumptions AS s(consumer, source, version)
        SELECT c.consumer, c.source, c.version
        FROM unnest(consumed_appends, consumed_consumers, consumed_sources, consumed_versions)
          AS c(append, consumer, source, version)
        WHERE kinds[c.append] = 0 ORDER BY c.consumer, c.source
      ON CONFLICT (consumer, source) DO UPDATE SET version = excluded.version
        WHERE s.version = excluded.version - 1
      RETURNING 1)
    SELECT count(*) - (SELECT count(*) FROM unnest(consumed_appends) AS c(append)
                       WHERE kinds[c.append] = 0) INTO changed FROM moved;
    IF changed <> 0 THEN
      RAISE EXCEPTION 'another transaction consumed the same version'
        USING ERRCODE = 'serialization_failure';
    END IF;
  END IF;

  IF cardinality(effect_ids) > 0 THEN
    -- Keys whose head stays. The lock keeps it until we are stored behind it; a key that another
    -- transaction takes meanwhile fails our insert as the second head.
    SELECT array_agg(h.sequence_key) INTO busy FROM (
      SELECT e.sequence_key FROM effects e
      WHERE e.is_head AND e.sequence_key = ANY(effect_keys) FOR KEY SHARE) h;
    RETURN QUERY
      WITH added AS (
      INSERT INTO effects(sequence, source_version, stored_at, due, available_at, lease_until,
                          token, tree_index, attempt, unmet, kind, is_head, id, tree, correlation,
                          causation, source, target, name, sequence_key, timer_name, owner, after,
                          options, traceparent, payload)
      SELECT f.sequence, versions[f.append], now_at, f.due,
             CASE WHEN f.is_claimed THEN now_at + f.lease ELSE f.due END,
             CASE WHEN f.is_claimed THEN now_at + f.lease ELSE 0 END,
             CASE WHEN f.is_claimed THEN nextval('tokens') ELSE 0 END,
             f.index, f.is_claimed::integer, f.unmet, f.kind, f.is_head, f.id, f.tree,
             f.correlation, f.causation, f.source, f.target, f.name, nullif(f.key, ''),
             nullif(f.timer, ''), CASE WHEN f.is_claimed THEN f.owner ELSE '' END, f.after,
             f.options, f.traceparent, f.payload
      FROM (SELECT g.*, g.is_head AND g.unmet = 0 AND g.owner <> '' AND g.timer = '' AS is_claimed
            FROM (SELECT nextval('effect_sequences') AS sequence, e.*,
                         CASE WHEN e.timer = '' THEN now_at ELSE e.due_at END AS due,
                         e.key = '' OR (e.rank = 1 AND e.key <> ALL(coalesce(busy, '{}')))
                           AS is_head
                  FROM (SELECT u.*, row_number() OVER (
                               PARTITION BY u.key, u.key = '' ORDER BY u.place) AS rank
                        FROM unnest(effect_appends, effect_ids, effect_kinds, effect_sources,
                                    effect_targets, effect_names, effect_payloads, effect_keys,
                                    effect_trees, effect_indexes, effect_afters, effect_unmets,
                                    effect_options, effect_correlations, effect_causations,
                                    effect_traceparents, effect_timers, effect_dues,
                                    effect_owners, effect_leases) WITH ORDINALITY
                          AS u(append, id, kind, source, target, name, payload, key, tree, index,
                               after, unmet, options, correlation, causation, traceparent, timer,
                               due_at, owner, lease, place)
                        WHERE kinds[u.append] = 0 AND NOT (check_ids AND EXISTS (
                          SELECT 1 FROM effects l WHERE l.id = u.id))) e
                  ORDER BY e.place) g) f
      RETURNING effects.source_version, effects.token, effects.lease_until, effects.id)
      SELECT 8::smallint, w.source_version, w.token, w.lease_until, w.id, 0::bigint, 0::smallint,
             NULL::text, NULL::text, NULL::text
      FROM added w WHERE w.token > 0;
    INSERT INTO effect_order(predecessor, successor)
      SELECT o.predecessor, o.successor
      FROM unnest(order_appends, order_predecessors, order_successors)
        AS o(append, predecessor, successor)
      WHERE kinds[o.append] = 0;
    IF has_repeat THEN
      RETURN QUERY
        SELECT 8::smallint, l.source_version, l.token, l.lease_until, l.id, 0::bigint, 0::smallint,
               NULL::text, NULL::text, NULL::text
        FROM unnest(effect_appends, effect_ids, effect_owners) AS u(append, id, owner), LATERAL (
          SELECT e.* FROM effects e WHERE e.id = u.id LIMIT 1) l
        WHERE kinds[u.append] = 9 AND u.owner <> '' AND l.owner = u.owner
          AND l.lease_until > now_at;
    END IF;
  END IF;

  INSERT INTO answers(scope, id, payload_hash, outcome, stream, first_version, last_version,
                      position, reason, message, at)
    SELECT a.scope, a.command, a.hash, a.outcome, a.stream, befores[a.place], versions[a.place],
           CASE WHEN a.events > 0 THEN drawn[slots[a.place] + a.events] ELSE last_position END,
           a.reason, a.message, now_at
    FROM unnest(streams, scopes, commands, hashes, outcomes, reasons, messages, event_counts)
        WITH ORDINALITY
      AS a(stream, scope, command, hash, outcome, reason, message, events, place)
    WHERE a.scope <> '' AND kinds[a.place] = 0;

  RETURN QUERY
    SELECT CASE kinds[a.place] WHEN 9 THEN 0::smallint ELSE kinds[a.place] END,
           coalesce(k.last_version, versions[a.place]),
           CASE WHEN kinds[a.place] = 0 AND slots[a.place] >= 0
                THEN drawn[slots[a.place] + a.events]
                WHEN kinds[a.place] IN (0, 9) AND a.events = 0 THEN last_position
                ELSE coalesce(k.position, places[a.place]) END,
           times[a.place], culprits[a.place], coalesce(k.first_version, 0),
           coalesce(k.outcome, 0::smallint), k.stream, k.reason, k.message
    FROM unnest(event_counts, scopes, commands) WITH ORDINALITY
      AS a(events, scope, command, place)
    LEFT JOIN LATERAL (SELECT s.* FROM answers s
      WHERE kinds[a.place] = 2 AND s.scope = a.scope AND s.id = a.command LIMIT 1) k ON true
    ORDER BY a.place;
END
$function$;
