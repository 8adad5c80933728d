-- Read models and checkpoints. A model without a name was replaced or erased; its documents are
-- cleared away in small steps.
CREATE TABLE models(
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C",
  position bigint NOT NULL,
  incarnation uuid NOT NULL,
  documents bigint NOT NULL,
  CONSTRAINT models_name UNIQUE(name)) WITH (fillfactor = 50);
CREATE TABLE documents(
  model bigint NOT NULL,
  key text COLLATE "C" NOT NULL,
  body text NOT NULL,
  indexes bytea NOT NULL,
  PRIMARY KEY(model, key));
CREATE TABLE document_indexes(
  model bigint NOT NULL,
  name text COLLATE "C" NOT NULL,
  value text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  PRIMARY KEY(model, name, value, key));
