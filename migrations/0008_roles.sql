-- Who may do what. The roles are groups: grant them to the role a process signs in as. They belong
-- to the whole cluster; where the migrating role may not create them, an administrator does so and
-- repeats the grants below.
--   tidemark_writer     appends, and nothing else that changes the log
--   tidemark_runner     works on effects, timers and dead letters, forgets old answers
--   tidemark_projector  keeps read models and snapshots
--   tidemark_reader     reads
DO $do$
DECLARE
  role text;
  here text := current_schema();
BEGIN
  FOREACH role IN ARRAY ARRAY['tidemark_writer', 'tidemark_runner', 'tidemark_projector',
                              'tidemark_reader'] LOOP
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = role) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', role);
      EXCEPTION
        WHEN duplicate_object OR unique_violation THEN NULL;
        WHEN insufficient_privilege THEN
          RAISE WARNING 'role % is missing, and % may not create it: its grants are left out',
            role, current_user;
          CONTINUE;
      END;
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', here, role);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO %I', here, role);
    EXECUTE format('GRANT SELECT ON ALL SEQUENCES IN SCHEMA %I TO %I', here, role);
  END LOOP;
END
$do$;

DO $do$
DECLARE
  here text := current_schema();
  f record;
  role text;
BEGIN
  EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA %I FROM PUBLIC', here);
  FOR f IN
    SELECT p.oid::regprocedure AS name, p.proname,
           CASE p.proname WHEN 'append' THEN ARRAY['tidemark_writer']
                          WHEN 'append_event' THEN ARRAY['tidemark_writer']
                          WHEN 'append_events' THEN ARRAY['tidemark_writer']
                          WHEN 'end_effects' THEN ARRAY['tidemark_runner']
                          WHEN 'prune_answers' THEN ARRAY['tidemark_runner']
                          WHEN 'refuse_change' THEN ARRAY[]::text[]
                          WHEN 'find_repeats' THEN ARRAY[]::text[]
                          ELSE ARRAY['tidemark_writer', 'tidemark_runner', 'tidemark_projector',
                                     'tidemark_reader'] END AS roles
    FROM pg_proc p WHERE p.pronamespace = here::regnamespace
  LOOP
    FOREACH role IN ARRAY f.roles LOOP
      CONTINUE WHEN NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = role);
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', f.name, role);
    END LOOP;
  END LOOP;
  IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'tidemark_runner') THEN
    EXECUTE format('GRANT INSERT, UPDATE, DELETE ON %I.effects, %1$I.effect_order TO '
                   'tidemark_runner', here);
    EXECUTE format('GRANT INSERT ON %I.audit TO tidemark_runner', here);
    EXECUTE format('GRANT USAGE ON SEQUENCE %I.tokens, %1$I.effect_sequences TO '
                   'tidemark_runner', here);
  END IF;
  IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'tidemark_projector') THEN
    EXECUTE format('GRANT INSERT, UPDATE, DELETE ON %I.models, %1$I.documents, '
                   '%1$I.document_indexes, %1$I.snapshots TO tidemark_projector', here);
  END IF;
END
$do$;
