-- For people with psql: payloads as jsonb, instants as timestamps.
CREATE FUNCTION readable_payload(payload bytea) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE STRICT
SET search_path FROM CURRENT AS $function$
BEGIN
  RETURN convert_from(payload, 'UTF8')::jsonb;
EXCEPTION WHEN OTHERS THEN
  RETURN to_jsonb(encode(payload, 'base64'));
END
$function$;

CREATE VIEW readable_events AS
  SELECT position, stream, version, name, readable_payload(payload) AS payload,
         to_timestamp(recorded_at / 1000000.0) AS recorded_at, id, correlation, causation,
         traceparent
  FROM events;

CREATE VIEW readable_effects AS
  SELECT sequence, id, (ARRAY['send', 'request', 'settle', 'timer'])[kind + 1] AS kind, source,
         target, timer_name, name, readable_payload(payload) AS payload, sequence_key, attempt,
         to_timestamp(due / 1000000.0) AS due, nullif(owner, '') AS owner,
         CASE WHEN owner <> '' THEN to_timestamp(lease_until / 1000000.0) END AS lease_until,
         to_timestamp(parked_at / 1000000.0) AS parked_at, error_code, error_message
  FROM effects;
